"""A run of an Airflow DAG, by Airflow's REST API."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from seamwatch.adapters.actions.airflow_api import AirflowApi
from seamwatch.adapters.actions.base import ActionImpossible
from seamwatch.core.action_life import ActionPlan, Standing
from seamwatch.errors import AdapterError
from seamwatch.spec.actions import DagRun

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_OVER = ("success", "failed")
_MOST_ID = 200


class DagRunTarget:
    """A run is named by its action, and Airflow takes a name once: however often it is asked, the DAG runs once."""

    def __init__(self, spec: DagRun, api: AirflowApi, *, conf: Mapping[str, Any]) -> None:
        """Take the place, and what the run gets beside the action's key; nothing is sent yet."""
        self._spec, self._api, self._conf = spec, api, conf

    def plan(self) -> ActionPlan:
        """Return what would be run.

        Raises:
            ActionImpossible: If Airflow has no such DAG, or it is paused: its run would wait for ever.
            AdapterError: If Airflow cannot be asked.
        """
        spec = self._spec
        for dag in (spec.dag, *([spec.undo_dag] if spec.undo_dag else [])):
            found = self._asked(f"/dags/{quote(dag, safe='')}")
            if found is None:
                msg = f"Airflow has no DAG {dag}"
                raise ActionImpossible(msg)
            if found.get("is_paused"):
                msg = f"DAG {dag} is paused, so that it would not run; turn it on first"
                raise ActionImpossible(msg)
        return ActionPlan(
            target=f"dag:{self._api.place}/{spec.dag}",
            before=json.dumps("not run"),
            after=json.dumps("run"),
            does=f"Runs DAG {spec.dag} and waits for it, {_words(spec.timeout)} at most",
            undoes=f"Runs DAG {spec.undo_dag}" if spec.undo_dag else "",
        )

    def look(self, plan: ActionPlan, key: str) -> Standing:
        """Return how the runs of the action ended; one that is under way is waited for until its time is over."""
        del plan
        spec = self._spec
        try:
            undone = self._ended(spec.undo_dag, _run_id(key, is_undo=True)) if spec.undo_dag else None
            if undone is not None:
                return {"success": Standing.AS_BEFORE, "failed": Standing.OTHER}.get(undone, Standing.UNKNOWN)
            state = self._ended(spec.dag, _run_id(key))
        except Exception:  # whatever hinders asking: nothing is known then
            return Standing.UNKNOWN
        if state is None:
            return Standing.AS_BEFORE
        return {"success": Standing.APPLIED, "failed": Standing.OTHER}.get(state, Standing.UNKNOWN)

    def apply(self, plan: ActionPlan, key: str) -> str:
        """Start the run where it is not started yet, and wait for its end.

        Raises:
            AdapterError: If Airflow refuses, the run fails or takes too long.
        """
        del plan
        return self._run(self._spec.dag, _run_id(key), key)

    def undo(self, plan: ActionPlan, key: str) -> str:
        """Run the DAG that takes it back, and wait for its end.

        Raises:
            AdapterError: If there is none, Airflow refuses, the run fails or takes too long.
        """
        del plan
        if not self._spec.undo_dag:
            msg = f"DAG {self._spec.dag} has no undo_dag; take back by hand what it did"
            raise AdapterError(msg)
        return self._run(self._spec.undo_dag, _run_id(key, is_undo=True), key)

    def _run(self, dag: str, run_id: str, key: str) -> str:
        body = {"dag_run_id": run_id, "logical_date": None, "conf": {**self._conf, "action": key}}
        path = f"/dags/{quote(dag, safe='')}/dagRuns"
        self._api.call("POST", path, body=body, expected=(409,))  # 409: it was started already
        state = self._wait(dag, run_id, until=time.monotonic() + self._spec.timeout.total_seconds())
        if state == "success":
            return f"run {run_id} of DAG {dag} succeeded"
        words = {"failed": "failed; its log in Airflow says why", None: "is not there any more"}
        still = f"is {state} after {_words(self._spec.timeout)}; it goes on in Airflow"
        msg = f"run {run_id} of DAG {dag} {words.get(state, still)}"
        raise AdapterError(msg)

    def _ended(self, dag: str, run_id: str) -> str | None:
        """Return the state of a run, once it is over or its time is; None where there is none."""
        run = self._found(dag, run_id)
        if run is None or run.get("state") in _OVER:
            return None if run is None else str(run["state"])
        began = datetime.fromisoformat(str(run.get("queued_at") or run.get("run_after")))
        left = began + self._spec.timeout - datetime.now(UTC)
        return self._wait(dag, run_id, until=time.monotonic() + left.total_seconds())

    def _wait(self, dag: str, run_id: str, *, until: float) -> str | None:
        """Return the state of a run, which is over unless the time is."""
        pause_s = _FIRST_PAUSE_S
        while True:
            is_late = time.monotonic() >= until
            try:
                run = self._found(dag, run_id)
                if run is None or run.get("state") in _OVER or is_late:
                    return None if run is None else str(run.get("state"))
            except AdapterError as error:
                # An API server that is restarted ends no run.
                if is_late or not error.retryable:
                    raise
            time.sleep(max(min(pause_s, until - time.monotonic()), 0.05))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _found(self, dag: str, run_id: str) -> Mapping[str, Any] | None:
        found = self._asked(f"/dags/{quote(dag, safe='')}/dagRuns/{quote(run_id, safe='')}")
        if found is not None and "state" not in found:
            raise AdapterError(self._no_airflow)
        return found

    def _asked(self, path: str) -> Mapping[str, Any] | None:
        """Return what Airflow answers; None where it says itself that there is no such thing.

        A proxy whose Airflow is away says that as well, but not in Airflow's form; and then nothing is known.
        """
        answer = self._api.call("GET", path, expected=(404,))
        if not isinstance(answer.document, dict) or (answer.status == 404 and "detail" not in answer.document):
            raise AdapterError(self._no_airflow, retryable=answer.status == 404)
        return None if answer.status == 404 else answer.document

    @property
    def _no_airflow(self) -> str:
        return f"{self._api.label} does not answer as Airflow does; check its host"


def _run_id(key: str, *, is_undo: bool = False) -> str:
    """Return the name of a run, in the characters that Airflow allows by default."""
    plain = re.sub(r"[^A-Za-z0-9_.~:+-]", "-", key)[:_MOST_ID]
    unique = plain if plain == key else f"{plain[: _MOST_ID // 2]}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    return f"seamwatch__{unique}{'__undo' if is_undo else ''}"


def _words(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    sizes = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
    unit, size = next(((unit, size) for unit, size in sizes if seconds >= size and seconds % size == 0), ("second", 1))
    n = seconds / size
    return f"{n:g} {unit}" if n == 1 else f"{n:g} {unit}s"
