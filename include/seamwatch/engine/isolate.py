"""Open a pipeline's model endpoints for isolation: cached, counted, priced and stopped by the budget."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from uuid import uuid4

from seamwatch.adapters.models.factory import open_endpoint
from seamwatch.adapters.models.metered import MeteredEndpoint
from seamwatch.core.replays import BudgetLimits, ModelAnswer, ModelCall
from seamwatch.core.results import Window
from seamwatch.engine.deps import Deps
from seamwatch.engine.references import load_function
from seamwatch.errors import AdapterError
from seamwatch.spec.pipeline import Pipeline, Stage
from seamwatch.store.budget import ROUNDING_USD

ROUTINE_SHARE = 0.5
"""Of a day's calls and money, what samples of windows may use; the rest is kept for changes."""
_NOTES = 8
"""Different failures told; a provider that fails in more ways is understood by then."""


class Models:
    """The models of one pipeline in one window; `ask` is the core's only way to them."""

    def __init__(self, deps: Deps, pipeline: Pipeline, window: Window, *, shares_answers: bool = True) -> None:
        """Open nothing yet: a healthy window calls nobody.

        Args:
            deps: What it needs.
            pipeline: Whose models they are.
            window: Answers are shared within it.
            shares_answers: False: every call is made, as the present is to be measured, not what was answered before.
        """
        self._deps = deps
        self._pipeline = pipeline
        self._window = window
        self._mark = "" if shares_answers else f"-now-{uuid4().hex}"
        self._endpoints: dict[str, MeteredEndpoint] = {}
        self._run: tuple[str, str] | None = None
        self._is_routine = True
        self._kept_for_benchmark = 0
        self.notes: list[str] = []
        """Why an endpoint could not be used, and where calls cost more than was allowed."""
        self._notes_on_money: list[str] = []
        self._notes_on_caps: list[str] = []

    def ask(self, stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call; an endpoint that cannot be opened answers `unreachable`, and a note says why."""
        try:
            endpoint = self._open(stage)
        except AdapterError as error:
            self._note(stage, str(error))
            return [ModelAnswer(status="unreachable", detail=str(error)) for _ in calls]
        endpoint.limits = self._limits(is_benchmark=all(call.purpose == "benchmark" for call in calls))
        answers = endpoint.ask(calls)
        for answer in answers:
            if not answer.is_ok:
                self._note(stage, answer.detail or answer.status)
        self._note_money(stage, endpoint)
        return answers

    def _note_money(self, stage: Stage, endpoint: MeteredEndpoint) -> None:
        """Say where calls cost more than could be foreseen, before all other notes and however many those are."""
        (run, day), name, allowed = self._named(), self._pipeline.pipeline, self._pipeline.isolation
        found = [note for note in self._notes_on_money if note not in self._notes_on_caps]
        found += [f"{stage.name} in isolation: {what}" for what in endpoint.notes]
        self._notes_on_caps = [
            f"model calls cost ${usd:.4f}, more than isolation.{cap} (${most_usd:.4f}): an answer cost more than could "
            "be foreseen; no call was made after it"
            for cap, (_, usd), most_usd in (
                ("max_usd_per_run", self._deps.store.spent(name, run=run), allowed.max_usd_per_run),
                ("max_usd_per_day", self._deps.store.spent(name, day=day), allowed.max_usd_per_day),
            )
            if usd > most_usd + ROUNDING_USD
        ]
        others = [note for note in self.notes if note not in self._notes_on_money]
        self._notes_on_money = list(dict.fromkeys([*self._notes_on_caps, *found]))
        self.notes = [*self._notes_on_money, *others]

    def _note(self, stage: Stage, what: str) -> None:
        note = f"{stage.name} in isolation: {what}"
        if note not in self.notes and len(self.notes) - len(self._notes_on_money) < _NOTES:
            self.notes.append(note)

    @property
    def calls(self) -> int:
        """Return how many calls left this machine."""
        return sum(endpoint.calls for endpoint in self._endpoints.values())

    @property
    def cost_usd(self) -> float | None:
        """Return what they cost; None where a price is unknown."""
        costs = [endpoint.cost_usd for endpoint in self._endpoints.values()]
        known = [cost for cost in costs if cost is not None]
        return sum(known, start=0.0) if len(known) == len(costs) else None

    def open_reserve(self) -> None:
        """Let the calls from now on use what the day keeps for changes: the window has one, or a person asked."""
        self._is_routine = False

    def keep_for_benchmark(self, n_calls: int) -> None:
        """Keep so many calls of the run, and as much of its money, from all but the benchmark."""
        self._kept_for_benchmark = n_calls

    def calls_for_sample(self) -> int:
        """Return how many calls the run and the day allow for a sample, before the first is made."""
        limits = self._limits()
        _, day = self._named()
        day_calls, _ = self._deps.store.spent(self._pipeline.pipeline, day=day)
        left = [limits.calls_per_run, limits.calls_per_day - day_calls]
        if limits.routine_calls_per_day is not None:
            routine_calls, _ = self._deps.store.spent(self._pipeline.pipeline, routine_day=day)
            left.append(limits.routine_calls_per_day - routine_calls)
        return max(int(min(left)), 0)

    def calls_left(self, *, is_asked: bool) -> int:
        """Return how many calls more the run and the day allow, money counted at what a call has cost so far.

        Args:
            is_asked: A person may use all that the day has left; a change leaves to the windows after it what the day
                keeps for their samples.
        """
        allowed, (run, day) = self._pipeline.isolation, self._named()
        run_calls, run_usd = self._deps.store.spent(self._pipeline.pipeline, run=run)
        day_calls, day_usd = self._deps.store.spent(self._pipeline.pipeline, day=day)
        kept_calls, kept_usd = (0.0, 0.0) if is_asked else self._kept_for_samples(day)
        limits = self._limits()
        left = min(limits.calls_per_run - run_calls, int(allowed.max_calls_per_day - day_calls - kept_calls))
        if run_calls and run_usd > 0:
            left_usd = min(limits.usd_per_run - run_usd, allowed.max_usd_per_day - day_usd - kept_usd)
            left = min(left, int(left_usd / (run_usd / run_calls)))
        return max(left, 0)

    def calls_for_benchmark(self) -> int:
        """Return how many calls more the run and the day allow the benchmark."""
        allowed, (run, day) = self._pipeline.isolation, self._named()
        run_calls, _ = self._deps.store.spent(self._pipeline.pipeline, run=run)
        day_calls, _ = self._deps.store.spent(self._pipeline.pipeline, day=day)
        return max(int(min(allowed.max_calls_per_run - run_calls, allowed.max_calls_per_day - day_calls)), 0)

    def _kept_for_samples(self, day: str) -> tuple[float, float]:
        """Return calls and money that samples of the day's windows may still use."""
        allowed = self._pipeline.isolation
        n_calls, usd = self._deps.store.spent(self._pipeline.pipeline, routine_day=day)
        return (
            max(ceil(ROUTINE_SHARE * allowed.max_calls_per_day) - n_calls, 0.0),
            max(ROUTINE_SHARE * allowed.max_usd_per_day - usd, 0.0),
        )

    def _named(self) -> tuple[str, str]:
        """Return the ids of this run and of its day: those of its first call, for all endpoints."""
        if self._run is None:
            now = self._deps.clock()
            self._run = f"{self._window.id}@{now:%Y%m%dT%H%M%S.%f}{self._mark}", f"{now:%Y-%m-%d}"
        return self._run

    def _limits(self, *, is_benchmark: bool = False) -> BudgetLimits:
        allowed = self._pipeline.isolation
        calls = allowed.max_calls_per_run - (0 if is_benchmark else self._kept_for_benchmark)
        return BudgetLimits(
            calls_per_run=calls,
            calls_per_day=allowed.max_calls_per_day,
            usd_per_run=allowed.max_usd_per_run * (calls / allowed.max_calls_per_run if calls else 0.0),
            usd_per_day=allowed.max_usd_per_day,
            routine_calls_per_day=ceil(ROUTINE_SHARE * allowed.max_calls_per_day) if self._is_routine else None,
            routine_usd_per_day=ROUTINE_SHARE * allowed.max_usd_per_day if self._is_routine else None,
        )

    def _open(self, stage: Stage) -> MeteredEndpoint:
        if stage.name not in self._endpoints:
            assert stage.endpoint is not None
            run, day = self._named()
            inner, prices = open_endpoint(
                stage.endpoint,
                self._deps.connections,
                load_callable=lambda name: load_function(self._deps.project, name),
                pipeline=self._pipeline.pipeline,
            )
            self._endpoints[stage.name] = MeteredEndpoint(
                inner,
                prices=prices,
                cache=self._deps.store,
                budget=self._deps.store,
                pipeline=self._pipeline.pipeline,
                run=run,
                day=day,
                scope=f"{self._pipeline.pipeline}/{self._window.id}{self._mark}",
                limits=self._limits(),
                max_output_tokens=stage.endpoint.max_output_tokens,
            )
        return self._endpoints[stage.name]
