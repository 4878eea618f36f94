"""Open a pipeline's model endpoints for isolation: cached, counted, priced and stopped by the budget."""

from __future__ import annotations

from collections.abc import Sequence

from seamwatch.adapters.models.factory import open_endpoint
from seamwatch.adapters.models.metered import MeteredEndpoint
from seamwatch.core.replays import BudgetLimits, ModelAnswer, ModelCall
from seamwatch.core.results import Window
from seamwatch.engine.deps import Deps
from seamwatch.engine.references import load_function
from seamwatch.errors import AdapterError
from seamwatch.spec.pipeline import Pipeline, Stage

_NOTES = 8
"""Different failures told; a provider that fails in more ways is understood by then."""


class Models:
    """The models of one pipeline in one window; `ask` is the core's only way to them."""

    def __init__(self, deps: Deps, pipeline: Pipeline, window: Window) -> None:
        """Open nothing yet: a healthy window calls nobody."""
        self._deps = deps
        self._pipeline = pipeline
        self._window = window
        self._endpoints: dict[str, MeteredEndpoint] = {}
        self.notes: list[str] = []
        """Why an endpoint could not be used."""

    def ask(self, stage: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        """Return one answer per call; an endpoint that cannot be opened answers `unreachable`, and a note says why."""
        try:
            endpoint = self._open(stage)
        except AdapterError as error:
            self._note(stage, str(error))
            return [ModelAnswer(status="unreachable", detail=str(error)) for _ in calls]
        answers = endpoint.ask(calls)
        for answer in answers:
            if not answer.is_ok:
                self._note(stage, answer.detail or answer.status)
        return answers

    def _note(self, stage: Stage, what: str) -> None:
        note = f"{stage.name} in isolation: {what}"
        if note not in self.notes and len(self.notes) < _NOTES:
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
        return sum(known) if len(known) == len(costs) else None

    def _open(self, stage: Stage) -> MeteredEndpoint:
        if stage.name not in self._endpoints:
            assert stage.endpoint is not None
            limits = self._pipeline.isolation
            now = self._deps.clock()
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
                run=f"{self._window.id}@{now:%Y%m%dT%H%M%S.%f}",
                day=f"{now:%Y-%m-%d}",
                scope=f"{self._pipeline.pipeline}/{self._window.id}",
                limits=BudgetLimits(
                    calls_per_run=limits.max_calls_per_run,
                    calls_per_day=limits.max_calls_per_day,
                    usd_per_run=limits.max_usd_per_run,
                    usd_per_day=limits.max_usd_per_day,
                ),
            )
        return self._endpoints[stage.name]
