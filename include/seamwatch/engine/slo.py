"""Look at the objectives of a pipeline: post what is new, judge budgets, alerts and the gate; let watches look."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from seamwatch.core.slo.alert_incidents import known_stretches
from seamwatch.core.slo.events import BUCKET, Events, count_events
from seamwatch.core.slo.ledger import Ledger
from seamwatch.core.slo.policy import GateAnswer, GateDecision, Override, decide_gate, refuse_too_long
from seamwatch.core.slo.quality import WrongShare
from seamwatch.core.slo.status import ObjectiveStatus, SloStatus, objective_status, window_of
from seamwatch.core.watcher_status import SLO_EVERY
from seamwatch.engine.debits import link_late_debits
from seamwatch.engine.deps import Deps
from seamwatch.engine.new_records import read_new, span_to_read
from seamwatch.engine.protocols import with_protocols
from seamwatch.engine.review.accuracy import measured_wrong_shares
from seamwatch.engine.watch.run import run_watches, watches_of
from seamwatch.errors import DataContractError, Problem, SpecError, StoreError, WatchError
from seamwatch.plurals import plural
from seamwatch.secret_redaction import SECRETS
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import GateState, Watch

_LOOK_BACK = timedelta(days=28)
"""What alerts learn from a service's past."""


def look_at_objectives(deps: Deps, pipeline: Pipeline, *, now: datetime | None = None) -> SloStatus:
    """Return the status of every objective, saved; what watches found is saved beside it.

    What is read grows with the records since the last look and the time they may take (`settle`); once an hour truths
    that come late are looked for, as far back as `outcome.late_after`. Budgets and watches rest on sums that are kept.
    A watch that fails stops no objective and no other watch.

    Raises:
        SpecError: If the pipeline has neither an objective nor a watch.
        WatchError: If watches failed; everything else is saved by then, and they go on from where they were.
        AdapterError: If a table cannot be read.
        DataContractError: If a key, truth or compared column is missing.
    """
    if not pipeline.slos and not watches_of(pipeline):
        text = "no 'slos' and no 'monitoring': nothing is promised or watched, so nothing can be judged"
        raise SpecError([Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", text=text)])
    pipeline = with_protocols(pipeline, deps)
    now = now or deps.clock()
    last = deps.store.last_look(pipeline.pipeline)
    before = dict(last.status.watched) if last is not None else {}
    span = span_to_read(pipeline, last, [before.get(watch) for watch in watches_of(pipeline)], now)
    notes: list[str] = []
    failed: dict[Watch, Exception] = {}
    for part in read_new(deps, pipeline, span):
        notes += part.notes
        for objective in pipeline.slos:
            events: Events = count_events(objective, part.records, now=now, settle=pipeline.settle)
            deps.store.post_events(
                pipeline.pipeline, objective.id, events, start=part.window.start, end=part.window.end
            )
            if events.n_absurd:
                notes.append(
                    f"{objective.id}: {plural(events.n_absurd, 'record has', 'records have')} a negative "
                    "number, left out"
                )
        if part.window.start >= span.fresh:
            failed |= run_watches(deps, pipeline, part.for_watches, without=failed)
    link_late_debits(deps, pipeline, now)
    wrong = measured_wrong_shares(deps, pipeline) if any(one.kind == "accuracy" for one in pipeline.slos) else ()
    found = tuple(
        _status(deps, pipeline, number, now, last.status if last else None, wrong=wrong)
        for number in range(len(pipeline.slos))
    )
    status = SloStatus(
        pipeline=pipeline.pipeline,
        at=now,
        objectives=found,
        gate=_gate(deps, pipeline, found, now, last.status if last else None),
        notes=tuple(dict.fromkeys(notes)),
        watched=before | {watch: now for watch in watches_of(pipeline) if watch not in failed},
    )
    deps.store.save_look(status, late_at=span.late_at)
    if failed:
        reasons = "; ".join(f"{watch}: {error!r}" for watch, error in failed.items())
        msg = f"{pipeline.pipeline}: not everything could be watched: {reasons}"
        raise WatchError(msg) from ExceptionGroup("watches", list(failed.values()))
    return status


def gate(deps: Deps, pipeline: Pipeline, *, now: datetime | None = None) -> GateDecision:
    """Return whether releases may go on, by the last look and the overrides that hold now.

    Raises:
        StoreError: If the objectives were never looked at.
    """
    now = now or deps.clock()
    if not pipeline.slos:
        text = "no 'slos': nothing is promised, so nothing can freeze releases; define an objective"
        raise SpecError([Problem(file=f"include/pipelines/{pipeline.pipeline}.yaml", text=text)])
    last = deps.store.last_look(pipeline.pipeline)
    if last is None:
        msg = (
            f"the objectives of {pipeline.pipeline} were never looked at; run `seamwatch slo {pipeline.pipeline}` first"
        )
        raise StoreError(msg)
    return _gate(deps, pipeline, last.status.objectives, now, last.status, looked_at=last.looked_at)


def keep_gate_answer(deps: Deps, pipeline: Pipeline, decision: GateDecision, *, release: str | None) -> str | None:
    """Keep what the gate said to a release; return why it could not be kept, for a person: the answer stands.

    Args:
        deps: The world outside.
        pipeline: Whose gate it is.
        decision: What it said.
        release: As the caller named what asks.
    """
    try:
        named = SECRETS.redact(release) if release is not None else None
        deps.store.add_gate_answer(pipeline.pipeline, GateAnswer.of(decision, at=deps.clock(), release=named))
    except Exception as error:
        return (
            f"{pipeline.pipeline}: this answer stands, but the weekly review will not count it, as it could not be "
            f"kept: {SECRETS.redact(str(error) or type(error).__name__)}"
        )
    return None


def let_through(
    deps: Deps, pipeline: Pipeline, *, reason: str, by: str, until: datetime, objective: str | None = None
) -> Override:
    """Return the override that was added: a frozen budget lets releases through until then.

    Raises:
        DataContractError: If it has no reason, name or end, lasts longer than the policy allows, or names no objective
            of the pipeline.
    """
    known = [one.id for one in pipeline.slos]
    if objective is not None and objective not in known:
        msg = f"{pipeline.pipeline} has no objective {objective!r}; known: {', '.join(known)}"
        raise DataContractError(msg)
    override = Override(objective=objective, reason=reason, by=by, at=deps.clock(), until=until)
    refuse_too_long(pipeline.error_budget, override)
    deps.store.add_override(pipeline.pipeline, override)
    return override


def _status(
    deps: Deps,
    pipeline: Pipeline,
    number: int,
    now: datetime,
    before: SloStatus | None,
    *,
    wrong: tuple[WrongShare, ...],
) -> ObjectiveStatus:
    objective = pipeline.slos[number]
    since = min(window_of(objective, now).start, now - _LOOK_BACK)
    buckets = deps.store.slo_buckets(pipeline.pipeline, objective.id, since=since)
    rulings = deps.store.rulings(pipeline.pipeline)
    refunds = pd.DataFrame({"start_at": pd.to_datetime([], utc=True), "amount": pd.Series(dtype=float)})
    if rulings:
        ledger = Ledger().post([*deps.store.debits(pipeline.pipeline, objective=objective.id, since=since), *rulings])
        back = [one for one, is_refunded in ledger.counted(objective.id, start=since, end=now) if is_refunded]
        starts = pd.to_datetime([one.at for one in back], utc=True).floor(BUCKET)
        refunds = pd.DataFrame({"start_at": starts, "amount": [one.amount for one in back]})
    known = {one.objective: one.alerts for one in before.objectives} if before else {}
    stretches = known_stretches(objective.kind, deps.store.incidents(pipeline.pipeline, limit=None))
    alerts = known.get(objective.id, ())
    return objective_status(
        objective, buckets, refunds, alerts, now=now, every=SLO_EVERY, incidents=stretches, wrong=wrong
    )


def _gate(
    deps: Deps,
    pipeline: Pipeline,
    objectives: tuple[ObjectiveStatus, ...],
    now: datetime,
    before: SloStatus | None,
    looked_at: datetime | None = None,
) -> GateDecision:
    states: dict[str, GateState] = before.gate.states if before is not None else {}
    left = {one.objective: one.budget.left for one in objectives}
    overrides = deps.store.overrides(pipeline.pipeline)
    return decide_gate(pipeline.error_budget, left, overrides, now, before=states, looked_at=looked_at)
