"""A person's answer to an action, by whichever way: Airflow's waiting task is answered, where there is one.

The task is the approval. An answer that came by another way is handed to it, and kept once Airflow took it; where that
was broken off, the task itself keeps it as soon as it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from seamwatch.adapters.actions.airflow_api import AirflowApi
from seamwatch.adapters.airflow_approval import HttpAirflowApproval
from seamwatch.core.action_life import ActionRun
from seamwatch.engine.actions import answer
from seamwatch.engine.deps import Deps
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import ActionState, Door

AIRFLOW_CONNECTION = "airflow_api"
"""Airflow HTTP connection of Airflow's own API: login and password, or a token as password."""


class AirflowApproval(Protocol):
    """Answers a waiting task through Airflow's own API."""

    def __call__(self, task: str, *, approves: bool, slack_user: str | None) -> bool:
        """Return whether Airflow took the answer; False where it was answered before.

        Raises:
            AdapterError: If Airflow cannot be reached, or refuses.
        """
        ...


def open_airflow_approval(deps: Deps, pipeline: Pipeline) -> AirflowApproval:
    """Return the way to Airflow's waiting tasks, by the connection `airflow_api`.

    Raises:
        ConnectionNotFound: If there is none.
    """
    api = AirflowApi(deps.connections.get(AIRFLOW_CONNECTION), pipeline=pipeline.pipeline)
    return HttpAirflowApproval(api)


def answer_action(
    deps: Deps, action: ActionRun, *, approves: bool, by: str, door: Door, airflow: Callable[[], AirflowApproval]
) -> ActionRun | None:
    """Return an action after a person's answer; None where no answer counts any more.

    Whether they may answer is for the door to say.

    Args:
        deps: What it needs.
        action: As it was shown.
        approves: Else it is rejected.
        by: Who answers, as the audit trail names them.
        door: The way by which they came.
        airflow: Opens the way to Airflow's tasks; called where one waits.

    Raises:
        AdapterError: If the task that waits cannot be reached; nothing is kept then.
    """
    if action.state is not ActionState.WAITING:
        return None
    if action.task is not None:
        slack_user = by if door is Door.SLACK else None
        if not airflow()(action.task, approves=approves, slack_user=slack_user):
            return None
    return answer(deps, action.id, approves=approves, by=by, door=door)
