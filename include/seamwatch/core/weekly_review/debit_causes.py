"""Which incident a bad event belongs to, by the verdict on its record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from seamwatch.core.incident_life import Incident
from seamwatch.core.slo.ledger import Debit


def give_debits(debits: Sequence[Debit], verdicts: pd.DataFrame, incidents: Iterable[Incident]) -> list[Debit]:
    """Return debits, those of a record whose verdict names the cause of one incident with that incident.

    An incident has a verdict of a window within its own, of its responsibility and stage, and of one of its fields
    where both name some. A record that two incidents have belongs to none, as nobody knows which; what a person ruled
    stays.

    Args:
        debits: Of one pipeline.
        verdicts: Columns start_at, end_at, key, responsibility, stage and fields (tuple), as the store has them.
        incidents: Of the pipeline; those that a watch found have no verdicts.
    """
    whose: dict[str, set[str]] = {}
    rows = verdicts.to_dict("records")
    for incident in incidents:
        if incident.watch is not None:
            continue
        start, end = incident.first_window.start, incident.last_window.end
        for row in rows:
            is_its = (row["responsibility"], row["stage"]) == (incident.responsibility.value, incident.stage)
            is_within = row["start_at"] >= start and row["end_at"] <= end
            if is_its and is_within and _share(row["fields"], incident.fields):
                whose.setdefault(row["key"], set()).add(incident.id)
    alone = {key: next(iter(names)) for key, names in whose.items() if len(names) == 1}
    return [
        replace(one, incident=alone[one.record]) if one.incident is None and one.record in alone else one
        for one in debits
    ]


def _share(fields: Sequence[str], others: Sequence[str]) -> bool:
    return not fields or not others or not set(fields).isdisjoint(others)
