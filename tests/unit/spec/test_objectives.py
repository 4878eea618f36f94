"""Objectives of a pipeline file, what is refused and what is said then, and OpenSLO documents there and back."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from seamwatch.errors import SpecError
from seamwatch.spec.load import load_pipeline, load_project
from seamwatch.spec.objectives import (
    BudgetPolicy,
    CostObjective,
    LatencyObjective,
    Objective,
    alert_problems,
    traffic_problems,
)
from seamwatch.spec.openslo import from_openslo, objectives_text, openslo_text, to_openslo
from seamwatch.spec.pipeline import Pipeline

READ: TypeAdapter[Objective] = TypeAdapter(Objective)
PAGE = {"severity": "page", "long": "1h", "short": "5m", "burn": 14.4}


def _refusal(data: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        READ.validate_python(data)
    return "; ".join(error["msg"] for error in caught.value.errors())


def test_a_quantile_is_short_for_a_goal_and_a_threshold() -> None:
    short = READ.validate_python({"kind": "latency", "p95": "2s"})
    assert isinstance(short, LatencyObjective)
    assert (short.goal, short.threshold, short.stage, short.id) == (0.95, timedelta(seconds=2), None, "latency")
    assert READ.validate_python({"kind": "latency", "p99.9": "800ms", "stage": "answer"}).goal == 0.999
    assert "got p95, p99" in _refusal({"kind": "latency", "p95": "2s", "p99": "4s"})
    assert "got p95, goal" in _refusal({"kind": "latency", "p95": "2s", "goal": 0.9})


def test_editors_take_the_short_form_too() -> None:
    from jsonschema import Draft202012Validator

    whole = READ.json_schema()
    schema = {**whole["$defs"]["LatencyObjective"], "$defs": whole["$defs"]}
    assert not list(Draft202012Validator(schema).iter_errors({"kind": "latency", "p95": "2s"}))
    assert list(Draft202012Validator(schema).iter_errors({"kind": "latency", "q95": "2s"}))


def test_defaults_are_enough() -> None:
    accuracy = READ.validate_python({"kind": "accuracy", "goal": 0.93})
    assert (accuracy.stage, accuracy.over, accuracy.alerts) == ("final", timedelta(days=28), ())
    assert READ.validate_python({"kind": "freshness", "knowledge_base": "policies"}).goal == 0.99
    month = READ.validate_python({"kind": "cost", "per_month_usd": 500, "time_zone": "Europe/Berlin"})
    assert isinstance(month, CostObjective)
    assert month.period == "month"
    assert BudgetPolicy() == BudgetPolicy(warn_at=0.25, freeze_at=0.0, unfreeze_at=0.1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"kind": "accuracy", "goal": 1.0}, "leaves no error budget"),
        ({"kind": "accuracy", "goal": 1}, "write at most 0.9999"),
        ({"kind": "accuracy", "goal": 95}, "write 0.95 for 95 %"),
        ({"kind": "accuracy", "goal": 0}, "greater than 0"),
        ({"kind": "accuracy", "goal": 0.93, "alerts": [PAGE]}, "write a burn below 14.3"),
        ({"kind": "accuracy", "goal": 0.93, "alerts": [PAGE]}, "raise the goal above 0.9306"),
        ({"kind": "availability", "expected_per_hour": 1}, "over: 125d or a goal of at most 0.9955"),
        ({"kind": "accuracy", "goal": 0.9, "expected_per_hour": 0.001}, "more traffic"),
        ({"kind": "accuracy", "goal": 0.9, "alerts": [{**PAGE, "short": "2h", "burn": 2}]}, "must be shorter"),
        ({"kind": "cost"}, "got none"),
        ({"kind": "cost", "per_day_usd": 5, "per_month_usd": 90}, "got per_day_usd, per_month_usd"),
        ({"kind": "cost", "per_day_usd": 5, "goal": 0.9}, "has no goal"),
        ({"kind": "cost", "per_day_usd": 5, "time_zone": "Mars/Base"}, "'Mars/Base' is no time zone"),
        ({"kind": "cost", "per_query_usd": 0}, "greater than 0"),
        ({"kind": "cost", "per_query_usd": 1, "goal": 1.0}, "leaves no error budget"),
        ({"kind": "accuracy", "goal": 0.9, "gaol": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_work_is_refused_with_what_would(data, says) -> None:
    assert says in _refusal(data)


def test_what_is_said_to_work_does_work() -> None:
    # The refusals above suggest these.
    READ.validate_python({"kind": "availability", "expected_per_hour": 1, "over": "125d"})
    READ.validate_python({"kind": "availability", "expected_per_hour": 1, "goal": 0.9955})
    READ.validate_python({"kind": "accuracy", "goal": 0.93, "alerts": [{**PAGE, "burn": 14.2}]})
    READ.validate_python({"kind": "accuracy", "goal": 0.9306, "alerts": [PAGE]})


@given(st.floats(0.01, 0.9999), st.floats(1.0, 200.0))
def test_exactly_the_alerts_that_need_all_events_or_more_to_be_bad_are_refused(goal, burn) -> None:
    alert = TypeAdapter(dict).validate_python({**PAGE, "burn": burn})
    found = alert_problems(goal, READ.validate_python({"kind": "accuracy", "goal": 0.9999, "alerts": [alert]}).alerts)
    assert bool(found) == (burn >= 1 / (1 - goal))


@given(st.floats(0.5, 0.9999), st.integers(1, 90), st.floats(0.1, 5000.0))
def test_a_goal_that_traffic_makes_meaningless_is_told_with_a_window_that_is_long_enough(goal, days, per_hour) -> None:
    found = traffic_problems(goal, timedelta(days=days), per_hour)
    assert bool(found) == ((1 - goal) * per_hour * (timedelta(days=days) / timedelta(hours=1)) < 3.0)
    for text in found:
        if "over: " in text:
            longer = int(text.split("over: ")[1].split("d")[0])
            assert not traffic_problems(goal, timedelta(days=longer), per_hour)


@pytest.mark.parametrize(
    "given_", [{"freeze_at": 0.2, "unfreeze_at": 0.1}, {"freeze_at": 0.3, "warn_at": 0.2, "unfreeze_at": 0.5}]
)
def test_a_policy_that_flaps_or_never_warns_is_refused(given_) -> None:
    with pytest.raises(ValidationError):
        BudgetPolicy(**given_)


goals = st.floats(0.5, 0.9999).map(lambda goal: round(goal, 6))
names = st.sampled_from([None, "answers", "slow_answers"])
days = st.integers(1, 90).map(lambda n: f"{n}d")
alerts = st.lists(
    st.fixed_dictionaries(
        {
            "severity": st.sampled_from(["page", "ticket"]),
            "long": st.sampled_from(["1h", "6h", "36h", "3d"]),
            "short": st.sampled_from(["5m", "30m", "90s"]),
            "burn": st.sampled_from([1.0, 1.25, 1.5]),
        }
    ),
    max_size=3,
)
common = {"name": names, "over": days, "alerts": alerts, "expected_per_hour": st.sampled_from([None, 20000.0])}
documents = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("accuracy"), "goal": goals, "stage": st.sampled_from(["final", "m"]), **common}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("latency"),
            "goal": goals,
            "threshold": st.sampled_from(["250ms", "2s", "3m"]),
            "stage": st.sampled_from([None, "answer"]),
            **common,
        }
    ),
    st.fixed_dictionaries({"kind": st.just("cost"), "per_query_usd": st.floats(0.001, 5), "goal": goals, **common}),
    st.fixed_dictionaries(
        {
            "kind": st.just("cost"),
            "per_day_usd": st.floats(0.1, 500),
            "time_zone": st.sampled_from(["UTC", "Asia/Tokyo"]),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("cost"), "name": names, "per_month_usd": st.floats(1, 9000)}),
    st.fixed_dictionaries({"kind": st.just("freshness"), "knowledge_base": st.just("kb"), "goal": goals, **common}),
    st.fixed_dictionaries({"kind": st.just("availability"), "goal": goals, **common}),
)


@given(documents)
def test_an_objective_comes_back_from_openslo_as_it_was_also_through_yaml(data) -> None:
    objective = READ.validate_python(data)
    document = to_openslo(objective, service="support_triage")
    assert from_openslo(yaml.safe_load(yaml.safe_dump(document))) == objective
    assert document["metadata"]["name"] == document["metadata"]["name"].lower()
    assert all(0.0 <= one["target"] < 1.0 for one in document["spec"]["objectives"])


FOREIGN = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-availability, displayName: Web}
spec:
  service: web
  indicator:
    metadata: {name: web-errors}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: good}}}
        total: {metricSource: {type: Prometheus, spec: {query: all}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: errors, targetPercent: 99.5}]
"""


def test_a_document_of_another_tool_is_read() -> None:
    document = yaml.safe_load(FOREIGN)
    found = from_openslo(document)
    assert (found.kind, found.name, found.goal, found.over) == (
        "availability",
        "web_availability",
        0.995,
        timedelta(28),
    )


def _threshold_document(query: str = "", value: object = 500, **metadata: object) -> dict:
    document = yaml.safe_load(FOREIGN)
    document["metadata"] = {"name": "checkout-latency"}
    source = {"type": "Prometheus", "spec": {"query": query}}
    document["spec"]["indicator"] = {
        "metadata": {"name": "answers", **metadata},
        "spec": {"thresholdMetric": {"metricSource": source}},
    }
    document["spec"]["objectives"] = [{"op": "lt", "value": value, "target": 0.95}]
    return document


_P95 = "histogram_quantile(0.95, sum(rate(http_request_duration_{}_bucket[5m])) by (le))"


@pytest.mark.parametrize(
    ("document", "milliseconds"),
    [
        (_threshold_document(_P95.format("milliseconds")), 500),
        (_threshold_document(_P95.format("ms")), 500),
        (_threshold_document(_P95.format("seconds"), 0.5), 500),
        (_threshold_document(_P95.format("seconds"), "0.5"), 500),
        (_threshold_document("http_request_seconds", 2), 2000),
        (_threshold_document("jobDurationMillis", 250), 250),
        (_threshold_document("request_latency", "500ms"), 500),
        (_threshold_document("request_latency", "0.5s"), 500),
        (_threshold_document("request_latency", "1.5 min"), 90_000),
        (_threshold_document("request_latency", 500, annotations={"example.com/unit": "ms"}), 500),
        (_threshold_document("request_latency", 0.5, labels={"unit": "Seconds"}), 500),
        (_threshold_document("request_latency", 500_000, labels={"units": "µs"}), 500),
        (_threshold_document("request_latency_seconds * 1000", 500, labels={"unit": "ms"}), 500),
        (_threshold_document("", "500ms"), 500),
    ],
)
def test_a_threshold_has_the_unit_that_the_document_says(document: dict, milliseconds: float) -> None:
    found = from_openslo(document)
    assert isinstance(found, LatencyObjective)
    assert found.threshold == timedelta(milliseconds=milliseconds)
    assert (found.goal, found.name) == (0.95, "checkout_latency")
    written = objectives_text(yaml.safe_dump(document), file="slo.yaml")
    assert READ.validate_python(yaml.safe_load(written)["slos"][0]) == found


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (_threshold_document("request_latency"), "does not say in which unit its threshold is; write it beside"),
        (_threshold_document("request_latency", 0.4), "does not say in which unit"),
        (_threshold_document("request_latency_seconds * 1000"), "does not say in which unit"),
        (_threshold_document("a_duration_seconds or b_duration_ms"), "names more than one unit"),
        (
            _threshold_document("request_latency", 500, labels={"unit": "ms"}, annotations={"unit": "s"}),
            "more than one",
        ),
        (_threshold_document("request_latency", 500, labels={"unit": "bytes"}), "the unit 'bytes'"),
        (_threshold_document("request_latency", "500 apples"), "the unit 'apples'"),
        (_threshold_document("request_latency", "fast"), "is no number above 0"),
        (_threshold_document("request_latency", -5, labels={"unit": "ms"}), "is no number above 0"),
        (_threshold_document("request_latency", 0, labels={"unit": "ms"}), "must be above 0"),
        (_threshold_document("request_latency", None, labels={"unit": "ms"}), "is no number above 0"),
        (_threshold_document("request_latency", True, labels={"unit": "ms"}), "is no number above 0"),
        (_threshold_document("kafka_consumer_lag"), "indicator 'answers' (kafka_consumer_lag) measures lag"),
        (_threshold_document("kafka_consumer_lag_seconds", "500ms"), "measures lag"),
        (_threshold_document("avg(cpu_usage)", 0.8), "measures cpu and usage"),
        (_threshold_document("process_cpu_seconds_total"), "measures cpu"),
        (_threshold_document("slow_request_ratio", 0.01), "measures ratio"),
        (_threshold_document("time() - last_success_seconds", annotations={"x": "y"}, name="sync_age"), "measures age"),
        (_threshold_document("queue_depth", 10), "measures depth and queue"),
    ],
)
def test_what_is_no_latency_with_a_unit_is_refused_and_named(document: dict, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        from_openslo(document)


def _ratio_document(good: str, name: str = "i", title: str = "checkout") -> dict:
    document = yaml.safe_load(FOREIGN)
    document["metadata"] = {"name": title}
    document["spec"]["indicator"]["metadata"] = {"name": name}
    document["spec"]["objectives"] = [{"target": 0.99}]
    sources = {
        part: {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}
        for part, query in (("good", good), ("total", "sum(calls)"))
    }
    document["spec"]["indicator"]["spec"] = {"ratioMetric": {"counter": True, **sources}}
    return document


@pytest.mark.parametrize(
    "document",
    [
        _ratio_document('sum(http_requests{code!~"5.."})'),
        _ratio_document('sum(http_requests{status_code=~"2.."})'),
        _ratio_document("calls_successful_total"),
        _ratio_document("a", name="webErrors"),
        _ratio_document("a", title="checkout-availability"),
    ],
)
def test_a_ratio_that_counts_failures_is_availability(document: dict) -> None:
    assert from_openslo(document).kind == "availability"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (_ratio_document('http_duration_seconds_bucket{le="0.5"}'), "is a share of fast calls, not of successful ones"),
        (_ratio_document("requests_under_latency_goal", title="web-availability"), "is a share of fast calls"),
        (_ratio_document("fresh_rows_total"), "measures fresh"),
        (_ratio_document("cpu_below_limit", title="web-availability"), "measures cpu"),
        (_ratio_document("a"), "does not say that it counts failed or successful calls"),
    ],
)
def test_a_ratio_of_something_else_is_no_availability(document: dict, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        from_openslo(document)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.update(apiVersion="openslo/v1alpha"), "apiVersion openslo/v1"),
        (lambda d: d["spec"].update(budgetingMethod="Timeslices"), "only Occurrences"),
        (lambda d: d["spec"]["objectives"].append({"target": 0.9}), "exactly one entry; got 2"),
        (lambda d: d["spec"]["objectives"][0].pop("targetPercent"), "target or targetPercent is missing"),
        (lambda d: d["spec"].pop("indicator"), "an indicator must stand inline"),
        (lambda d: d["spec"].update(timeWindow=[{"duration": "1M", "isRolling": False}]), "only bounds in USD"),
        (
            lambda d: d["spec"].update(timeWindow=[{"duration": "1M", "isRolling": True}]),
            "a rolling window of 1M has no",
        ),
        (lambda d: d["spec"].update(timeWindow=[{"duration": 28, "isRolling": True}]), "28 has no unit"),
        (
            lambda d: d["spec"]["objectives"][0].update(targetPercent="most"),
            "targetPercent: must be a number; got 'most'",
        ),
        (lambda d: d["spec"].update(alertPolicies=[{"alertPolicyRef": "p"}]), "a policy must stand inline"),
        (lambda d: d["spec"]["objectives"][0].update(targetPercent=100), "leaves no error budget"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(change, says) -> None:
    document = yaml.safe_load(FOREIGN)
    change(document)
    with pytest.raises(ValueError, match=re.escape(says)):
        from_openslo(document)


def test_a_pipeline_that_was_written_down_loads_again() -> None:
    project = load_project(Path(__file__).parents[3])
    for pipeline in project.pipelines.values():
        assert pipeline.slos
        assert Pipeline.model_validate(pipeline.model_dump(mode="json", by_alias=True)) == pipeline


PIPELINE = """\
pipeline: desk
database: db
key: id
stages:
  - {name: tickets, kind: source, table: t}
  - {name: answer, kind: model, table: a, endpoint: m}
segments: [tickets.tier, tier]
slos:
  - {kind: accuracy, goal: 0.9}
  - {kind: latency, p95: 2s, stage: answr}
  - {kind: latency, p99: 4s}
  - {kind: freshness, knowledge_base: policies}
monitoring:
  drift: false
  cost: {sources: answer.model}
  latency: {ttft: anser.ttft_ms}
  injection: {fields: [tickets.body, ticket.body]}
"""


def test_what_objectives_and_watches_name_is_checked_with_file_and_line(tmp_path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(PIPELINE, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_pipeline(path)
    assert [(one.line, one.path, one.text.split(";")[0]) for one in caught.value.problems] == [
        (7, "segments.1", "'tier' must be stage.field with a known stage"),
        (9, "slos.0.kind", "without an outcome no answer can be called wrong"),
        (10, "slos.1.stage", "unknown stage 'answr'"),
        (11, "slos.2.kind", "two objectives are called 'latency'"),
        (12, "slos.3.knowledge_base", "unknown knowledge base 'policies'"),
        (16, "monitoring.latency.ttft", "'anser.ttft_ms' must be stage.field with a known stage"),
        (17, "monitoring.injection.fields.1", "'ticket.body' must be stage.field with a known stage"),
    ]


@given(st.lists(documents, min_size=1, max_size=4))
def test_a_pipelines_objectives_come_back_from_an_openslo_file_as_a_person_would_write_them(data) -> None:
    objectives = tuple(READ.validate_python(one) for one in data)
    written = objectives_text(openslo_text(objectives, service="desk"), file="slo.yaml")
    again = tuple(READ.validate_python(one) for one in yaml.safe_load(written)["slos"])
    assert again == objectives
    assert "PT" not in written


def test_every_document_that_makes_no_objective_is_told() -> None:
    documents_ = [to_openslo(READ.validate_python({"kind": "accuracy", "goal": 0.9}), service="desk") for _ in range(3)]
    documents_[0]["spec"]["budgetingMethod"] = "Timeslices"
    documents_[2]["spec"]["objectives"][0]["target"] = 1.0
    with pytest.raises(SpecError) as caught:
        objectives_text(yaml.safe_dump_all([*documents_, {"kind": "Service"}]), file="slo.yaml")
    assert [one.path for one in caught.value.problems] == ["documents[0]", "documents[2]"]
    text = yaml.safe_dump_all([*documents_, {"kind": "Service"}])
    lines = [n for n, row in enumerate(text.splitlines(), start=1) if "Timeslices" in row]
    assert [one.line for one in caught.value.problems][:1] == lines
    with pytest.raises(SpecError, match="no document of kind SLO"):
        objectives_text("kind: Service\n", file="slo.yaml")
    with pytest.raises(SpecError, match=r"slo.yaml:3: is no valid YAML"):
        objectives_text("a: 1\nb: [", file="slo.yaml")


def test_a_list_of_documents_is_told_how_documents_stand() -> None:
    text = yaml.safe_dump([yaml.safe_load(FOREIGN)])
    with pytest.raises(SpecError, match=r"slo.yaml:1 documents\[0\]: is a list; documents of OpenSLO stand one after"):
        objectives_text(text, file="slo.yaml")
