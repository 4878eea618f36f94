"""Verdicts that were drawn by chance for people to judge, and the grades that were told last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from seamwatch.core.grades import Grade
from seamwatch.core.incident_timeline import ToldVerdict
from seamwatch.core.verdict_sampling import DrawnVerdict
from seamwatch.store.budget import Transactions
from seamwatch.store.codec import from_json, to_json
from seamwatch.store.dialect import insert_or_ignore
from seamwatch.store.tables import VerdictSampleRow, WeeklyReviewRow


class VerdictSampleStore:
    """The part of the store that keeps which verdicts were drawn."""

    def save_drawn_verdicts(self: Transactions, drawn: Sequence[DrawnVerdict]) -> None:
        """Keep what was drawn of a week; decided and saved in one `deciding` block, so that a week is drawn once."""
        with self._writing() as connection:
            for one in drawn:
                values = {
                    "week": one.week,
                    "incident_id": one.incident_id,
                    "pipeline": one.pipeline,
                    "probability": one.probability,
                    "drawn_at": one.drawn_at,
                    "verdict": to_json(one.verdict),
                }
                connection.execute(insert_or_ignore(connection, VerdictSampleRow, values, ["week", "incident_id"]))

    def drawn_verdicts(self: Transactions, *, since_week: str = "", week: str | None = None) -> list[DrawnVerdict]:
        """Return verdicts that were drawn, oldest week first.

        Args:
            since_week: Of this week and later ones, as `2026-W45`.
            week: Of this one only; None: of all.
        """
        statement = sa.select(VerdictSampleRow.__table__).where(VerdictSampleRow.week >= since_week)
        if week is not None:
            statement = statement.filter_by(week=week)
        with self._reading() as connection:
            rows = connection.execute(statement.order_by(VerdictSampleRow.week, VerdictSampleRow.incident_id))
            return [_drawn(row) for row in rows]

    def drawn_verdict(self: Transactions, incident_id: str) -> DrawnVerdict | None:
        """Return the verdict of an incident as it was drawn; None where it was not."""
        statement = sa.select(VerdictSampleRow.__table__).filter_by(incident_id=incident_id)
        with self._reading() as connection:
            row = connection.execute(statement.order_by(VerdictSampleRow.week.desc()).limit(1)).first()
        return None if row is None else _drawn(row)

    def told_grades(self: Transactions) -> tuple[Grade, ...]:
        """Return the grades of the week that was closed last; none where no week was closed yet."""
        grades = WeeklyReviewRow.review["grades"]
        with self._reading() as connection:
            found = connection.scalar(sa.select(grades).order_by(WeeklyReviewRow.week.desc()).limit(1))
        return tuple(from_json(Grade, one) for one in found) if isinstance(found, list) else ()


def _drawn(row: Any) -> DrawnVerdict:
    return DrawnVerdict(
        week=row.week,
        incident_id=row.incident_id,
        pipeline=row.pipeline,
        probability=row.probability,
        drawn_at=row.drawn_at,
        verdict=from_json(ToldVerdict, row.verdict),
    )
