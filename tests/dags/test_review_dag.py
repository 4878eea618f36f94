"""The DAG that puts answers before people, run by Airflow; and the form, from what a person chose to their label."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parcels import PIPELINE, WINDOW, fill_database, make_deps, write_project
from seamwatch.core.review.items import ReviewItem
from seamwatch.engine.review.label import label_item, next_item
from seamwatch.report.review import form_text
from seamwatch.store.repo import Store
from seamwatch.vocabulary import Door, LabelKind

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]
CONF = {"from": WINDOW.start.isoformat(), "to": WINDOW.end.isoformat()}
REVIEW = "review: {per_week: 70, overlap: 0.0, forms: 3, schedule: '@weekly'}\n"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("airflow_database"),
    # Of Airflow's own code when it runs a DAG in this process.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    write_project(tmp_path, pipeline=PIPELINE + REVIEW.replace("forms: 3", "forms: 0"))
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table", n=300, unlabelled=300)
    monkeypatch.setenv("SEAMWATCH_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("SEAMWATCH_DATA_DIR", str(tmp_path / "data"))
    database = {"conn_type": "sqlite", "host": str(tmp_path / "parcels.db")}
    monkeypatch.setenv("AIRFLOW_CONN_PARCELS_DB", json.dumps(database))
    return DagBag(str(ROOT / "dags"))


def _items(root: Path) -> list[ReviewItem]:
    store = Store.open(f"sqlite:///{root / 'data' / 'seamwatch.db'}")
    found = store.review_items("parcels")
    store.close()
    return found


def test_a_run_draws_the_answers_of_its_window(bag: DagBag, tmp_path: Path) -> None:
    done = bag.dags["parcels__review"].test(run_conf=CONF)
    assert {task.task_id: str(task.state) for task in done.get_task_instances()} == {"draw": "success"}
    items = _items(tmp_path)
    assert 9 <= len(items) <= 11
    assert all(WINDOW.start <= item.record_at < WINDOW.end for item in items)


def test_forms_are_one_task_each_and_nobody_s_answer_in_time_leaves_the_answer_to_the_page(
    bag: DagBag, tmp_path: Path
) -> None:
    from airflow.dag_processing.dagbag import DagBag as Bag

    write_project(tmp_path, pipeline=PIPELINE + REVIEW)
    task: Any = Bag(str(ROOT / "dags")).dags["parcels__review"].get_task("judge")
    assert task.is_mapped
    assert task.partial_kwargs["options"] == ["Right", "Wrong", "Cannot tell", "Leave it to others"]
    assert task.partial_kwargs["defaults"] == "Leave it to others"
    assert task.partial_kwargs["response_timeout"].days == 7


@pytest.mark.parametrize(
    ("chosen", "kind"), [("Right", LabelKind.RIGHT), ("Wrong", LabelKind.WRONG), ("Cannot tell", LabelKind.CANNOT_TELL)]
)
def test_what_a_person_chose_in_the_form_is_their_label(
    bag: DagBag, tmp_path: Path, chosen: str, kind: LabelKind
) -> None:
    bag.dags["parcels__review"].test(run_conf=CONF)
    item = _items(tmp_path)[0]
    _complete(tmp_path, item, chosen, note="the code is of another table")
    store = Store.open(f"sqlite:///{tmp_path / 'data' / 'seamwatch.db'}")
    (label,) = store.labels("parcels")
    store.close()
    assert (label.record, label.kind, label.by, label.door) == (item.record, kind, "ann", Door.TASK)
    assert label.note == "the code is of another table"


def test_what_is_left_to_others_waits_on_the_page_and_a_late_form_changes_nothing(bag: DagBag, tmp_path: Path) -> None:
    bag.dags["parcels__review"].test(run_conf=CONF)
    first, second = _items(tmp_path)[:2]
    _complete(tmp_path, first, "Leave it to others")
    deps = replace(make_deps(tmp_path, {}), store=Store.open(f"sqlite:///{tmp_path / 'data' / 'seamwatch.db'}"))
    assert next_item(deps, "parcels", person="bob") is not None
    assert label_item(deps, second.id, LabelKind.RIGHT, by="bob", door=Door.AIRFLOW).is_kept
    _complete(tmp_path, second, "Wrong")
    assert [(label.by, label.kind) for label in deps.store.labels("parcels")] == [("bob", LabelKind.RIGHT)]
    deps.store.close()


def _complete(root: Path, item: ReviewItem, chosen: str, *, note: str | None = None) -> None:
    """Let the operator go on with what a person chose, as Airflow does."""
    from seamwatch.orchestration.label_form import NOTE, LabelForm, label_form

    form = LabelForm(task_id="judge", item=item.id, project_dir=str(root), **label_form())
    event = {
        "chosen_options": [chosen],
        "params_input": {NOTE: note},
        "responded_at": datetime(2026, 11, 2, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": "ann"},
    }
    form.execute_complete({}, event)


def test_no_text_of_a_record_is_taken_for_markup_in_a_form(bag: DagBag, tmp_path: Path) -> None:
    bag.dags["parcels__review"].test(run_conf=CONF)
    item = _items(tmp_path)[0]
    hostile = replace(item.shown[0], text="```\n# Heading\n````<script>{{ var.value.secret }}")
    text = form_text(replace(item, shown=(hostile,)))
    assert text.count("`````") == 2
    assert "{{ var.value.secret }}" in text
