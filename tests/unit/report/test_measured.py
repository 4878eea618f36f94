"""What a report rests on: findings of any detector, and only what was measured for them."""

from datetime import UTC, datetime, timedelta

from seamwatch.core.finding import Finding
from seamwatch.core.freshness_results import AnswerSli, DocumentAnswers, FreshnessCheck
from seamwatch.core.results import Window
from seamwatch.core.watch.results import WatchReport
from seamwatch.report.machine import measured_json
from seamwatch.report.measured import NOT_CALLED, of_attribution, of_check, of_watch
from seamwatch.vocabulary import FreshnessReason, Responsibility, Watch

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def _check(n_affected: int, **changes: object) -> FreshnessCheck:
    documents = (DocumentAnswers(document="returns.md", reason=FreshnessReason.STALE, n_answers=n_affected),)
    given = {
        "pipeline": "help",
        "knowledge_base": "base",
        "stage": "lookup",
        "checked_at": NOW,
        "is_full": True,
        "n_source": 10,
        "n_indexed": 10,
        "n_changed": 10,
        "by_reason": {"stale": 1},
        "documents": documents,
        "answers": AnswerSli(n_answers=120, n_with_ids=100, n_affected=n_affected, n_unknown=0),
        "answers_since": NOW - DAY,
        "goal": 0.95,
    }
    return FreshnessCheck(**{**given, **changes})  # type: ignore[arg-type]


def test_a_check_counts_answers_by_what_they_were_served_and_claims_no_outcome() -> None:
    measured = of_check(_check(20))
    assert measured.window == Window(start=NOW - DAY, end=NOW)
    assert [(one.fields, one.n_records, one.kind, one.is_change) for one in measured.findings] == [
        (("returns.md",), 20, "stale", True)
    ]
    assert (measured.n_records, measured.n_by_stage) == (100, {"lookup": (120, 20)})
    assert (measured.attribution, measured.isolation) == (None, NOT_CALLED)
    written = measured_json(measured)
    assert written["records"] == {
        "observed": 100,
        "failing": None,
        "pending": None,
        "examined": None,
        "unreadable": None,
    }
    assert written["attribution"]["responsibility"] == "knowledge_base"


def test_a_check_without_affected_answers_finds_nothing() -> None:
    for check in (_check(0), _check(20, answers=None)):
        measured = of_check(check)
        assert (measured.findings, measured.leading) == ((), None)
        written = measured_json(measured)
        assert written["incident"] is False
        assert written["attribution"]["headline"].startswith("No incident: nothing was found in ")


def test_a_look_of_a_watch_shares_no_records_out() -> None:
    found = [
        Finding(
            responsibility=who, stage=stage, kind=kind, n_records=n, confidence=0.9, headline=kind, explanation="so"
        )
        for who, stage, kind, n in (
            (Responsibility.PROVIDER, "llm", "provider_slow", 7),
            (Responsibility.UNDETERMINED, None, "several_stages", 3),
        )
    ]
    window = Window(start=NOW - DAY, end=NOW)
    report = WatchReport(
        watch=Watch.LATENCY, pipeline="help", window=window, compared=None, n_records=50, findings=tuple(found)
    )
    measured = of_watch(report)
    assert (measured.leading, measured.n_by_stage) == (found[0], {"llm": (None, 7)})
    assert [(one.kind, one.stage, one.n_records) for one in measured.signals] == [
        ("latency", "llm", 7),
        ("latency", None, 3),
    ]
    causes = measured_json(measured)["causes"]
    assert [(one["share"], one["p_value"], one["windows"]) for one in causes] == [(None, None, None)] * 2


def test_an_attribution_is_all_that_was_measured(attribution) -> None:
    measured = of_attribution(attribution)
    assert (measured.attribution, measured.findings, measured.leading) == (
        attribution,
        attribution.causes,
        attribution.leading,
    )
    assert measured.isolation is attribution.isolation
