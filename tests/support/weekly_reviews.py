"""Weeks as a review tells them, made by hand: a usual one, an empty, a hostile, a corrected, and a large one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from seamwatch.core.agreed_actions import AgreedAction, AgreedState, Recurrence
from seamwatch.core.grades import Grade
from seamwatch.core.weekly_review.facts import (
    AgreedWeek,
    CostPart,
    CostWeek,
    DriftWeek,
    FigureCorrection,
    FixFirst,
    GateWeek,
    HeldRelease,
    IncidentLine,
    IncidentsWeek,
    KnowledgeWeek,
    LabelsWeek,
    ObjectiveWeek,
    OverrideTold,
    Phase,
    PipelineWeek,
    QualityWeek,
    RepeatOffender,
    RunbooksWeek,
    SlowIncident,
    StepTold,
    TeamWeek,
    TimeTo,
    WeeklyReview,
)
from seamwatch.core.weekly_review.week import ReviewWeek
from seamwatch.vocabulary import GateState, IncidentSeverity, IncidentState, Responsibility, RunbookKind

WEEK = ReviewWeek(year=2026, number=47, time_zone="Europe/Berlin")
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
MADE_AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
INTEGRATION, MODEL, KNOWLEDGE = Responsibility.INTEGRATION, Responsibility.MODEL, Responsibility.KNOWLEDGE_BASE
HOUR, DAY = 3_600.0, 86_400.0
NOVEMBER = date(2026, 11, 1)


def line(number: int, headline: str, whose: Responsibility = INTEGRATION, **more: Any) -> IncidentLine:
    """Return an incident that opened on Tuesday and was resolved a day after."""
    values: dict[str, Any] = {
        "id": f"{more.get('pipeline', 'support_triage')}-{number}",
        "pipeline": "support_triage",
        "headline": headline,
        "responsibility": whose,
        "stage": "request_mapping",
        "state": IncidentState.RESOLVED,
        "severity": IncidentSeverity.SEV2,
        "opened_at": MONDAY + timedelta(days=1, hours=9),
        "resolved_at": MONDAY + timedelta(days=2, hours=9),
        "n_records": 385,
    }
    return IncidentLine(**values | more)


def still_open(number: int, headline: str, whose: Responsibility, **more: Any) -> IncidentLine:
    """Return an incident that is open at the end of the week."""
    return line(number, headline, whose, **{"state": IncidentState.ACKNOWLEDGED, "resolved_at": None} | more)


CODE_TABLE = line(31, "Integration failure at request_mapping: product_name is wrong. The model is not at fault.")
STALE = still_open(
    32,
    "Stale documents: refund-policy is 40 days old at the source's word",
    KNOWLEDGE,
    pipeline="policy_chat",
    stage="kb_lookup",
    n_records=212,
)
DEGRADED = still_open(
    33,
    "The model at triage_model is wrong on clean requests.",
    MODEL,
    stage="triage_model",
    severity=IncidentSeverity.SEV1,
    state=IncidentState.OPEN,
    n_records=391,
    opened_at=MONDAY + timedelta(days=5, hours=3),
)
TRUNCATED = line(
    34,
    "Provider failure at answer_model: truncated answers.",
    Responsibility.PROVIDER,
    pipeline="policy_chat",
    stage="answer_model",
    severity=IncidentSeverity.SEV3,
    n_records=46,
)
SOURCE = line(
    35,
    "Source data: invoice_date is empty since the export of Thursday",
    Responsibility.SOURCE_DATA,
    pipeline="invoice_reader",
    stage="scan_export",
    severity=IncidentSeverity.SEV3,
    n_records=77,
)


def incidents(opened: int = 0, **more: Any) -> IncidentsWeek:
    """Return the counts of a week; all that is not named is nothing."""
    values: dict[str, Any] = {
        "n_opened": opened,
        "n_reopened": 0,
        "n_resolved": 0,
        "n_open_at_end": 0,
        "n_void": 0,
        "by_responsibility": {},
        "by_severity": {},
        "n_looked_like_ai": 0,
        "n_not_ai": 0,
        "not_ai": {},
        "n_ai": 0,
        "n_ai_unknown": 0,
        "opened_before": (0.0, 0.0, 0.0, 0.0),
        "not_ai_before": (0.0, 0.0, 0.0, 0.0),
    }
    return IncidentsWeek(**values | more)


TIMES = (
    TimeTo(phase=Phase.DETECT, n=5, median_s=14 * 60, worst_s=3 * HOUR, n_unknown=1, before=(2400, 1800, None, 1500)),
    TimeTo(phase=Phase.ATTRIBUTE, n=5, median_s=95, worst_s=600, n_unknown=0, before=(130, 120, 110, 100)),
    TimeTo(
        phase=Phase.ACKNOWLEDGE, n=4, median_s=40 * 60, worst_s=9 * HOUR, n_unknown=0, before=(3000, 2500, None, 2000)
    ),
    TimeTo(
        phase=Phase.MITIGATE, n=3, median_s=5 * HOUR, worst_s=20 * HOUR, n_unknown=0, before=(20000, 22000, None, 25000)
    ),
    TimeTo(
        phase=Phase.RESOLVE, n=3, median_s=23 * HOUR, worst_s=30 * HOUR, n_unknown=0, before=(80000, 90000, None, DAY)
    ),
)


def runbooks(**more: Any) -> RunbooksWeek:
    """Return a week in which no runbook ran, but for what is named."""
    values: dict[str, Any] = {"n_runs": 0, "n_steps": 0, "n_actions": 0, "n_helped": 0}
    return RunbooksWeek(**values | {"failed": (), "waited": (), "overridden": ()} | more)


FAILED_STEP = StepTold(
    incident=CODE_TABLE.id,
    pipeline="support_triage",
    runbook=RunbookKind.INTEGRATION_FAILURE,
    name="commits near the onset",
    at=MONDAY + timedelta(days=1, hours=9, minutes=6),
    by=None,
    text="The repository could not be read: it is not there any more.",
)
WAITED = StepTold(
    incident=DEGRADED.id,
    pipeline="support_triage",
    runbook=RunbookKind.MODEL_DEGRADATION,
    name="switch_model",
    at=MONDAY + timedelta(days=5, hours=3, minutes=10),
    by=None,
    text="Nobody answered within 12 h.",
)
OVERRIDDEN = StepTold(
    incident=TRUNCATED.id,
    pipeline="policy_chat",
    runbook=RunbookKind.PROVIDER_FAILURE,
    name="raise_token_limit",
    at=MONDAY + timedelta(days=1, hours=11),
    by="Ben",
    text="Done by hand: the limit was raised in the gateway.",
)
HELD = HeldRelease(
    pipeline="support_triage",
    at=MONDAY + timedelta(days=6, hours=13),
    reason="the error budget of answers_right is spent",
    release="triage 2.14",
)
OVERRIDE = OverrideTold(
    pipeline="support_triage",
    objective="answers_right",
    by="Ann",
    at=MONDAY + timedelta(days=6, hours=14),
    until=MONDAY + timedelta(days=7, hours=14),
    reason="2.14 is the fix of the mapping",
)


def objective(name: str, **more: Any) -> ObjectiveWeek:
    """Return an objective that is met."""
    values: dict[str, Any] = {
        "objective": name,
        "kind": "quality",
        "goal": 0.95,
        "events": 9_120.0,
        "judged": 8_904.0,
        "bad": 463.0,
        "sli": 0.948,
        "before": (0.971, 0.968, None, 0.966),
        "left": 0.62,
        "left_before": (0.9, 0.84, None, 0.7),
        "spent": 0.08,
        "gate": GateState.OK,
    }
    return ObjectiveWeek(**values | more)


SUPPORT = PipelineWeek(
    pipeline="support_triage",
    description="Routes customer tickets to a queue.",
    owner="@U012AB",
    n_records=9_120.0,
    records_before=(8_800.0, 9_050.0, None, 9_010.0),
    objectives=(
        objective("answers_right", left=-0.08, left_before=(0.7, 0.55, None, 0.41), spent=0.49, gate=GateState.FROZEN),
        objective(
            "answered_in_time",
            kind="latency",
            goal=0.99,
            bad=41.0,
            sli=0.9954,
            before=(0.996, 0.9965, None, 0.9958),
            left=0.71,
        ),
    ),
    quality=QualityWeek(
        n_answers=9_120,
        n_judged=240,
        n_wrong=14.0,
        accuracy=0.942,
        low=0.905,
        high=0.967,
        is_sampled=True,
        before=(0.967, 0.965, None, 0.963),
    ),
    cost=CostWeek(
        usd=412.6,
        n_calls=18_330.0,
        n_records=9_120.0,
        n_unpriced=120.0,
        n_hours=168,
        before=(301.0, 315.5, None, 322.4),
        month=NOVEMBER,
        month_usd=1_205.0,
        forecast_usd=1_720.0,
        forecast_low_usd=1_490.0,
        forecast_high_usd=1_980.0,
        dearest=(
            CostPart(kind="model", name="triage-large-2026-10", usd=331.0, share=0.80, usd_before=240.0),
            CostPart(kind="triage_model.prompt_version", name="13", usd=204.5, share=0.50, usd_before=None),
        ),
    ),
    drift=(
        DriftWeek(
            incident="support_triage-36",
            stage="crm_export",
            field="subject",
            kind="new_topic",
            headline="subject of crm_export: a new topic, 'router recall', in 6% of the records",
            n_records=540,
        ),
    ),
    incidents=incidents(
        2,
        n_resolved=1,
        n_open_at_end=1,
        by_responsibility={INTEGRATION: 1, MODEL: 1},
        by_severity={"sev1": 1, "sev2": 1},
        n_looked_like_ai=2,
        n_not_ai=1,
        not_ai={INTEGRATION: 1},
        n_ai=1,
    ),
    runbooks=runbooks(n_runs=2, n_steps=14, n_actions=2, failed=(FAILED_STEP,), waited=(WAITED,)),
    gate=GateWeek(n_asked=6, n_held=1, held=(HELD,), overrides=(OVERRIDE,)),
    labels=LabelsWeek(
        n_given=118,
        n_people=3,
        n_waiting=22,
        n_drawn=140,
        alpha=0.81,
        alpha_low=0.70,
        alpha_high=0.89,
        judge_sensitivity=0.72,
        judge_specificity=0.97,
        n_judge_labels=412,
        before=(90.0, 104.0, None, 97.0),
    ),
    teams=(
        TeamWeek(role="model", mention="!subteam^S01", pipeline="support_triage", open=(DEGRADED,), closed=()),
        TeamWeek(role="integration", mention="!subteam^S02", pipeline="support_triage", open=(), closed=(CODE_TABLE,)),
    ),
)
POLICY = PipelineWeek(
    pipeline="policy_chat",
    description="Answers questions on policies.",
    owner="@U034CD",
    n_records=2_410.0,
    records_before=(2_300.0, 2_350.0, None, 2_390.0),
    objectives=(
        objective(
            "fresh_answers",
            kind="freshness",
            goal=0.98,
            events=2_410.0,
            judged=2_380.0,
            bad=212.0,
            sli=0.911,
            before=(0.99, 0.989, None, 0.986),
            left=0.19,
            left_before=(0.95, 0.93, None, 0.6),
            spent=0.41,
            gate=GateState.WARN,
        ),
        objective(
            "monthly_cost",
            kind="cost",
            goal=None,
            bad=96.2,
            sli=None,
            before=(88.0, 91.5, None, 90.2),
            left=0.44,
            left_before=(0.9, 0.78, None, 0.61),
            spent=0.24,
        ),
    ),
    quality=QualityWeek(
        n_answers=2_410,
        n_judged=2_380,
        n_wrong=140.0,
        accuracy=0.941,
        low=0.931,
        high=0.950,
        is_sampled=False,
        before=(0.958, 0.957, None, 0.955),
    ),
    cost=CostWeek(
        usd=96.2,
        n_calls=2_460.0,
        n_records=2_410.0,
        n_unpriced=0.0,
        n_hours=160,
        before=(88.0, 91.5, None, 90.2),
        month=NOVEMBER,
        month_usd=None,
        forecast_usd=None,
        dearest=(CostPart(kind="model", name="policy-answer-3", usd=96.2, share=1.0, usd_before=90.2),),
    ),
    incidents=incidents(
        2,
        n_resolved=1,
        n_open_at_end=1,
        by_responsibility={KNOWLEDGE: 1, Responsibility.PROVIDER: 1},
        by_severity={"sev2": 1, "sev3": 1},
        n_looked_like_ai=2,
        n_not_ai=2,
        not_ai={KNOWLEDGE: 1, Responsibility.PROVIDER: 1},
    ),
    runbooks=runbooks(n_runs=2, n_steps=11, n_actions=1, n_helped=1, overridden=(OVERRIDDEN,)),
    knowledge=(
        KnowledgeWeek(
            knowledge_base="policies",
            checked_at=MONDAY + timedelta(days=6, hours=22),
            n_checks=28,
            n_documents=341,
            faults={"stale": 6, "ghost": 1},
            share_fresh=0.911,
            before=(0.99, 0.989, None, 0.986),
        ),
        KnowledgeWeek(
            knowledge_base="faq",
            checked_at=None,
            n_checks=0,
            n_documents=None,
            faults={},
            share_fresh=None,
            before=(None, None, None, None),
        ),
    ),
    teams=(
        TeamWeek(role="knowledge_base", mention=None, pipeline="policy_chat", open=(STALE,), closed=()),
        TeamWeek(role="provider", mention=None, pipeline="policy_chat", open=(), closed=(TRUNCATED,)),
    ),
)
INVOICES = PipelineWeek(
    pipeline="invoice_reader",
    owner=None,
    n_records=1_204.0,
    records_before=(1_190.0, 1_201.0, None, 1_188.0),
    objectives=(
        objective(
            "fields_right", bad=31.0, judged=1_190.0, events=1_204.0, sli=0.974, left=0.88, left_before=(None,) * 4
        ),
    ),
    incidents=incidents(
        1,
        n_resolved=1,
        by_responsibility={Responsibility.SOURCE_DATA: 1},
        by_severity={"sev3": 1},
        n_looked_like_ai=1,
        n_not_ai=1,
        not_ai={Responsibility.SOURCE_DATA: 1},
    ),
    teams=(TeamWeek(role="source_data", mention=None, pipeline="invoice_reader", open=(), closed=(SOURCE,)),),
)


def action(number: int, text: str, **more: Any) -> AgreedAction:
    """Return an action that was agreed on the week before and is due in two days."""
    values: dict[str, Any] = {
        "id": f"agreed-{number}",
        "pipeline": "support_triage",
        "text": text,
        "owner": "Ann",
        "due_on": date(2026, 11, 25),
        "agreed_at": MONDAY + timedelta(hours=10),
        "agreed_by": "Ann",
        "week": "2026-W46",
    }
    return AgreedAction(**values | more)


DONE = {"state": AgreedState.DONE, "ended_at": MONDAY + timedelta(days=2, hours=15), "ended_by": "Ben"}
AGREED = (
    AgreedWeek(
        action=action(1, "Validate the code table before each import", due_on=date(2026, 11, 18)),
        is_overdue=True,
        recurrence=None,
    ),
    AgreedWeek(
        action=action(2, "Alert when the export of scans is empty", incident="invoice_reader-20", owner="Ben", **DONE),
        is_overdue=False,
        recurrence=Recurrence.CAME_BACK,
    ),
    AgreedWeek(
        action=action(3, "Raise the token limit of answers", incident="policy_chat-9", pipeline="policy_chat", **DONE),
        is_overdue=False,
        recurrence=Recurrence.STAYED_AWAY,
    ),
    AgreedWeek(
        action=action(4, "Name an owner in every pipeline file", pipeline=None, due_on=date(2026, 12, 4)),
        is_overdue=False,
        recurrence=None,
    ),
)


def grade(whose: Responsibility | None, **more: Any) -> Grade:
    """Return a grade of which much is known."""
    values: dict[str, Any] = {
        "n_verdicts": 118,
        "n_called_wrong": 4,
        "n_called_right": 31,
        "n_confirmed": 22,
        "n_refuted": 1,
        "n_sampled": 20,
        "n_sample_open": 3,
        "precision": 0.931,
        "low": 0.846,
        "high": 0.974,
        "stated": 0.95,
        "is_overconfident": False,
    }
    return Grade(responsibility=whose, **values | more)


NOBODY_JUDGED = {
    "n_called_wrong": 0,
    "n_called_right": 0,
    "n_confirmed": 0,
    "n_refuted": 0,
    "n_sampled": 0,
    "n_sample_open": 0,
    "precision": None,
    "low": 0.0,
    "high": 1.0,
}
GRADES = (
    grade(None),
    grade(INTEGRATION, n_verdicts=61, precision=0.966, low=0.88, high=0.99, n_called_wrong=1, n_refuted=0),
    grade(
        MODEL,
        n_verdicts=22,
        precision=0.71,
        low=0.49,
        high=0.86,
        stated=0.93,
        is_overconfident=True,
        factor=0.83,
        n_called_wrong=3,
    ),
    grade(Responsibility.ADVERSARIAL_INPUT, n_verdicts=3, stated=0.9, **NOBODY_JUDGED),
)
ALL_COST = CostWeek(
    usd=508.8,
    n_calls=20_790.0,
    n_records=11_530.0,
    n_unpriced=120.0,
    n_hours=168,
    before=(389.0, 407.0, None, 412.6),
    month=NOVEMBER,
    month_usd=1_560.0,
    forecast_usd=2_090.0,
    forecast_low_usd=1_850.0,
    forecast_high_usd=2_360.0,
    dearest=(
        CostPart(kind="model", name="triage-large-2026-10", usd=331.0, share=0.65, usd_before=240.0),
        CostPart(kind="triage_model.prompt_version", name="13", usd=204.5, share=0.40, usd_before=None),
        CostPart(kind="model", name="policy-answer-3", usd=96.2, share=0.19, usd_before=90.2),
    ),
)
EVERYTHING = PipelineWeek(
    pipeline="",
    n_records=12_734.0,
    records_before=(12_290.0, 12_601.0, None, 12_588.0),
    cost=ALL_COST,
    incidents=incidents(
        5,
        n_reopened=1,
        n_resolved=3,
        n_open_at_end=2,
        n_void=1,
        by_responsibility={
            INTEGRATION: 2,
            MODEL: 1,
            KNOWLEDGE: 1,
            Responsibility.PROVIDER: 1,
            Responsibility.SOURCE_DATA: 1,
        },
        by_severity={"sev1": 1, "sev2": 3, "sev3": 2},
        n_looked_like_ai=5,
        n_not_ai=4,
        not_ai={INTEGRATION: 1, KNOWLEDGE: 1, Responsibility.PROVIDER: 1, Responsibility.SOURCE_DATA: 1},
        n_ai=1,
        opened_before=(3.0, 2.0, None, 4.0),
        not_ai_before=(2.0, 2.0, None, 3.0),
    ),
    times=TIMES,
    lines=(DEGRADED, STALE, CODE_TABLE, TRUNCATED, SOURCE),
    runbooks=runbooks(
        n_runs=4,
        n_steps=25,
        n_actions=3,
        n_helped=1,
        failed=(FAILED_STEP,),
        waited=(WAITED,),
        overridden=(OVERRIDDEN,),
    ),
    gate=GateWeek(n_asked=9, n_held=1, held=(HELD,), overrides=(OVERRIDE,)),
)
USUAL = WeeklyReview(
    week=WEEK,
    made_at=MADE_AT,
    is_closed=True,
    everything=EVERYTHING,
    pipelines=(SUPPORT, POLICY, INVOICES),
    slowest=(
        SlowIncident(
            incident=STALE,
            took_s=5 * DAY,
            is_over=False,
            longest=Phase.MITIGATE,
            longest_s=4 * DAY + 2 * HOUR,
            steps={
                Phase.DETECT: 3 * HOUR,
                Phase.ATTRIBUTE: 95.0,
                Phase.ACKNOWLEDGE: 2 * HOUR,
                Phase.MITIGATE: None,
                Phase.RESOLVE: None,
            },
            n_escalated=0,
            n_reopened=1,
        ),
        SlowIncident(
            incident=CODE_TABLE,
            took_s=30 * HOUR,
            is_over=True,
            longest=Phase.ACKNOWLEDGE,
            longest_s=9 * HOUR,
            steps={
                Phase.DETECT: 15 * 60,
                Phase.ATTRIBUTE: 120.0,
                Phase.ACKNOWLEDGE: 9 * HOUR,
                Phase.MITIGATE: 8 * HOUR,
                Phase.RESOLVE: 7 * HOUR,
            },
            n_escalated=1,
            n_reopened=0,
        ),
        SlowIncident(
            incident=SOURCE,
            took_s=24 * HOUR,
            is_over=True,
            longest=None,
            longest_s=0.0,
            steps=dict.fromkeys(Phase),
            n_escalated=0,
            n_reopened=0,
        ),
    ),
    repeats=(
        RepeatOffender(
            pipeline="support_triage",
            responsibility=INTEGRATION,
            stage="request_mapping",
            kind="code_table",
            n_times=4,
            n_this_week=2,
            incidents=("support_triage-31", "support_triage-22", "support_triage-14"),
        ),
    ),
    fix_first=(
        FixFirst(
            pipeline="support_triage",
            objective="answers_right",
            incident=CODE_TABLE,
            spent=0.31,
            amount=287.0,
            is_money=False,
            owner_role="integration",
            owner="!subteam^S02",
        ),
        FixFirst(
            pipeline="policy_chat",
            objective="fresh_answers",
            incident=STALE,
            spent=0.41,
            amount=212.0,
            is_money=False,
            owner_role="knowledge_base",
            owner=None,
        ),
        FixFirst(
            pipeline="policy_chat",
            objective="monthly_cost",
            incident=None,
            spent=0.24,
            amount=96.2,
            is_money=True,
            owner_role="reliability",
            owner="@U034CD",
        ),
    ),
    agreed=AGREED,
    grades=GRADES,
)
EMPTY = WeeklyReview(
    week=ReviewWeek(year=2026, number=53),
    made_at=datetime(2026, 12, 30, 9, 30, tzinfo=UTC),
    kept_since=date(2026, 12, 14),
    everything=PipelineWeek(
        pipeline="",
        n_records=0.0,
        records_before=(None, None, 12.0, 9.0),
        incidents=incidents(opened_before=(None,) * 4),
    ),
    pipelines=(
        PipelineWeek(
            pipeline="support_triage",
            owner="@U012AB",
            n_records=0.0,
            records_before=(None, None, 12.0, 9.0),
            objectives=(
                objective(
                    "answers_right",
                    events=0.0,
                    judged=0.0,
                    bad=0.0,
                    sli=None,
                    before=(None,) * 4,
                    left=None,
                    left_before=(None,) * 4,
                    spent=None,
                    gate=None,
                ),
            ),
            quality=QualityWeek(
                n_answers=0,
                n_judged=0,
                n_wrong=0.0,
                accuracy=None,
                low=None,
                high=None,
                is_sampled=False,
                before=(None,) * 4,
            ),
            cost=CostWeek(
                usd=0.0,
                n_calls=0.0,
                n_records=0.0,
                n_unpriced=0.0,
                n_hours=0,
                before=(None, None, None, 1.2),
                month=NOVEMBER,
                month_usd=None,
                forecast_usd=None,
            ),
            incidents=incidents(),
        ),
        PipelineWeek(
            pipeline="old_bot",
            is_defined=False,
            problem="there is no pipeline file of that name any more",
            incidents=incidents(),
        ),
    ),
    grades=(grade(None, n_verdicts=0, stated=None, **NOBODY_JUDGED),),
    notes=("The store keeps 14 days; what is older is not known.",),
)
EVIL = (
    "<!channel> <script>alert(1)</script> \u202egnp.exe *bold* [x](javascript:1) | `code` & \ud800 \x1b[31m "
    "\U000e0041@here ![](http://evil.example/x.png)"
)
HUGE = EVIL + " A" * 500_000


def hostile() -> WeeklyReview:
    """Return a usual week in which every text that people or systems wrote is evil, and the longest are huge."""
    bad_line = replace(CODE_TABLE, headline=HUGE, stage=EVIL)
    step = replace(FAILED_STEP, name=EVIL, text=HUGE, by=EVIL)
    week = replace(
        SUPPORT,
        description=HUGE,
        owner=EVIL,
        problem=HUGE,
        objectives=(replace(SUPPORT.objectives[0], objective=EVIL, kind=EVIL),),
        cost=replace(ALL_COST, dearest=(replace(ALL_COST.dearest[0], kind=EVIL, name=HUGE),)),
        drift=(replace(SUPPORT.drift[0], headline=HUGE, field=EVIL),),
        runbooks=runbooks(n_runs=1, failed=(step,), waited=(step,), overridden=(step,)),
        gate=GateWeek(
            n_asked=1,
            n_held=1,
            held=(replace(HELD, reason=HUGE, release=HUGE),),
            overrides=(replace(OVERRIDE, by=HUGE, reason=HUGE, objective=EVIL),),
        ),
        knowledge=(replace(POLICY.knowledge[0], knowledge_base=EVIL, faults={EVIL: 2}),),
        lines=(bad_line,),
        teams=(TeamWeek(role=EVIL, mention=EVIL, pipeline="support_triage", open=(bad_line,) * 3, closed=(bad_line,)),),
        notes=(HUGE,),
    )
    return replace(
        USUAL,
        everything=replace(EVERYTHING, runbooks=week.runbooks, gate=week.gate, cost=week.cost, lines=(bad_line,)),
        pipelines=(week,),
        slowest=(replace(USUAL.slowest[1], incident=bad_line),),
        repeats=(replace(USUAL.repeats[0], stage=EVIL, kind=HUGE),),
        fix_first=(replace(USUAL.fix_first[0], incident=bad_line, objective=EVIL, owner=EVIL, owner_role=EVIL),) * 3,
        agreed=(
            AgreedWeek(action=action(1, HUGE, owner=HUGE, note=HUGE, agreed_by=EVIL), is_overdue=True, recurrence=None),
        )
        * 5,
        corrections=(FigureCorrection(figure=HUGE, told=1.0, now=None),),
        notes=(HUGE,),
    )


CORRECTED = replace(
    USUAL,
    is_closed=True,
    corrections=(
        FigureCorrection(figure="support_triage/incidents/n_opened", told=12.0, now=13.0),
        FigureCorrection(figure="support_triage/objectives/answers_right/sli", told=0.948, now=0.951),
        FigureCorrection(figure="everything/cost/usd", told=508.8, now=None),
    ),
)


def quiet(number: int) -> PipelineWeek:
    """Return a pipeline of which nothing is to be said."""
    return PipelineWeek(
        pipeline=f"pipeline_{number:02d}",
        owner="@U012AB",
        n_records=1_000.0,
        records_before=(1_000.0,) * 4,
        objectives=(
            objective("answers_right", bad=10.0, sli=0.99, left=0.9, left_before=(0.9, 0.91, 0.92, 0.9), spent=0.01),
        ),
        quality=SUPPORT.quality,
        cost=replace(POLICY.cost, dearest=()),
        incidents=incidents(),
        labels=LabelsWeek(
            n_given=0,
            n_people=0,
            n_waiting=0,
            n_drawn=0,
            alpha=None,
            alpha_low=None,
            alpha_high=None,
            judge_sensitivity=None,
            judge_specificity=None,
            n_judge_labels=0,
            before=(0.0,) * 4,
        ),
    )


FIFTY = replace(USUAL, pipelines=(SUPPORT, POLICY, *(quiet(n) for n in range(1, 49))))
WEEKS = {"usual": USUAL, "empty": EMPTY, "hostile": hostile(), "corrected": CORRECTED, "fifty": FIFTY}
