"""Look at the seams of a window: what it shows is held against windows before, and kept for those to come."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from seamwatch.core.detection.window_change import HISTORY_WINDOWS, NO_MARK, CauseKey, WindowCount
from seamwatch.core.records.reconciliation import Reconciliation
from seamwatch.core.results import Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.core.watch.seams import (
    Seam,
    count_seam,
    evaluate_seams,
    field_cause,
    measure_seams,
    seam_budget,
)
from seamwatch.engine.causes import BESIDE_STAGES
from seamwatch.engine.deps import Deps
from seamwatch.report.watch.seams import seam_report
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.watch import Aggregate
from seamwatch.vocabulary import Watch

_KEPT = timedelta(days=90)


def look_at_seams(
    deps: Deps,
    pipeline: Pipeline,
    window: Window,
    *,
    recorded: Mapping[str, pd.DataFrame],
    reconciled: Mapping[str, Reconciliation],
    times: pd.Series[Any],
    judged: Collection[Any],
    wrong: Collection[Any],
) -> WatchReport | None:
    """Return which seams of a window have changed, saved; None where no stage has a reference.

    Args:
        deps: The store holds the windows before; the window itself and later ones are not looked at.
        pipeline: Its definition.
        window: The span of time.
        recorded: Payloads by stage.
        reconciled: By stage, what was found against its reference.
        times: Aware time of the first stage by key.
        judged: Keys whose outcome is known.
        wrong: Those whose outcome is wrong.
    """
    seams = measure_seams(pipeline, recorded, reconciled)
    if not seams:
        return None
    causes = {seam.stage.name: seam.cause for seam in seams}
    evaluation = evaluate_seams(
        pipeline,
        window,
        seams,
        times,
        _history(deps, pipeline, window, causes),
        seam_budget(pipeline, seams, beside=BESIDE_STAGES),
        judged=judged,
        wrong=wrong,
    )
    changed = {change.seam.stage.name for change in evaluation.changes} | set(
        deps.store.changed_seams(pipeline.pipeline)
    )
    rows = [
        Aggregate(
            series=seam.stage.name,
            start_at=window.start,
            data=_written(seam, count_seam(seam, times, window, is_change=seam.stage.name in changed)),
        )
        for seam in seams
        if len(seam.compared)
    ]
    deps.store.put_aggregates(pipeline.pipeline, Watch.SEAM, rows, start=window.start, end=window.end)
    deps.store.forget_aggregates(pipeline.pipeline, Watch.SEAM, before=window.start - _KEPT)
    report = seam_report(evaluation)
    deps.store.save_watch_report(report)
    return report


def _history(
    deps: Deps, pipeline: Pipeline, window: Window, causes: Mapping[str, CauseKey]
) -> dict[str, list[WindowCount]]:
    """Return the windows before by stage, oldest first; of windows that overlap only the newest."""
    since = window.start - min(HISTORY_WINDOWS * window.length, _KEPT)
    found: dict[str, list[WindowCount]] = {}
    for row in deps.store.seam_history(pipeline.pipeline, since=since, until=window.start):
        stage, start, data = row["series"], row["start_at"], row["data"]
        end = datetime.fromisoformat(data["end"])
        if stage not in causes or end > window.start:
            continue
        known = found.setdefault(stage, [])
        while known and known[-1].end > start:
            known.pop()
        cause = causes[stage]
        known.append(
            WindowCount(
                start=start,
                end=end,
                n_judged=int(data["compared"]),
                counts={
                    cause: int(data["differing"]),
                    **{field_cause(cause, name): int(n) for name, n in data.get("differing_by_field", {}).items()},
                },
                changes={cause: NO_MARK} if data["is_change"] else {},
                judged_by_part=tuple(data["compared_by_part"]),
                counts_by_part={cause: tuple(data["differing_by_part"])},
            )
        )
    return found


def _written(seam: Seam, count: WindowCount) -> dict[str, Any]:
    """Return the count of one seam as plain data."""
    return {
        "end": count.end.isoformat(),
        "compared": count.n_judged,
        "differing": count.counts[seam.cause],
        "differing_by_field": dict(seam.fields),
        "is_change": bool(count.changes),
        "compared_by_part": list(count.judged_by_part),
        "differing_by_part": list(count.counts_by_part[seam.cause]),
    }
