"""Inputs of one release asked anew with the request of the other, where that can be had and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from parcels import make_deps
from returns_desk import FUNCTIONS, LINES, PIPELINE, WINDOW, Answer, asked, fill_database, write_project
from seamwatch.core.release_comparison import ReleaseComparison, ReplayedPairs
from seamwatch.engine.compare import compare_releases
from seamwatch.report.comparison import comparison_page, headline
from seamwatch.spec.load import load_project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.vocabulary import Gap

FIRST = asked(60, "v1", first_day=0)
OTHERS = [replace(one, number=one.number + 999) for one in asked(60, "v2", first_day=7, wrong=["returns"])]
"""Sixty other questions under the second release."""


def _compare(
    root: Path,
    answers: Sequence[Answer] = (*FIRST, *OTHERS),
    *,
    template: str = "v2",
    pipeline: str = PIPELINE,
    functions: str | None = None,
    most: int = 30,
) -> ReleaseComparison:
    write_project(root, template=template, pipeline=pipeline)
    if functions is not None:
        (root / "include/mappings/returns_desk.py").write_text(functions)
    url = f"sqlite:///{root / 'desk.db'}"
    fill_database(url, answers)
    deps = make_deps(root, {"AIRFLOW_CONN_DESK_DB": url}, now=WINDOW.end + timedelta(days=1))
    spec = deps.project.pipeline("returns_desk")
    return compare_releases(deps, spec, WINDOW, "prompt.version", ("v1", "v2"), replays=most)


def _replayed(found: ReleaseComparison) -> ReplayedPairs:
    assert found.replayed is not None
    return found.replayed


def test_inputs_of_the_first_release_are_asked_with_the_second_one_s_request(tmp_path: Path) -> None:
    found = _compare(tmp_path)
    replayed = _replayed(found)
    assert (replayed.obstacle, replayed.inputs_of, replayed.template_of) == (None, "v1", "v2")
    assert (replayed.n_asked, replayed.calls, len(replayed.pairs)) == (30, 60, 30)
    compared = found.comparison
    assert compared.n_recorded_pairs == 0
    worse = sum(FIRST[key].topic == "returns" for key in replayed.pairs["first"])
    assert (compared.paired.n_pairs, compared.paired.n_worse, compared.paired.n_better) == (30, worse, 0)
    assert worse >= 9
    assert headline(found).startswith(f"Release v2 is worse than v1: {worse} worse, 0 better of 30 inputs")
    assert [one.value for one in compared.segments if one.rates.n_worse] == ["returns"]


def test_the_other_way_round_where_the_reference_makes_the_first_one_s_request(tmp_path: Path) -> None:
    found = _compare(tmp_path, template="v1")
    replayed = _replayed(found)
    assert (replayed.inputs_of, replayed.template_of) == ("v2", "v1")
    paired = found.comparison.paired
    assert paired.n_worse == sum(OTHERS[key - len(FIRST)].topic == "returns" for key in replayed.pairs["first"])
    assert paired.n_better == 0


def test_inputs_that_a_recorded_pair_has_are_not_asked_again(tmp_path: Path) -> None:
    both = [*FIRST, *asked(40, "v2", first_day=7)]
    found = _compare(tmp_path, both)
    assert found.comparison.n_recorded_pairs == 40
    assert sorted(_replayed(found).pairs["first"]) == list(range(40, 60))
    assert found.comparison.paired.n_pairs == 60


def test_no_more_is_asked_than_the_budget_allows(tmp_path: Path) -> None:
    found = _compare(tmp_path, pipeline=f"{PIPELINE}isolation: {{max_calls_per_run: 21}}\n")
    replayed = _replayed(found)
    assert (replayed.n_asked, replayed.calls) == (10, 20)
    page = comparison_page(found, _pipeline(tmp_path))
    assert any("10 inputs of v1 (the budget or the inputs allow no more than that of 30)" in one for one in page.facts)


def _pipeline(root: Path) -> Pipeline:
    return load_project(root).pipeline("returns_desk")


OBSTACLES = {
    "no reference": (
        {"pipeline": PIPELINE.replace('    reference: "returns_desk:to_prompt"\n', "")},
        "no prompt stage",
    ),
    "another template": (
        {"functions": FUNCTIONS.replace("LINE", "Be kind.")},
        "makes 0% of v1 and 0% of v2 as recorded: it can build the request of neither",
    ),
    "a reference that raises": (
        {"functions": FUNCTIONS.replace("LINE", LINES["v2"]).replace("    system = SYSTEM", "    system = UNKNOWN")},
        "can build the request of neither",
    ),
    "nothing knows what follows the answer": (
        {"pipeline": PIPELINE.replace(', reference: "returns_desk:to_reply"', "")},
        "no reference says what reply would make",
    ),
    "no budget": ({"pipeline": f"{PIPELINE}isolation: {{max_calls_per_run: 1}}\n"}, "the isolation budget is spent"),
    "no other input": ({"answers": [*FIRST, *asked(60, "v2", first_day=7)]}, "no other judged input of v1"),
}


@pytest.mark.parametrize(("given", "obstacle"), OBSTACLES.values(), ids=OBSTACLES)
def test_where_a_replay_cannot_be_made_honestly_none_is_and_it_is_said(
    tmp_path: Path, given: dict[str, object], obstacle: str
) -> None:
    found = _compare(tmp_path, **given)  # type: ignore[arg-type]
    replayed = _replayed(found)
    assert obstacle in (replayed.obstacle or "")
    assert (replayed.calls, len(replayed.pairs)) == (0, 0)
    assert any(one.startswith("Nothing was replayed: ") for one in comparison_page(found, _pipeline(tmp_path)).facts)


def test_releases_that_do_not_differ_in_the_request_are_not_replayed(tmp_path: Path) -> None:
    functions = FUNCTIONS.replace("LINE", LINES["v1"])
    same = [replace(one, sent="v1") for one in OTHERS]
    found = _compare(tmp_path, [*FIRST, *same], functions=functions)
    assert "they do not differ in the request" in (_replayed(found).obstacle or "")


def test_answers_that_do_not_come_are_counted_and_decide_nothing(tmp_path: Path) -> None:
    fails = FUNCTIONS.replace("LINE", LINES["v2"]).replace(
        "    topic = user.split()[1]\n",
        '    topic = user.split()[1]\n    if topic == "invoice":\n        raise OSError\n',
    )
    found = _compare(tmp_path, functions=fails)
    replayed = _replayed(found)
    gaps = dict(replayed.gaps)
    assert set(gaps) == {Gap.ENDPOINT_UNREACHABLE}
    assert len(replayed.pairs) == replayed.n_asked - gaps[Gap.ENDPOINT_UNREACHABLE] // 2
    assert "invoice" not in {one.value for one in found.comparison.segments}
