"""Answer a task that waits for a person, through Airflow's own API (`PATCH .../hitlDetails`)."""

from __future__ import annotations

from urllib.parse import quote

from seamwatch.adapters.actions.airflow_api import AirflowApi

_APPROVE, _REJECT = "Approve", "Reject"
_ANSWERED_OR_GONE = (404, 409)


class HttpAirflowApproval:
    """The waiting tasks of one Airflow."""

    def __init__(self, api: AirflowApi) -> None:
        """Take the API; nothing is sent yet."""
        self._api = api

    def __call__(self, task: str, *, approves: bool, slack_user: str | None) -> bool:
        """Return whether Airflow took the answer; False where it was answered before, or waits no more.

        Args:
            task: As `dag/run/task`.
            approves: Else it is rejected.
            slack_user: Who pressed a button; None where the answer came by another way.

        Raises:
            AdapterError: If Airflow cannot be reached, or refuses.
        """
        dag, _, rest = task.partition("/")
        run, _, name = rest.rpartition("/")
        place = "/".join(quote(one, safe="") for one in (dag, "dagRuns", run, "taskInstances", name))
        body = {"chosen_options": [_APPROVE if approves else _REJECT], "params_input": {"slack_user": slack_user}}
        reply = self._api.call("PATCH", f"/dags/{place}/-1/hitlDetails", body=body, expected=_ANSWERED_OR_GONE)
        return reply.status not in _ANSWERED_OR_GONE
