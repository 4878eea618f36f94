"""Plans by seed, figures on small hand-made scores, floors that can fail, and rivals on hand-made windows."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from attribution.figures import calibration_curve, calibration_error, make_figures, ratio_of, risk_coverage
from attribution.floors import AT_LEAST, AT_MOST, broken
from attribution.incident import Injected, Plan, make_incident, write_incident
from attribution.model import Law, Task
from attribution.page import TARGETS, section
from attribution.plans import FULL, SHORT, make_plans
from attribution.rivals import first_failed_check, last_stage, most_discrepant_stage
from attribution.score import IncidentScore, RecordScore, Scored
from attribution.sequential import expected_sample_size
from attribution.shapes import SHAPES, TRAIN
from bench_attribution import choose, details_of
from write_page import Figure, split_sections

from seamwatch.vocabulary import StageKind


def test_the_same_seed_makes_the_same_incidents_and_another_one_others() -> None:
    assert make_plans("test", base_seed=1) == make_plans("test", base_seed=1)
    assert make_plans("test", base_seed=1) != make_plans("test", base_seed=2)
    plan = next(plan for plan in make_plans("test", base_seed=1) if plan.flip_rate)
    first, second = make_incident(plan), make_incident(plan)
    assert (first.recorded, first.labels, first.causes) == (second.recorded, second.labels, second.causes)


def test_the_same_incident_is_written_byte_for_byte(tmp_path: Path) -> None:
    incident = make_incident(Plan(family="single", shape="claims", seed=4, n=40))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_incident(incident, tmp_path / name)
    assert (tmp_path / "a/data.db").read_bytes() == (tmp_path / "b/data.db").read_bytes()


def test_no_incident_of_the_test_split_is_in_the_train_split() -> None:
    train, test = make_plans("train", base_seed=1), make_plans("test", base_seed=1)
    assert {plan.seed % 2 for plan in train} == {0}
    assert {plan.seed % 2 for plan in test} == {1}
    assert {plan.shape for plan in train} == set(TRAIN)
    assert {plan.shape for plan in test} == set(SHAPES)


def test_every_fault_kind_of_every_shape_is_injected_and_some_with_chance() -> None:
    plans = [plan for plan in make_plans("test", base_seed=1) if plan.family == "single"]
    for name, shape in SHAPES.items():
        kinds = {kind.name for kind in shape.faults if not kind.is_harmless}
        own = [plan for plan in plans if plan.shape == name]
        assert {plan.faults[0].name for plan in own if not plan.flip_rate} == kinds
        assert sum(plan.flip_rate > 0 and plan.mislabelled > 0 for plan in own) == round(FULL.with_chance * len(kinds))


def test_a_limited_run_takes_faulty_incidents_first() -> None:
    chosen = choose(make_plans("train", base_seed=1, amount=SHORT), only="", limit=20, seed=1)
    assert Counter(plan.family == "healthy" for plan in chosen) == {False: 16, True: 4}


def test_a_table_that_no_record_reached_has_its_columns(tmp_path: Path) -> None:
    fault = Injected(name="sink_lost", onset=0.0, severity=1.0)
    write_incident(make_incident(Plan(family="single", shape="triage", seed=1, n=20, faults=(fault,))), tmp_path)
    import sqlite3

    database = sqlite3.connect(tmp_path / "data.db")
    assert [row[1] for row in database.execute("PRAGMA table_info(routing)")] == ["id", "queue", "priority", "at"]
    database.close()


def test_a_law_is_wrong_and_flips_as_often_as_it_says() -> None:
    task = Task(right=lambda _: {"a": 1}, spoil=lambda _, which: {"a": 2 + which % 3}, used=lambda f: (f["x"],))
    law = Law(seed=3, accuracy=0.8, flip_rate=0.1)
    answers = [law.answers(task, {"x": str(k)}) for k in range(4000)]
    assert sum(a[0][0] == {"a": 1} for a in answers) / 4000 == pytest.approx(0.8, abs=0.02)
    assert all(math.isclose(sum(share for _, share in a), 1.0) and a[0][1] == 0.9 for a in answers)


def _row(*, is_right: bool, confidence: float = 0.9, said: str = "integration@request") -> RecordScore:
    return RecordScore(
        primary="integration@request", said=said, group="known", is_right=is_right, confidence=confidence
    )


def _scored(rows: dict[RecordScore, int], **more: Any) -> Scored:
    score = IncidentScore(
        records=tuple(rows.items()),
        leading="integration@request",
        is_top1=True,
        is_pair_exact=None,
        blames_model_wrongly=False,
    )
    facts = {"faults": ["unit"], "severity": 1.0, "accuracy": 0.9, "flip_rate": 0.0, "mislabelled": 0.0, "removed": ""}
    return Scored(
        name="x",
        family="single",
        shape="triage",
        facts={**facts, "n": 100, "n_judged": 100, "baseline_accuracy": 0.9},
        n_failing=sum(rows.values()),
        n_changed=1,
        expected=("integration@request",),
        is_detectable=True,
        are_all_detectable=True,
        modes={"exhaustive": score, "sampled": score},
        rivals={"always_model": score},
        **more,
    )


def test_a_record_figure_is_a_share_of_records_over_all_incidents() -> None:
    wrong = _row(is_right=False, said="model@triage_model")
    figures = make_figures([_scored({_row(is_right=True): 9, wrong: 1}), _scored({_row(is_right=True): 30})])
    figure = figures["record_stage_accuracy_exhaustive"]
    assert figure.value == pytest.approx(39 / 40)
    assert figure.low == pytest.approx(0.9)
    assert figures["false_model_blame_records"].value == pytest.approx(1 / 40)
    assert figures["incident_top1"].value == 1.0
    assert "false_incident" not in figures


def test_calibration_and_risk_on_numbers_worked_out_by_hand() -> None:
    rows = [(0.9, True, 8), (0.9, False, 2), (0.5, True, 5), (0.5, False, 5)]
    curve = calibration_curve(rows, bins=2)
    assert [(part["confidence"], part["right"], part["n"]) for part in curve] == [(0.5, 0.5, 10), (0.9, 0.8, 10)]
    assert calibration_error(curve) == pytest.approx(0.05)
    _, points = risk_coverage(rows)
    assert (points[0.5], points[1.0]) == (pytest.approx(0.2), pytest.approx(0.35))
    assert ratio_of([]) is None


def test_wald_s_mean_sample_size() -> None:
    # (0.95 - 0.05) ln 19 over 0.9 ln 1.8 + 0.1 ln 0.2
    assert expected_sample_size() == pytest.approx(0.9 * math.log(19) / (0.9 * math.log(1.8) + 0.1 * math.log(0.2)))
    assert expected_sample_size() == pytest.approx(7.2, abs=0.05)


def test_a_figure_below_its_floor_or_missing_is_told() -> None:
    figures = {"good": Figure(0.9, 0.8, 1.0, "", {}), "bad": Figure(0.02, 0.0, 0.1, "", {})}
    assert broken(figures, {"good": 0.8}, {"bad": 0.05}) == []
    told = broken(figures, {"good": 0.95, "other": 0.5}, {"bad": 0.01})
    assert len(told) == 3
    assert set(AT_LEAST) | set(AT_MOST) >= {"record_stage_accuracy_exhaustive", "false_incident"}
    assert broken({}) != []


def _seen(damaged: dict[str, Counter[Any]], failing: list[int]) -> Any:
    kinds = {"source": StageKind.SOURCE, "request": StageKind.MAPPING, "model": StageKind.MODEL, "sink": StageKind.SINK}
    pipeline = SimpleNamespace(
        stage=lambda name: SimpleNamespace(name=name, kind=kinds[name]), final_stage=SimpleNamespace(name="sink")
    )
    return SimpleNamespace(
        world=SimpleNamespace(pipeline=pipeline),
        failing=failing,
        judged=pd.Index(range(10)),
        damaged={name: damaged.get(name, Counter()) for name in kinds},
        model=("model", "model"),
        blame=lambda s: (
            {StageKind.SOURCE: "source_data", StageKind.MODEL: "provider"}.get(kinds[s], "integration"),
            s,
        ),
    )


def test_rivals_on_a_window_worked_out_by_hand() -> None:
    seen = _seen({"request": Counter({1: 1}), "sink": Counter({1: 2, 2: 1, 7: 1})}, [1, 2, 3])
    blames, leading = first_failed_check(seen)
    assert blames == {1: ("integration", "request"), 2: ("integration", "sink"), 3: ("model", "model")}
    assert leading == ("integration", "request")
    blames, leading = most_discrepant_stage(seen)
    assert (blames[1], leading) == (("integration", "sink"), ("integration", "sink"))
    assert set(last_stage(seen)[0].values()) == {("integration", "sink")}


def test_the_page_says_which_targets_are_missed() -> None:
    scores = [_scored({_row(is_right=True): 9, _row(is_right=False, said="model@triage_model"): 1})]
    figures = {name: vars(figure) for name, figure in make_figures(scores).items()}
    document = {
        **{"command": "make bench-attribution", "about": "one incident", "commit": "0" * 40, "python": "3", "cores": 2},
        **{"seed": 1, "seconds": 60.0, "figures": figures},
        **details_of(scores),
    }
    lines = section(document)
    text = "\n".join(lines)
    assert "- `record_stage_accuracy_exhaustive`: 0.9, wanted at least 0.995" in text
    assert "- `false_incident` was not measured in this run." in text
    assert set(TARGETS) >= {"incident_top1", "pair_exact", "replay_share"}
    assert split_sections("# Benchmarks\n\nabout\n" + "\n".join(lines) + "\n")["attribution"] == lines
