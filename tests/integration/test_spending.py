"""What a window's replays may cost: a sample where it is healthy, everything the budget allows where it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_server import ModelServer, Reply, chat_body
from parcels import PIPELINE, WINDOW, fill_database, make_deps
from parcels import write_project as write
from seamwatch.core.replays import ModelCall
from seamwatch.core.results import Attribution
from seamwatch.engine.attribute import attribute_window
from seamwatch.engine.deps import Deps
from seamwatch.engine.isolate import Models
from seamwatch.vocabulary import Basis, Responsibility


def _deps(root: Path, fault: str, limits: str = "", *, n: int = 900) -> Deps:
    root.mkdir(exist_ok=True)
    write(root, pipeline=PIPELINE.replace("max_calls_per_run: 2000", limits))
    fill_database(f"sqlite:///{root / 'parcels.db'}", fault, n=n)
    return make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{root / 'parcels.db'}"})


def _attribute(deps: Deps, *, is_asked: bool = False) -> Attribution:
    return attribute_window(deps, deps.project.pipeline("parcels"), WINDOW, is_asked=is_asked)


def _unreplayed(found: Attribution) -> list[Responsibility]:
    return [verdict.responsibility for verdict in found.verdicts if verdict.basis is Basis.STRATUM]


def test_every_failing_record_of_a_change_is_replayed_while_it_fits(tmp_path: Path) -> None:
    found = _attribute(_deps(tmp_path, "code_table"))
    assert found.n_failing > 150
    assert found.leading is not None
    assert _unreplayed(found) == []
    assert found.isolation.calls <= 400
    assert found.isolation.n_benchmark > 0
    assert found.n_sampled < 60


def test_a_healthy_window_is_sampled_and_replayed_whole_for_a_person(tmp_path: Path) -> None:
    deps = _deps(tmp_path, "")
    sampled, whole = _attribute(deps), _attribute(deps, is_asked=True)
    assert sampled.leading is None
    assert len(_unreplayed(sampled)) == sampled.n_failing - sampled.n_sampled > 20
    assert _unreplayed(whole) == []
    assert whole.isolation.calls + sampled.isolation.calls >= whole.n_failing


def test_beyond_the_budget_the_rest_is_judged_by_stratum_and_nobody_is_left_out(tmp_path: Path) -> None:
    found = _attribute(_deps(tmp_path, "code_table", "max_calls_per_run: 120"))
    assert 100 <= found.isolation.calls <= 120
    assert found.isolation.n_benchmark >= 20
    assert len(_unreplayed(found)) > 50
    assert {verdict.responsibility for verdict in found.verdicts} == {Responsibility.INTEGRATION, Responsibility.MODEL}


@pytest.mark.parametrize(("is_asked", "most"), [(False, 10), (True, 20)])
def test_half_of_the_day_is_kept_for_changes(tmp_path: Path, is_asked: bool, most: int) -> None:
    deps = _deps(tmp_path, "", "max_calls_per_day: 20")
    found = _attribute(deps, is_asked=is_asked)
    assert found.n_failing > 20
    assert found.isolation.calls <= most
    later = make_deps(tmp_path, {"AIRFLOW_CONN_PARCELS_DB": f"sqlite:///{tmp_path / 'parcels.db'}"})
    write(tmp_path, pipeline=PIPELINE.replace("max_calls_per_run: 2000", "max_calls_per_day: 20"))
    fill_database(f"sqlite:///{tmp_path / 'parcels.db'}", "code_table", n=900)
    again = attribute_window(later, later.project.pipeline("parcels"), WINDOW)
    assert again.isolation.calls == 20 - found.isolation.calls


def test_money_over_the_cap_is_said_before_all_other_notes(tmp_path: Path, model_server: ModelServer) -> None:
    write(
        tmp_path,
        endpoint="{connection: router, protocol: openai_chat}",
        pipeline=PIPELINE.replace("max_calls_per_run: 2000", "max_usd_per_run: 1.0"),
    )
    prices = {"router-1": {"input_per_mtok": 1.0, "output_per_mtok": 10.0}}
    connection = {"conn_type": "http", "host": model_server.url, "extra": {"prices": prices}}
    deps = make_deps(tmp_path, {"AIRFLOW_CONN_ROUTER": json.dumps(connection)})
    usage = {"prompt_tokens": 10, "completion_tokens": 70_000}
    model_server.plays(Reply(status=400), Reply(chat_body(model="router-1") | {"usage": usage}))
    pipeline = deps.project.pipeline("parcels")
    models = Models(deps, pipeline, WINDOW)
    models.open_reserve()
    [stage] = [stage for stage in pipeline.stages if stage.name == "router_model"]
    calls = [ModelCall(key=str(n), body=json.dumps({"model": "router-1", "user": str(n)})) for n in range(5)]
    for call in calls:
        models.ask(stage, [call])
    over, refused, spent = models.notes
    assert over == (
        "model calls cost $1.4000, more than isolation.max_usd_per_run ($1.0000): an answer cost more than could be "
        "foreseen; no call was made after it"
    )
    assert "HTTP 400" in refused
    assert "the budget for model calls is spent" in spent
    assert len(model_server.requests) == 3
