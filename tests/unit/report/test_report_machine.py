"""The forms for programs: the contract's keys, no more and no fewer."""

import csv
import io
import json
from dataclasses import replace

from seamwatch.core.finding import RateComparison
from seamwatch.core.results import FieldAccuracy, Signal, Verdict
from seamwatch.report.incident_json import report_json
from seamwatch.report.machine import attribution_json, verdicts_csv
from seamwatch.vocabulary import Responsibility

CAUSE_KEYS = {
    "responsibility",
    "stage",
    "fields",
    "share",
    "share_low",
    "share_high",
    "confidence",
    "headline",
    "onset",
    "onset_low",
    "onset_high",
    "changed",
    "p_value",
    "e_value",
    "windows",
}
ISOLATION_KEYS = {
    "model",
    "calls",
    "cost_usd",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "baseline_accuracy",
    "reproduced",
    "finding",
    "paired",
}


def test_attribution_has_the_contracts_form(attribution):
    signal = Signal(kind="lost", stage="sink", text="3 lost", n_records=3)
    found = json.loads(json.dumps(attribution_json(replace(attribution, signals=(signal,)))))
    assert set(found) == {
        "pipeline",
        "window",
        "records",
        "incident",
        "attribution",
        "causes",
        "isolation",
        "documents",
        "seam_changes",
        "fields",
        "notes",
        "signals",
    }
    assert found["window"] == {"start": "2026-11-23T08:00:00Z", "end": "2026-11-23T09:00:00Z"}
    assert found["records"] == {"observed": 200, "failing": 40, "pending": 0, "examined": 40, "unreadable": 0}
    assert found["incident"] is True
    assert set(found["attribution"]) == CAUSE_KEYS
    assert found["attribution"]["fields"] == ["product"]
    assert found["attribution"]["onset"] == "2026-11-23T08:20:00Z"
    assert [set(cause) for cause in found["causes"]] == [CAUSE_KEYS]
    assert set(found["isolation"]) == ISOLATION_KEYS
    assert found["isolation"]["cost_usd"] is None
    assert found["signals"] == [
        {"kind": "lost", "stage": "sink", "severity": "warning", "text": "3 lost", "records": 3}
    ]


def test_each_final_field_has_its_accuracy_and_what_could_not_be_read(attribution):
    unread = FieldAccuracy(field="total", how="number", n_judged=0, n_right=0, n_unreadable=5)
    fields = (FieldAccuracy(field="queue", how="auto", n_judged=8, n_right=6), unread)
    found = attribution_json(replace(attribution, fields=fields, notes=("said",), n_unreadable=5))
    assert [(one["field"], one["accuracy"], one["unreadable"]) for one in found["fields"]] == [
        ("queue", 0.75, 0),
        ("total", None, 5),
    ]
    assert found["records"]["unreadable"] == 5
    assert "said" in found["notes"]


def test_healthy_window_has_the_same_keys(attribution):
    healthy = replace(attribution, causes=(replace(attribution.causes[0], rate=RateComparison()),))
    found = attribution_json(healthy)
    assert found["incident"] is False
    assert set(found["attribution"]) == CAUSE_KEYS
    assert found["attribution"]["fields"] == []
    assert found["attribution"]["share"] is None
    assert found["attribution"]["headline"] == (
        "No incident: 40 of 200 judged records failing, as in a healthy window."
    )
    pending = attribution_json(replace(healthy, n_pending=200, n_failing=0, causes=()))
    assert pending["attribution"]["headline"] == "No incident: none of 200 records could be judged yet."


def test_report_adds_what_people_are_told(make_report):
    report = make_report()
    found = json.loads(json.dumps(report_json(report)))
    assert found["attribution"] == dict(report.data)["attribution"]
    assert found["report"]["links"]["report"] == "http://af:8080/seamwatch/incidents/triage-1"
    assert found["report"]["next_steps"] == list(report.next_steps)


def test_csv_reads_back_any_text():
    verdict = Verdict(
        key='a,"1"\n',
        responsibility=Responsibility.INTEGRATION,
        stage=None,
        fields=("x", "y"),
        confidence=0.5,
        explanation="said, so",
    )
    rows = list(csv.DictReader(io.StringIO(verdicts_csv([verdict]))))
    assert rows == [
        {
            "key": 'a,"1"\n',
            "responsibility": "integration",
            "stage": "",
            "fields": "x;y",
            "confidence": "0.5",
            "explanation": "said, so",
        }
    ]
    assert verdicts_csv([]) == "key,responsibility,stage,fields,confidence,explanation\n"
