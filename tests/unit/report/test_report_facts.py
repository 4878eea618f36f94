"""What a report says, by kind of incident."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seamwatch.core.incident_life import ChangeKind, Incident
from seamwatch.core.results import Check, Discrepancy, IsolationResult, RecordEvidence, StageResult, Verdict, Window
from seamwatch.report.advice import by_state
from seamwatch.report.blocks import Heading, Mention, Paragraph
from seamwatch.report.html import render_html
from seamwatch.report.markdown import render_markdown
from seamwatch.report.message import incident_message
from seamwatch.report.stages import StageMark
from seamwatch.vocabulary import Basis, CheckStatus, Gap, IncidentState, Responsibility, Severity

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cause", "verdict", "step"),
    [
        ({}, "hold a wrong product from request on", "include/mappings/triage.py, function to_request"),
        ({"kind": "lost"}, "reached the input of request and got lost", "drops records between crm and request"),
        ({"kind": "crossed"}, "carry another record's payload", "join on the wrong key"),
        (
            {"responsibility": Responsibility.MODEL, "stage": "answer", "fields": ()},
            "called alone with a clean request",
            "Roll the model behind the connection model_conn back where the runbook shows that it changed",
        ),
        (
            {"responsibility": Responsibility.MODEL, "stage": "answer", "kind": "not_reproduced"},
            "its answers vary by chance",
            "Fix the temperature or seed",
        ),
        (
            {"responsibility": Responsibility.MODEL, "stage": "answer", "kind": "changed_since"},
            "now answers the same requests rightly",
            "have their owner say when and why they changed",
        ),
        (
            {"responsibility": Responsibility.PROVIDER, "stage": "answer", "kind": "rate_limited"},
            "turned away by the rate limit",
            "higher rate limit",
        ),
        (
            {"responsibility": Responsibility.PROVIDER, "stage": "answer", "kind": "truncated"},
            "got a truncated answer",
            "Raise the answer's token limit",
        ),
        (
            {"responsibility": Responsibility.PROVIDER, "stage": "answer", "kind": "error"},
            "got an error from the provider",
            "the statuses that the runbook counts",
        ),
        (
            {"responsibility": Responsibility.SOURCE_DATA, "stage": "crm"},
            "were wrong already in crm (product)",
            "Ask the owners of crm (t) to correct product",
        ),
        ({"responsibility": Responsibility.KNOWLEDGE_BASE}, "outdated or missing documents", "up to date"),
        ({"responsibility": Responsibility.ADVERSARIAL_INPUT}, "carry instructions", "Hold back"),
        (
            {"responsibility": Responsibility.UNDETERMINED, "stage": None, "gap": Gap.BUDGET_SPENT},
            "cannot be attributed on the evidence there is: the budget for model calls was spent",
            "Raise isolation.max_calls_per_run",
        ),
        ({"responsibility": Responsibility.UNDETERMINED, "stage": None}, "evidence there is.", "by hand"),
    ],
)
def test_verdict_and_first_step(make_report, cause, verdict, step):
    report = make_report(cause=cause)
    assert verdict in report.verdict
    assert step in report.next_steps[0]


@pytest.mark.parametrize("gap", list(Gap))
def test_every_gap_has_words_and_a_step(make_report, gap):
    report = make_report(cause={"responsibility": Responsibility.UNDETERMINED, "stage": None, "gap": gap})
    assert report.caveats[0].startswith("Evidence is missing: ")
    assert len(report.next_steps) == 2


def test_summary_counts_judged_records_not_pending_ones(make_report):
    facts = {fact.label: fact for fact in make_report(n_pending=40).facts}
    assert facts["Failing records"].value == "40 of 160 judged"
    assert facts["Failing records"].note == "25%; 75% of these by this cause"
    assert facts["Model in isolation"].value == "not measured"
    assert facts["Confidence"].note == "very high"


@pytest.mark.parametrize(
    ("result", "said", "is_degraded"),
    [
        (IsolationResult(stage="answer", model=None, calls=0, cost_usd=None), "answer was not called", False),
        (
            IsolationResult(
                stage="answer", model="m", calls=9, cost_usd=0, accuracy=0.7, baseline_accuracy=0.9, p_degraded=1e-5
            ),
            "below its baseline of 90% (p < 0.0001): it got worse",
            True,
        ),
        (
            IsolationResult(
                stage="answer", model="m", calls=9, cost_usd=0, accuracy=0.89, baseline_accuracy=0.9, p_degraded=0.4
            ),
            "in line with its baseline of 90%",
            False,
        ),
        (IsolationResult(stage="answer", model="m", calls=9, cost_usd=0, accuracy=0.9), "no baseline", False),
    ],
)
def test_isolation_in_words(make_report, result, said, is_degraded):
    isolation = make_report(isolation=result).isolation
    assert said in isolation.sentence
    assert isolation.is_degraded is is_degraded


def test_confidence_says_what_it_rests_on(make_report):
    verdicts = [
        Verdict(key=str(n), responsibility=r, stage=s, confidence=0.9, explanation="", basis=basis)
        for n, (r, s, basis) in enumerate(
            [(Responsibility.INTEGRATION, "request", Basis.REPLAY)] * 2
            + [(Responsibility.INTEGRATION, "request", Basis.STRATUM)]
            + [(Responsibility.MODEL, "answer", Basis.RULE)]
        )
    ]
    basis = make_report(verdicts=tuple(verdicts)).confidence_basis
    assert [line.split(" decided")[0] for line in basis] == ["2 records", "1 record"]


def test_owner_is_the_responsible_one_else_reliability(make_report):
    assert make_report().owner.mention == "@U012AB"
    assert make_report(cause={"responsibility": Responsibility.MODEL, "stage": "answer"}).owner.role == "model"


def test_stages_say_what_is_broken_and_what_is_unchecked(make_report):
    failed = Check(
        stage="crm",
        expectation="expect_column_values_to_not_be_null",
        column="c",
        severity=Severity.WARNING,
        status=CheckStatus.FAILED,
        n_rows=9,
        n_failed=7,
        failing_keys=tuple("abcdefg"),
    )
    stages = make_report(
        results=(
            StageResult(stage="crm", n_records=9, checks=(failed,), data_docs="docs/x y/index.html"),
            StageResult(stage="request", n_records=9, is_reconciled=True, n_discrepant=4, fields={"product": 4}),
            StageResult(stage="sink", n_records=9),
        )
    ).stages
    assert [stage.mark for stage in stages] == [
        StageMark.FINDING,
        StageMark.CAUSE,
        StageMark.UNCHECKED,
        StageMark.UNCHECKED,
    ]
    crm, request, answer, sink = stages
    assert crm.checks[0].keys == "a, b, c, d, e and 2 more"
    assert crm.data_docs == "http://af:8080/seamwatch/data-docs/docs/x%20y/index.html"
    assert (request.broken_inputs, request.finding) == (("crm",), "4 differ")
    assert answer.records == "–"  # noqa: RUF001
    assert sink.reference == "none: watched, not checked"


def test_what_weakens_the_verdict_is_told_once(make_report):
    result = StageResult(stage="request", n_records=9, is_reconciled=True, n_reference_errors=2, notes=("3 late rows",))
    report = make_report(results=(result,), n_pending=1, n_examined=10, notes=("x", "x"))
    assert report.caveats == (
        "1 record has no truth yet, so neither right nor wrong.",
        "10 of 40 failing records were examined themselves; the others are judged by records like them.",
        "The reference of request failed on 2 records.",
        "request: 3 late rows",
        "x",
    )


def test_the_command_gives_the_window_again(make_report):
    assert make_report().command == ("seamwatch attribute triage --from 2026-11-23T08:00:00Z --to 2026-11-23T09:00:00Z")


def test_records_of_the_cause_come_first(make_report):
    def record(key: str, stage: str, responsibility: Responsibility) -> RecordEvidence:
        verdict = Verdict(key=key, responsibility=responsibility, stage=stage, confidence=0.9, explanation="e")
        return RecordEvidence(key=key, verdict=verdict, recorded_outcome={"q": "a"}, true_outcome={"q": "b"})

    others = record("1", "answer", Responsibility.MODEL), record("2", "request", Responsibility.INTEGRATION)
    report = make_report(evidence=others)
    assert [each.key for each in report.records] == ["2", "1"]
    assert report.n_more_records == 28


def test_a_field_that_differs_in_format_only_is_shown_unmarked_and_stays_out_of_the_message(make_report):
    """`19.90` beside `19.9` is no fault, so nothing of it may look like one."""
    verdict = Verdict(
        key="1", responsibility=Responsibility.INTEGRATION, stage="request", confidence=0.9, explanation="e"
    )
    rows = tuple(
        Discrepancy(key="1", stage="request", field=name, recorded="19.90", expected=expected, kind=kind)
        for name, expected, kind in (("price", "19.9", "format"), ("product", "7", "value"))
    )
    report = make_report(evidence=(RecordEvidence(key="1", verdict=verdict, rows=rows),))
    price, product = report.records[0].payload
    assert (price.is_format_only, product.is_format_only) == (True, False)
    assert not any(piece.differs for piece in (*price.recorded, *price.expected))
    assert any(piece.differs for piece in product.recorded)
    assert "same value, another format" in render_html(report)
    thread = repr(incident_message(report).thread)
    assert "request.product" in thread
    assert "request.price" not in thread


@pytest.mark.parametrize(
    ("state", "first"),
    [
        (IncidentState.OPEN, "Correct how request makes product"),
        (
            IncidentState.MITIGATED,
            "A fix was applied 2026-11-23 09:00 UTC. Wait: the next window that began afterwards",
        ),
        (IncidentState.RESOLVED, "Correct how request makes product"),  # by a person: the window still shows the cause
    ],
)
def test_the_first_step_fits_the_state(make_report, state, first):
    mitigated_at = START + timedelta(hours=1)
    report = make_report(incident={"state": state, "mitigated_at": mitigated_at, "resolved_at": mitigated_at})
    assert report.next_steps[0].startswith(first)


def test_nothing_is_left_to_do_once_a_watch_has_called_its_incident_over():
    window = Window(start=START, end=START + timedelta(hours=1))
    over = Incident(
        id="i",
        fingerprint="f",
        pipeline="triage",
        responsibility=Responsibility.PROVIDER,
        stage="answer",
        fields=(),
        state=IncidentState.RESOLVED,
        headline="Slow provider at answer",
        confidence=0.9,
        opened_at=START,
        updated_at=START,
        first_window=window,
        last_window=window,
        n_records=1,
    )
    assert by_state(over, ("Take it back",), is_watch=True) == (
        "Nothing to do: the incident is over. Confirm that the repair stays in place.",
    )


def test_a_resolved_note_says_that_the_fault_was(make_report):
    report = make_report(incident={"state": IncidentState.RESOLVED, "resolved_at": START})
    said = incident_message(report, (ChangeKind.RESOLVED,)).thread[0]
    assert isinstance(said, Paragraph)
    assert said.runs[1].text.startswith(". What it was: 30 of 40 failing records")


def test_pages_name_owners_without_the_notation_of_slack(make_report):
    html = render_html(make_report())
    assert "Slack user U012AB" in html
    assert "@U012AB" not in html
    model = make_report({"responsibility": Responsibility.MODEL, "stage": "answer"})
    assert "Slack group S01" in render_markdown(model)


def test_resolved_incident_no_longer_asks_anyone_to_act(make_report, attribution):
    resolved_at = attribution.window.end + timedelta(hours=1)
    report = make_report(incident={"state": IncidentState.RESOLVED, "resolved_at": resolved_at}, causes=(), n_failing=3)
    assert "no longer shows this cause" in report.verdict
    assert report.state_text == "Resolved 2026-11-23 10:00 UTC after 2 h"
    message = incident_message(report, (ChangeKind.RESOLVED,))
    assert not [block for block in message.head if isinstance(block, Mention)]
    assert message.head[0] == Heading(f"Resolved: {report.headline}", IncidentState.RESOLVED)
    assert len(message.thread) == 2


@pytest.mark.parametrize(("change", "first"), [(ChangeKind.UPDATED, "Seen again"), (ChangeKind.REOPENED, "Back again")])
def test_changes_add_a_note_to_the_thread(make_report, change, first):
    thread = incident_message(make_report(), (change,)).thread
    assert isinstance(thread[0], Paragraph)
    assert thread[0].runs[0].text == first
    assert len(thread) == 2


def test_cause_of_a_second_incident_is_its_own(make_report, attribution):
    other = replace(attribution.causes[0], responsibility=Responsibility.MODEL, stage="answer", n_records=10)
    report = make_report(
        causes=(attribution.causes[0], other), incident={"responsibility": Responsibility.MODEL, "stage": "answer"}
    )
    assert report.verdict.startswith("10 of 40 failing records")
    assert [cause.is_this for cause in report.causes] == [False, True]


def test_nothing_examined_is_said_plainly(make_report):
    assert "No failing record could be examined itself." in make_report(n_examined=0).caveats
    assert make_report().caveats == ()
