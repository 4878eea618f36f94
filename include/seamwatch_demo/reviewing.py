"""The staff chat of the demo: a weak judge, labels given on the review page, and what follows from them."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import sqlalchemy as sa
from rich.console import Console
from rich.text import Text

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.core.results import Window
from seamwatch.engine.compare import compare_releases
from seamwatch.engine.deps import Deps
from seamwatch.engine.review.accuracy import evaluator_errors, measured_accuracy, people_notes
from seamwatch.engine.review.label_files import import_labels
from seamwatch.errors import SeamwatchError
from seamwatch.report import numbers
from seamwatch.report.comparison import comparison_page, headline, render_comparison
from seamwatch.report.measured_accuracy import accuracy_facts, accuracy_json
from seamwatch.spec.load import load_project
from seamwatch.store.repo import Store
from seamwatch.vocabulary import LabelKind
from seamwatch_demo.airflow import wait_until
from seamwatch_demo.dags import AIRFLOW_USER, DagOutcome, DagRunner
from seamwatch_demo.policies.chat import RELEASES
from seamwatch_demo.policies.world import PolicyWorld
from seamwatch_demo.watching import nobody_to_tell, open_store

CHAT = "policy_chat"
_UNANSWERED = {"response_received": "false"}
_DRAWN_WITHIN_S = 120.0
_ITEM = re.compile(r'name="item" value="([0-9a-f]+)"')
COLLEAGUE = "ben"
"""Judges in a spreadsheet instead of on the page."""


@dataclass(frozen=True, kw_only=True)
class Reviews:
    """The chat, the Airflow that draws its answers and shows them, and where it is told."""

    console: Console
    runner: DagRunner
    policies: PolicyWorld
    env: Mapping[str, str]
    project_dir: Path
    folder: Path

    def live_week(self, monday: date) -> dict[str, Any]:
        """Live a week of the chat, let a person judge what is drawn of it, and return what `summary.json` holds of it.

        Raises:
            SeamwatchError: If the page shows no answer, or takes no label.
        """
        start = datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
        week = Window(start=start, end=start + timedelta(days=7))
        right = self.policies.live_chat_week(monday)
        self.console.print(
            f"\n[bold]The staff chat[/bold], week of {monday}: {len(right)} answers by two releases of a prompt, "
            "and no labels ..."
        )
        n_forms = self._draw(week, right)
        self.console.print(f"  {AIRFLOW_USER} filled in {n_forms} forms among Airflow's required actions")
        n_labels = self._judge_on_page(right)
        self.console.print(f"  {AIRFLOW_USER} judged {n_labels} answers on the review page")
        looked = self.runner.run(CHAT, "slo", Window(start=week.end - timedelta(days=1), end=week.end))
        self.console.print(f"  Airflow ran {looked.dag_id}: {looked.state}")
        return {**self._outcome(week, right), "labels_in_forms": n_forms, "labels_on_page": n_labels}

    def _draw(self, week: Window, right: Mapping[str, str]) -> int:
        """Run the DAG that draws, and fill in the forms that it waits for; return how many there were."""
        outcomes: list[DagOutcome] = []
        running = threading.Thread(target=lambda: outcomes.append(self.runner.run(CHAT, "review", week)), daemon=True)
        running.start()
        filled: set[str] = set()
        wait_until(
            lambda: self._fill_in_forms(filled, right) or bool(outcomes),
            within_s=_DRAWN_WITHIN_S,
            what=f"the answers of {CHAT} were not drawn; see {self.folder / 'airflow.log'}",
            every_s=0.5,
        )
        self.console.print(f"  Airflow ran {outcomes[0].dag_id}: {outcomes[0].state}")
        return len(filled)

    def _fill_in_forms(self, filled: set[str], right: Mapping[str, str]) -> bool:
        """Answer the forms that wait, as Airflow's page of required actions does; never the last thing to wait for."""
        headers = self._headers()
        api = f"{self.runner.api_url}/api/v2/dags"
        waiting = httpx.get(f"{api}/{CHAT}__review/dagRuns/~/hitlDetails", headers=headers, params=_UNANSWERED)
        answers = self._answers()
        with open_store(self.folder) as store:
            items = {item.form_task: item for item in store.review_items(CHAT) if item.form_task is not None}
        for form in waiting.raise_for_status().json()["hitl_details"]:
            task = form["task_instance"]
            name = f"{task['dag_id']}/{task['dag_run_id']}/{task['task_id']}/{task['map_index']}"
            if name in filled or name not in items:
                continue
            record = items[name].record
            chosen = "Right" if answers[record] == right[record] else "Wrong"
            place = f"{task['dag_id']}/dagRuns/{quote(task['dag_run_id'], safe='')}/taskInstances/{task['task_id']}"
            body = {"chosen_options": [chosen], "params_input": {"note": None}}
            reply = httpx.patch(f"{api}/{place}/{task['map_index']}/hitlDetails", json=body, headers=headers)
            reply.raise_for_status()
            filled.add(name)
        return False

    def _outcome(self, week: Window, right: Mapping[str, str]) -> dict[str, Any]:
        """Return what the labels say; then what every answer of the week, judged in a spreadsheet, says."""
        answers = self._answers()
        with open_store(self.folder) as store:
            deps = self._deps(store)
            pipeline = deps.project.pipeline(CHAT)
            found = measured_accuracy(deps, pipeline)
            waiting = store.count_items(CHAT).n_open
            last = store.last_look(CHAT)
            assert found.last is not None
            assert last is not None
            judge = evaluator_errors(pipeline, found)
            facts = accuracy_facts(found.last, found.counts, waiting=waiting, judge=judge, notes=people_notes(found))
            self.console.print(Text(f"  {facts.lead}", style="bold"))
            for name, value, note in facts.facts:
                self.console.print(Text(f"    {name}: {value}{f' ({note})' if note else ''}"))
            for note in facts.notes:
                self.console.print(Text(f"    {note}"))
            imported = import_labels(deps, pipeline, _spreadsheet(answers, right), by=COLLEAGUE)
            truth = sum(answers[key] == right[key] for key in right) / len(right)
            self.console.print(
                f"  then {COLLEAGUE} judged every answer in a spreadsheet ({imported.n_kept} labels): "
                f"{numbers.percent(truth)} are right"
            )
            compared = compare_releases(deps, pipeline, week, "prompt.release", RELEASES)
            said = headline(compared)
            page = render_comparison(comparison_page(compared, pipeline))
            (self.folder / "releases.md").write_text(page, encoding="utf-8")
            self.console.print(Text(f"  {said}", style="bold"))
            status = last.status.objectives[0]
        return {
            "pipeline": CHAT,
            "truth": truth,
            **accuracy_json(found.weeks, found.counts, waiting=waiting, judge=judge),
            "objective": {
                "id": status.objective,
                "spent": status.budget.spent,
                "spent_low": status.budget.spent_low,
                "spent_high": status.budget.spent_high,
                "events": status.events,
            },
            "imported": {"kept": imported.n_kept, "problems": [text for _, text in imported.problems]},
            "releases": said,
        }

    def _judge_on_page(self, right: Mapping[str, str]) -> int:
        """Judge one answer after the other as a browser does, until the page shows no more; return how many."""
        answers = self._answers()
        with open_store(self.folder) as store:
            records = {item.id: item.record for item in store.review_items(CHAT)}
        n_labels = 0
        with httpx.Client(
            base_url=f"{self.runner.api_url}/seamwatch/review", headers=self._headers(), follow_redirects=True
        ) as client:
            while shown := _ITEM.search(client.get(f"/{CHAT}").raise_for_status().text):
                record = records[shown[1]]
                client.post(f"/{CHAT}/label", data=_label(shown[1], answers[record], right[record])).raise_for_status()
                n_labels += 1
                if n_labels > len(records):
                    break
        if not 0 < n_labels <= len(records):
            msg = f"{n_labels} labels of {len(records)} answers on the review page; see {self.folder / 'airflow.log'}"
            raise SeamwatchError(msg)
        return n_labels

    def _answers(self) -> dict[str, str]:
        """Return what the chat replied, by question."""
        with sa.create_engine(self.policies.url).connect() as connection:
            rows = connection.execute(sa.text("SELECT question_id, answer FROM chat_replies")).all()
        return {str(key): str(answer) for key, answer in rows}

    def _headers(self) -> dict[str, str]:
        user = {"username": AIRFLOW_USER, "password": AIRFLOW_USER}
        reply = httpx.post(f"{self.runner.api_url}/auth/token", json=user).raise_for_status()
        return {"Authorization": f"Bearer {reply.json()['access_token']}"}

    def _deps(self, store: Store) -> Deps:
        return Deps(
            project=load_project(self.project_dir),
            connections=EnvironmentConnections(self.env),
            store=store,
            data_dir=self.folder / "seamwatch",
            ui_url="",
            clock=lambda: datetime.now(UTC),
            notifier=nobody_to_tell,
        )


def _label(item: str, answer: str, right: str) -> dict[str, str]:
    """Return the form as a person fills it in who knows the right answer."""
    if answer == right:
        return {"item": item, "kind": LabelKind.RIGHT.value, "field": "answer", "corrected": ""}
    return {"item": item, "kind": LabelKind.WRONG.value, "field": "answer", "corrected": right}


def _spreadsheet(answers: Mapping[str, str], right: Mapping[str, str]) -> str:
    """Return every answer with its label, as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=["record", "label", "corrected"])
    writer.writeheader()
    for key, wanted in right.items():
        is_right = answers[key] == wanted
        writer.writerow(
            {"record": key, "label": "right" if is_right else "wrong", "corrected": "" if is_right else wanted}
        )
    return out.getvalue()
