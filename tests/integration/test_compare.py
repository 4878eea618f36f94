"""Two releases of a prompt over a real SQLite pipeline, by the same function that the command calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from parcels import make_deps
from returns_desk import LINES, PIPELINE, START, WINDOW, Answer, asked, fill_database, write_project
from seamwatch.core.release_comparison import ReleaseComparison
from seamwatch.core.results import Window
from seamwatch.engine.compare import compare_releases
from seamwatch.errors import DataContractError
from seamwatch.report.comparison import headline
from seamwatch.report.comparison_json import comparison_json
from seamwatch.report.facts import owner_of
from seamwatch.report.release_change_texts import change_text
from seamwatch.spec.pipeline import Pipeline

PIPELINE_SPEC = Pipeline.model_validate(yaml.safe_load(PIPELINE.replace("ENDPOINT", "desk")))
BOTH = [*asked(60, "v1", first_day=0), *asked(60, "v2", first_day=7, wrong=["returns"])]
"""The same sixty questions under both, returns wrong under the second."""


def _compare(
    root: Path,
    answers: Sequence[Answer],
    *,
    by: str = "prompt.version",
    releases: tuple[str, str] = ("v1", "v2"),
    pipeline: str = PIPELINE,
    window: Window = WINDOW,
    url: str = "",
    **options: object,
) -> ReleaseComparison:
    write_project(root, pipeline=pipeline)
    url = url or f"sqlite:///{root / 'desk.db'}"
    fill_database(url, answers)
    deps = make_deps(root, {"AIRFLOW_CONN_DESK_DB": _connection(url)}, now=WINDOW.end + timedelta(days=1))
    spec = deps.project.pipeline("returns_desk")
    return compare_releases(deps, spec, window, by, releases, **options)  # type: ignore[arg-type]


def _connection(url: str) -> str:
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        return url
    known = {"conn_type": "postgres", "login": address.username, "schema": address.database}
    return json.dumps({**known, "extra": {"sqlalchemy_query": dict(address.query)}})


def test_a_release_that_got_worse_on_one_topic_is_found_there(tmp_path: Path) -> None:
    found = _compare(tmp_path, BOTH)
    paired = found.comparison.paired
    assert (paired.n_pairs, paired.n_worse, paired.n_better, paired.n_right) == (60, 20, 0, 40)
    worst = found.comparison.segments[0]
    assert (worst.segment, worst.value, worst.rates.n_worse, worst.rates.n_pairs) == (
        "questions.topic",
        "returns",
        20,
        20,
    )
    assert not any(one.rates.differs for one in found.comparison.segments[1:])
    assert headline(found) == (
        "Release v2 is worse than v1: 20 worse, 0 better of 60 inputs, p < 0.0001; on "
        "questions.topic returns: 20 worse, 0 better of 20 inputs, p < 0.0001; prompt line 3 changed."
    )
    (change,) = found.changes
    assert (change.stage, change.role, change.before, change.after) == ("prompt", "system", LINES["v1"], LINES["v2"])


def test_postgresql_says_the_same_as_sqlite(tmp_path: Path, postgres_database: Callable[[], str]) -> None:
    for name in ("sqlite", "postgresql"):
        (tmp_path / name).mkdir()
    known = _compare(tmp_path / "sqlite", BOTH)
    found = _compare(tmp_path / "postgresql", BOTH, url=postgres_database())
    assert comparison_json(found, PIPELINE_SPEC) == comparison_json(known, PIPELINE_SPEC)


def test_the_other_way_round_it_got_better(tmp_path: Path) -> None:
    found = _compare(tmp_path, BOTH, releases=("v2", "v1"))
    paired = found.comparison.paired
    assert (paired.n_worse, paired.n_better) == (0, 20)
    assert "Release v1 is better than v2: 20 better, 0 worse" in headline(found)


def test_answers_without_a_label_are_counted_and_decide_nothing(tmp_path: Path) -> None:
    answers = [replace(one, is_right=None) if one.version == "v2" and one.number < 10 else one for one in BOTH]
    compared = _compare(tmp_path, answers).comparison
    assert (compared.second.n_pending, compared.n_common_inputs, compared.paired.n_pairs) == (10, 60, 50)


def test_releases_without_a_common_input_are_compared_by_segment_only_and_it_is_said(tmp_path: Path) -> None:
    later = [replace(one, number=one.number + 1000) for one in BOTH if one.version == "v2"]
    found = _compare(tmp_path, [*BOTH[:60], *later])
    assert found.comparison.paired.n_pairs == 0
    assert found.comparison.paired.difference is None
    assert headline(found) == "No input was answered by both v1 and v2: on the same inputs they cannot be compared."
    assert found.comparison.unpaired is not None
    assert found.comparison.unpaired.difference == pytest.approx(-1 / 3)
    assert found.comparison.unpaired.n_strata == 3
    assert found.inputs == ("questions.topic", "questions.question")
    assert found.always_different == ("questions.question",)


def test_what_was_retrieved_for_the_same_input_and_a_parameter_are_among_the_changes(tmp_path: Path) -> None:
    answers = [
        replace(one, documents=("help-2",) if one.number < 15 else one.documents, temperature=0.7)
        if one.version == "v2"
        else one
        for one in BOTH
    ]
    found = _compare(tmp_path, answers)
    assert [change_text(one) for one in found.changes] == [
        "prompt line 3 (system) changed",
        "prompt: temperature changed",
        "articles.documents differ in 15 of 60 pairs",
    ]
    owners = [owner_of(PIPELINE_SPEC, one.responsibility).mention for one in found.changes]
    assert owners == ["!subteam^S0INT", "!subteam^S0INT", "@U0DOC"]


def test_a_text_that_the_pipeline_redacts_is_named_by_its_line_only(tmp_path: Path) -> None:
    found = _compare(tmp_path, BOTH, pipeline=f"{PIPELINE}bundle: {{redact: [llm.body]}}\n")
    assert [(one.line, one.before, one.after) for one in found.changes] == [(3, None, None)]


def test_the_template_is_compared_where_no_input_is_common(tmp_path: Path) -> None:
    later = [replace(one, number=one.number + 1000) for one in BOTH if one.version == "v2"]
    found = _compare(tmp_path, [*BOTH[:60], *later])
    assert [change_text(one) for one in found.changes] == ["prompt line 3 (system) changed"]


def test_fields_that_make_an_input_may_be_named(tmp_path: Path) -> None:
    later = [replace(one, number=one.number + 999) for one in BOTH if one.version == "v2"]
    found = _compare(tmp_path, [*BOTH[:60], *later], inputs=["questions.topic"])
    assert found.inputs == ("questions.topic",)
    assert found.comparison.paired.n_pairs == 3


@pytest.mark.parametrize(
    ("by", "releases", "message"),
    [
        ("prompt.version", ("v1", "v1"), "both releases are 'v1'"),
        ("prompt.version", ("v1", "v9"), r"= 'v9'; there are: v1 \(60 records\), v2 \(60 records\)"),
        ("prompt.verson", ("v1", "v2"), "no column 'verson'; did you mean 'version'.*known: id, body"),
        ("promt.version", ("v1", "v2"), "did you mean 'prompt'.*questions, articles, prompt, llm, reply"),
        ("version", ("v1", "v2"), "is no stage.field of returns_desk"),
    ],
    ids=["one release", "unknown release", "unknown field", "unknown stage", "no stage"],
)
def test_what_cannot_be_compared_is_refused_with_what_there_is(
    tmp_path: Path, by: str, releases: tuple[str, str], message: str
) -> None:
    with pytest.raises(DataContractError, match=message):
        _compare(tmp_path, BOTH, by=by, releases=releases)


def test_records_without_a_release_and_records_of_both_are_counted(tmp_path: Path) -> None:
    nameless = [replace(one, version=None) for one in asked(3, "v1", first_day=0)]
    again = [replace(one, attempts=("v1",)) if one.version == "v2" and one.number < 4 else one for one in BOTH]
    found = _compare(tmp_path, [*again, *nameless])
    assert (found.n_without_release, found.n_in_both) == (3, 4)
    assert found.comparison.paired.n_pairs == 60


@pytest.mark.parametrize(
    ("by", "releases"),
    [("llm.version", ("v1", "v2")), ("llm.body.temperature", ("0", "0.7")), ("prompt.body.temperature", ("0", "0.7"))],
)
def test_a_release_is_named_by_any_column_or_path_of_a_stage(
    tmp_path: Path, by: str, releases: tuple[str, str]
) -> None:
    answers = [replace(one, temperature=0.7) if one.version == "v2" else one for one in BOTH]
    assert _compare(tmp_path, answers, by=by, releases=releases).comparison.paired.n_worse == 20


def test_a_column_that_the_stage_s_fields_leave_out_names_a_release_as_well(tmp_path: Path) -> None:
    narrow = PIPELINE.replace("time: asked_at", "time: asked_at, fields: [question]")
    found = _compare(tmp_path, BOTH, by="questions.topic", releases=("delivery", "returns"), pipeline=narrow)
    assert (found.comparison.first.n_records, found.comparison.second.n_records) == (40, 40)


def test_only_records_of_the_span_are_compared(tmp_path: Path) -> None:
    span = Window(start=START, end=START + timedelta(days=7))
    with pytest.raises(DataContractError, match=r"= 'v2'; there are: v1 \(60 records\)"):
        _compare(tmp_path, BOTH, window=span)
