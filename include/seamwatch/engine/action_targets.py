"""What an action changes: systems outside, by their adapters, and what Seamwatch itself runs again."""

from __future__ import annotations

import json
from dataclasses import replace

from seamwatch.adapters.actions.base import ActionImpossible, ActionTarget
from seamwatch.adapters.actions.factory import ActionPlace, action_target
from seamwatch.core.action_life import ActionPlan, Standing
from seamwatch.core.incident_life import Incident
from seamwatch.core.results import Window
from seamwatch.core.staleness import outdated_in_answers
from seamwatch.engine.action_checks import approved_documents, knowledge_base_of
from seamwatch.engine.deps import Deps
from seamwatch.engine.incidents import affected_records
from seamwatch.engine.window_runs import run_window
from seamwatch.errors import DataContractError
from seamwatch.report import numbers
from seamwatch.report.sentences import listed
from seamwatch.spec.actions import Command, DagRun, Quarantine, ReindexDocuments, RunAgain
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import IncidentState

_NAMED = 5
"""Documents that a dry run names."""


def open_target(deps: Deps, pipeline: Pipeline, incident: Incident, name: str) -> ActionTarget:
    """Return what an action of the pipeline file changes for an incident.

    Raises:
        DataContractError: If the pipeline has no such action.
        AdapterError: If it cannot be spoken to.
    """
    spec = pipeline.actions.get(name)
    if spec is None:
        msg = f"pipeline {pipeline.pipeline} has no action {name!r}"
        raise DataContractError(msg)
    if isinstance(spec, RunAgain):
        return _RunAgain(deps, pipeline, incident, spec)
    if isinstance(spec, ReindexDocuments):
        return _Reindex(deps, pipeline, incident, spec, name)
    place = action_place(deps, pipeline, incident)
    if isinstance(spec, Quarantine):
        place = replace(
            place, records=[(key, incident.stage or "") for key in sorted(affected_records(deps, incident))]
        )
    return action_target(spec, place)


def action_place(deps: Deps, pipeline: Pipeline, incident: Incident) -> ActionPlace:
    """Return what the targets outside are opened with."""
    return ActionPlace(
        pipeline=pipeline.pipeline,
        database=pipeline.database,
        connections=deps.connections,
        incident_id=incident.id,
        project_dir=deps.project.root,
    )


class _RunAgain:
    """The windows that show the cause, run again; safe to repeat, since a window that is run twice gives the same."""

    def __init__(self, deps: Deps, pipeline: Pipeline, incident: Incident, spec: RunAgain) -> None:
        self._deps, self._pipeline, self._incident, self._spec = deps, pipeline, incident, spec

    def plan(self) -> ActionPlan:
        windows = self._windows()
        if not windows:
            text = f"no window of {self._incident.id} was attributed, so that none can be run again"
            raise ActionImpossible(text)
        spans = [numbers.span(one) for one in windows[-_NAMED:]]
        return ActionPlan(
            target=f"windows:{self._pipeline.pipeline}",
            before=json.dumps("shown"),
            after=json.dumps([one.id for one in windows]),
            does=f"Runs {numbers.plural(len(windows), 'window')} of {self._pipeline.pipeline} again ({listed(spans)}), "
            "once their records are reprocessed: model calls stay within the budget",
        )

    def look(self, plan: ActionPlan, key: str) -> Standing:
        del plan, key
        known = self._deps.store.incident(self._incident.id)
        return Standing.APPLIED if known is not None and known.state is IncidentState.RESOLVED else Standing.AS_BEFORE

    def apply(self, plan: ActionPlan, key: str) -> str:
        del key
        windows = [Window.from_id(one) for one in json.loads(plan.after)]
        for window in windows:
            run_window(self._deps, self._pipeline, window)
        return f"{numbers.plural(len(windows), 'window')} run again"

    def undo(self, plan: ActionPlan, key: str) -> str:
        del plan, key
        msg = "running windows again changes nothing outside, so that there is nothing to undo"
        raise ActionImpossible(msg)

    def _windows(self) -> list[Window]:
        """Return the windows that show the cause, oldest first: the latest ones of the timeline."""
        shown: dict[str, Window] = {}
        for event in self._deps.store.incident_events(self._incident.id):
            if event.window is not None:
                shown[event.window] = Window.from_id(event.window)
        name = self._pipeline.pipeline
        attributed = [one for one in shown.values() if self._deps.store.is_attributed(name, one)]
        return sorted(attributed, key=lambda one: one.start)[-self._spec.last :]


class _Reindex:
    """The documents that answers rest on and that are outdated, handed to the knowledge base's own `reindex`.

    What was approved is what is handed over; what is outdated since then is left for the next proposal.
    """

    def __init__(self, deps: Deps, pipeline: Pipeline, incident: Incident, spec: ReindexDocuments, name: str) -> None:
        self._deps, self._pipeline, self._incident = deps, pipeline, incident
        self._name = spec.knowledge_base or knowledge_base_of(pipeline, incident)
        hook = pipeline.knowledge_bases[self._name].reindex
        if hook is None:
            text = f"knowledge base {self._name} of {pipeline.pipeline} defines no reindex (a dag or a command)"
            raise ActionImpossible(text)
        self._hook: DagRun | Command = (
            DagRun(kind="dag", dag=hook.dag, timeout=hook.timeout)
            if hook.dag is not None
            else Command(kind="command", command=hook.command, timeout=hook.timeout)
        )

    def plan(self) -> ActionPlan:
        outdated = self._outdated()
        if not outdated:
            text = f"no answer rests on an outdated document of {self._name}"
            raise ActionImpossible(text)
        documents = numbers.plural(len(outdated), "outdated document")
        return replace(
            self._hook_for(outdated).plan(),
            target=f"knowledge base:{self._pipeline.pipeline}/{self._name}",
            after=json.dumps(outdated, ensure_ascii=False),
            does=f"Rebuilds the index of {documents} of {self._name}: {listed(outdated[:_NAMED])}",
            undoes="",
        )

    def look(self, plan: ActionPlan, key: str) -> Standing:
        return self._hook_for(self._approved(plan)).look(plan, key)

    def apply(self, plan: ActionPlan, key: str) -> str:
        approved = self._approved(plan)
        said = self._hook_for(approved).apply(plan, key)
        others = [one for one in self._outdated() if one not in set(approved)]
        if not others:
            return said
        more = numbers.plural(len(others), "document")
        return f"{said}; left for the next time, outdated since the approval: {more} ({listed(others[:_NAMED])})"

    def undo(self, plan: ActionPlan, key: str) -> str:
        del plan, key
        msg = "an index that was rebuilt is not put back; correct the documents at their source"
        raise ActionImpossible(msg)

    def _hook_for(self, documents: list[str]) -> ActionTarget:
        place = action_place(self._deps, self._pipeline, self._incident)
        return action_target(self._hook, replace(place, knowledge_base=self._name, documents=documents))

    def _approved(self, plan: ActionPlan) -> list[str]:
        """Return the documents of a plan; one that an earlier version kept names none, and stands for all."""
        found = approved_documents(plan)
        return self._outdated() if found is None else found

    def _outdated(self) -> list[str]:
        checks = self._deps.store.freshness_checks(self._pipeline.pipeline, self._name)
        found = outdated_in_answers(checks[0]) if checks else ()
        return list(dict.fromkeys(one.document for one in found))
