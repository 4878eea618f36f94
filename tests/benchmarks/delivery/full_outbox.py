"""How long a run over the outbox takes beside many open incidents, when there is nothing to send."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from parcels import PIPELINE, WINDOW, make_deps
from seamwatch.core.deliveries import DeliveryPart
from seamwatch.core.incident_life import ChangeKind, IncidentChange
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.store.tables import DeliveryRow
from seamwatch.vocabulary import DeliveryState

from .schedules import write_template

_ROUNDS = 5
PIPELINES = ("parcels", "letters")
"""Incidents are of each in turn."""


def measure(root: Path, *, n: int) -> float:
    """Return the median seconds of a run beside `n` open incidents, one in ten of which waits for its next try."""
    write_template(root)
    letters = PIPELINE.replace("ENDPOINT", '"python:parcels:model"').replace("pipeline: parcels", "pipeline: letters")
    (root / "include" / "pipelines" / "letters.yaml").write_text(letters)
    deps = make_deps(root, {})
    _open_incidents(deps, n)
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        summary = deliver_pending(deps)
        seconds.append(time.perf_counter() - started)
        assert summary.n_waiting > 0
    deps.store.close()
    return sorted(seconds)[_ROUNDS // 2]


def _open_incidents(deps: Deps, n: int) -> None:
    (first,) = deps.store.incidents("parcels")
    now = deps.clock()
    with deps.store.deciding("parcels"):
        for number in range(n):
            name = f"{first.id}-{number}"
            incident = replace(first, id=name, fingerprint=name, pipeline=PIPELINES[number % 2])
            deps.store.apply_changes([IncidentChange(kind=ChangeKind.OPENED, incident=incident)], window=WINDOW)
            for part in (DeliveryPart.HEAD, DeliveryPart.THREAD):
                deps.store.enqueue_delivery(
                    name,
                    dedupe_key=f"{name}/{part}",
                    part=part,
                    change=ChangeKind.OPENED,
                    channel="#incidents",
                    connection="slack_test",
                    now=now,
                )
    values = {"state": DeliveryState.SENT.value, "message_id": "C1:1.1", "sent_at": now, "attempts": 0}
    waits = {"next_attempt_at": now.replace(year=now.year + 1), "attempts": 3, "last_error": "channel_not_found"}
    with deps.store._writing() as connection:
        connection.execute(sa.update(DeliveryRow).where(DeliveryRow.id % 20 > 1).values(**values))
        connection.execute(sa.update(DeliveryRow).where(DeliveryRow.id % 20 <= 1).values(**waits))
