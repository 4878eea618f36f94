"""Incidents as they are, and everything that ever happened to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from seamwatch.core.incident_life import Incident, IncidentChange
from seamwatch.core.incident_timeline import IncidentEvent, ToldVerdict
from seamwatch.core.results import Window
from seamwatch.errors import StoreError
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import IncidentEventRow, IncidentRow
from seamwatch.vocabulary import Door, IncidentSeverity, IncidentState, Watch


class IncidentStore:
    """The part of the store that keeps incidents."""

    def incidents(
        self: Transactions,
        pipeline: str | Collection[str] | None = None,
        states: Collection[IncidentState] | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Incident]:
        """Return incidents, newest first.

        Args:
            pipeline: Of this one, or of these; None: of all.
            states: In these states; None: in any.
            limit: So many at most, counted after the filters; None: all.
            offset: So many are passed over first.
        """
        statement = sa.select(IncidentRow.incident).order_by(IncidentRow.opened_at.desc(), IncidentRow.id)
        statement = statement.limit(limit).offset(offset or None)
        if pipeline is not None:
            names = [pipeline] if isinstance(pipeline, str) else list(pipeline)
            statement = statement.where(IncidentRow.pipeline.in_(names))
        if states is not None:
            statement = statement.where(IncidentRow.state.in_([state.value for state in states]))
        with self._reading() as connection:
            return [from_json(Incident, row) for row in connection.scalars(statement)]

    def count_incidents(self: Transactions) -> dict[tuple[str, IncidentState], int]:
        """Return how many incidents there are, by pipeline and state; what there is none of is missing."""
        columns = (IncidentRow.pipeline, IncidentRow.state)
        statement = sa.select(*columns, sa.func.count()).group_by(*columns)
        with self._reading() as connection:
            return {(name, IncidentState(state)): n for name, state, n in connection.execute(statement)}

    def count_open_incidents(
        self: Transactions,
    ) -> dict[str, dict[tuple[IncidentState, IncidentSeverity | None], int]]:
        """Return how many incidents are open, by pipeline, then state and severity; None: never rated.

        A severity of no known name, as of a newer version, counts as none.
        """
        severity = IncidentRow.incident["severity"].as_string()
        columns = (IncidentRow.pipeline, IncidentRow.state, severity)
        is_open = IncidentRow.state.in_([state.value for state in IncidentState if state.is_open])
        statement = sa.select(*columns, sa.func.count()).where(is_open).group_by(*columns)
        known = {one.value: one for one in IncidentSeverity}
        counts: dict[str, dict[tuple[IncidentState, IncidentSeverity | None], int]] = {}
        with self._reading() as connection:
            for name, state, rated, n in connection.execute(statement):
                of_pipeline, place = counts.setdefault(name, {}), (IncidentState(state), known.get(rated))
                of_pipeline[place] = of_pipeline.get(place, 0) + n
        return counts

    def incident_ids(self: Transactions, pipeline: str, state: IncidentState) -> list[str]:
        """Return the ids of a pipeline's incidents in a state, also of those whose row cannot be read."""
        statement = sa.select(IncidentRow.id).filter_by(pipeline=pipeline, state=state.value).order_by(IncidentRow.id)
        with self._reading() as connection:
            return list(connection.scalars(statement))

    def unescalated(self: Transactions, pipeline: str, severities: Collection[IncidentSeverity]) -> list[str]:
        """Return the ids of open incidents of some severities that were not escalated for theirs.

        Raises:
            StoreError: If a row holds no JSON at all.
        """
        severity, escalated = (IncidentRow.incident[name].as_string() for name in ("severity", "escalated"))
        is_new = sa.or_(escalated.is_(None), escalated != severity)
        statement = (
            sa.select(IncidentRow.id)
            .filter_by(pipeline=pipeline, state=IncidentState.OPEN.value)
            .where(severity.in_([one.value for one in severities]), is_new)
            .order_by(IncidentRow.id)
        )
        with self._reading() as connection:
            return list(connection.scalars(statement))

    def incident(self: Transactions, incident_id: str) -> Incident | None:
        """Return an incident, or None."""
        with self._reading() as connection:
            return _incident(connection, incident_id)

    def changed_seams(self: Transactions, pipeline: str) -> list[str]:
        """Return the stages whose seam has an open incident, by name."""
        states = [state for state in IncidentState if state.is_open]
        known = IncidentStore.incidents(self, pipeline, states)
        return sorted({one.stage for one in known if one.watch is Watch.SEAM and one.stage is not None})

    def apply_changes(self: Transactions, changes: Sequence[IncidentChange], *, window: Window | None = None) -> None:
        """Save what a window, a person or the clock changed; decided and saved in one `deciding` block.

        So a cause never has two incidents, and nobody decides on what somebody else has changed meanwhile.

        Raises:
            StoreError: If a cause has an incident under another id, which who decided did not know.
        """
        with self._writing() as connection:
            for change in changes:
                incident = change.incident
                values = _values(incident)
                if change.fingerprint_before is None:
                    connection.execute(insert_or_ignore(connection, IncidentRow, values, ["pipeline", "fingerprint"]))
                same = {"id": incident.id, "fingerprint": change.fingerprint_before or incident.fingerprint}
                updated = connection.execute(sa.update(IncidentRow).filter_by(**same).values(**values))
                if updated.rowcount == 0:
                    msg = (
                        f"the cause of incident {incident.id} has another incident; read the incidents and decide again"
                    )
                    raise StoreError(msg)
                connection.execute(
                    sa.insert(IncidentEventRow).values(
                        incident_id=incident.id,
                        kind=change.kind.value,
                        window=None if window is None else window.id,
                        by=change.by,
                        at=incident.updated_at,
                        door=change.door.value,
                        why=change.why,
                        verdict=to_json(ToldVerdict.of(incident)),
                    )
                )

    def count_incident_events(self: Transactions, incident_id: str) -> int:
        """Return how many things happened to an incident."""
        statement = sa.select(sa.func.count()).select_from(IncidentEventRow).filter_by(incident_id=incident_id)
        with self._reading() as connection:
            return connection.scalar(statement) or 0

    def incident_events(self: Transactions, incident_id: str) -> list[IncidentEvent]:
        """Return what happened to an incident, oldest first."""
        statement = (
            sa.select(IncidentEventRow.__table__).filter_by(incident_id=incident_id).order_by(IncidentEventRow.id)
        )
        with self._reading() as connection:
            return [_event(row) for row in connection.execute(statement)]

    def incidents_between(
        self: Transactions, since: datetime, until: datetime, *, pipelines: Collection[str] | None = None
    ) -> tuple[list[Incident], list[IncidentEvent]]:
        """Return the incidents of a span with all that happened to them before its end, both oldest first.

        Those are of the span to which something happened in it or later, or which are open now; opened before its end.

        Args:
            since: Its begin, aware.
            until: Its end, itself excluded.
            pipelines: Of these only; None: of all.
        """
        touched = sa.select(IncidentEventRow.incident_id).where(IncidentEventRow.at >= since)
        is_open = IncidentRow.state.in_([state.value for state in IncidentState if state.is_open])
        of_span = sa.and_(IncidentRow.opened_at < until, sa.or_(is_open, IncidentRow.id.in_(touched)))
        if pipelines is not None:
            of_span = sa.and_(of_span, IncidentRow.pipeline.in_(list(pipelines)))
        incidents = sa.select(IncidentRow.incident).where(of_span).order_by(IncidentRow.opened_at, IncidentRow.id)
        events = (
            sa.select(IncidentEventRow.__table__)
            .where(IncidentEventRow.incident_id.in_(sa.select(IncidentRow.id).where(of_span)))
            .where(IncidentEventRow.at < until)
            .order_by(IncidentEventRow.id)
        )
        with self._reading() as connection:
            found = [from_json(Incident, row) for row in connection.scalars(incidents)]
            return found, [_event(row) for row in connection.execute(events)]


def _event(row: Any) -> IncidentEvent:
    return IncidentEvent(
        incident_id=row.incident_id,
        kind=row.kind,
        window=row.window,
        by=row.by,
        at=row.at,
        door=None if row.door is None else Door(row.door),
        why=row.why or "",
        verdict=None if row.verdict is None else from_json(ToldVerdict, row.verdict),
    )


def _incident(connection: sa.Connection, incident_id: str) -> Incident | None:
    data = connection.scalar(sa.select(IncidentRow.incident).filter_by(id=incident_id))
    return None if data is None else from_json(Incident, data)


def _values(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "pipeline": incident.pipeline,
        "fingerprint": incident.fingerprint,
        "state": incident.state.value,
        "opened_at": incident.opened_at,
        "incident": to_json(incident),
    }
