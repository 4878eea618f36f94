"""Structured extraction: several fields of an invoice are read, and all have to be right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from attribution.damage import edit, half, mojibake, of_model, of_prompt, of_seam, order, recode, swap, swap_day_month
from attribution.model import Facts, FaultKind, Payload, Shape, Stage, Task
from attribution.references import invoices as reference

VENDORS = ("Müller und Söhne GmbH", "Acme Ltd", "Société Générale", "Rossi SpA", "Nord Stahl AG")
CURRENCIES = ("EUR", "CHF", "GBP")


def draw(rng: Any) -> dict[str, Payload]:
    issued = date(2025, 1, 1) + timedelta(days=rng.randrange(0, 600))
    cents = rng.randrange(1_000, 900_000)
    total = f"{cents // 100:,}".replace(",", ".") + f",{cents % 100:02d}"
    return {
        "documents": {
            "vendor_line": f"Invoice {rng.randrange(100, 999)} of {rng.choice(VENDORS)}",
            "date_line": f"Issued {issued:%d.%m.%Y}",
            "total_line": f"Total {total}",
            "currency_code": rng.choice(("978", "756", "826")),
            "country": rng.choice(("DE", "CH", "GB", "IT")),
        }
    }


def right(facts: Facts) -> Payload:
    return {
        "vendor": facts.get("vendor_line", "").partition(" of ")[2] or "unknown",
        "date": facts.get("date_line", "").rpartition(" ")[2] or "01.01.1900",
        "total": facts.get("total_line", "").rpartition(" ")[2] or "0,00",
        "currency": facts.get("currency", "unknown").upper(),
    }


def used(facts: Facts) -> tuple[Any, ...]:
    names = ("vendor_line", "date_line", "total_line", "currency")
    return tuple(" ".join(facts.get(name, "").lower().split()) for name in names)


def spoil(answer: Payload, which: int) -> Payload:
    field = ("vendor", "date", "total", "currency")[which % 4]
    if field == "vendor":
        return {**answer, "vendor": f"{answer['vendor'].split()[0]} Group" if answer["vendor"] else "none"}
    if field == "date":
        day, rest = answer["date"][:2], answer["date"][2:]
        return {**answer, "date": f"{int(day) % 28 + 1:02d}{rest}" if day.isdigit() else "02.02.1902"}
    if field == "total":
        return {**answer, "total": f"1{answer['total']}"}
    return {**answer, "currency": "USD"}


def truth(sources: Mapping[str, Payload]) -> Payload:
    facts = {name: str(value) for name, value in reference.to_request(sources["documents"]).items()}
    return reference.to_entry({"answer": json.dumps(right(facts))})


_BEFORE: dict[str, Any] = {"stage": "request", "responsibility": "integration"}
_BEHIND: dict[str, Any] = {"stage": "entry", "responsibility": "integration", "where": "behind"}
_SINK: dict[str, Any] = {"stage": "ledger", "responsibility": "integration", "where": "sink"}
_SOURCE: dict[str, Any] = {"stage": "documents", "where": "source", "responsibility": "source_data"}

SHAPE = Shape(
    name="invoices",
    stages=(
        Stage(name="documents", kind="source"),
        Stage(
            name="request",
            kind="mapping",
            inputs=("documents",),
            make=reference.to_request,
            reference="invoices:to_request",
        ),
        Stage(
            name="prompt",
            kind="prompt",
            inputs=("request",),
            make=lambda request: {"body": reference.to_prompt(request)},
            reference="invoices:to_prompt",
        ),
        Stage(
            name="extract_model",
            kind="model",
            inputs=("prompt",),
            task=Task(
                right=right, spoil=spoil, used=used, segment=lambda facts: facts.get("currency", "").upper() != "GBP"
            ),
        ),
        Stage(
            name="entry",
            kind="mapping",
            inputs=("extract_model",),
            make=reference.to_entry,
            reference="invoices:to_entry",
        ),
        Stage(name="ledger", kind="sink", inputs=("entry",), make=dict),
    ),
    draw=draw,
    truth=truth,
    compare={
        "vendor": {"column": "vendor", "how": "text"},
        "issued_on": {"column": "issued_on", "how": "exact"},
        "total": {"column": "total", "how": "number", "tolerance": 0.005},
        "currency": {"column": "currency"},
    },
    mapping_file="invoices.py",
    suites={
        "documents": [
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "currency_code", "value_set": ["978", "756", "826"]},
            }
        ]
    },
    faults=(
        FaultKind(
            name="code_table", fields=("currency",), damage=recode("currency", {"CHF": "EUR", "GBP": "IEP"}), **_BEFORE
        ),
        FaultKind(
            name="unit", fields=("total_line",), damage=edit("total_line", lambda x: x.replace(",", "")), **_BEFORE
        ),
        FaultKind(name="fields_swapped", fields=("currency", "country"), damage=swap("currency", "country"), **_BEFORE),
        FaultKind(name="default_value", fields=("currency",), damage=edit("currency", lambda _: "EUR"), **_BEFORE),
        FaultKind(name="text_truncated", fields=("vendor_line",), damage=edit("vendor_line", half), **_BEFORE),
        FaultKind(name="encoding", fields=("vendor_line",), damage=edit("vendor_line", mojibake), **_BEFORE),
        *of_seam("request"),
        *of_prompt("prompt", "date_line", ("total_line", "currency")),
        *of_model("extract_model"),
        FaultKind(name="date_swap", fields=("issued_on",), damage=edit("issued_on", swap_day_month), **_BEHIND),
        FaultKind(name="result_unit", fields=("total",), damage=edit("total", lambda x: round(x * 100, 2)), **_BEHIND),
        FaultKind(name="field_dropped", fields=("vendor",), damage=edit("vendor", lambda _: None), **_BEHIND),
        FaultKind(name="result_swapped", fields=("vendor", "currency"), damage=swap("vendor", "currency"), **_BEHIND),
        FaultKind(name="sink_overwrites", fields=("currency",), damage=edit("currency", lambda _: "EUR"), **_SINK),
        FaultKind(name="sink_lost", damage=lambda *_: None, is_preempting=True, **_SINK),
        FaultKind(
            name="source_bad_value", fields=("currency_code",), damage=edit("currency_code", lambda _: "000"), **_SOURCE
        ),
        FaultKind(
            name="source_corrected",
            fields=("total_line",),
            damage=edit("total_line", lambda text: text.replace("Total ", "Total 9")),
            is_corrected=True,
            **_SOURCE,
        ),
        FaultKind(
            name="adversarial",
            stage="documents",
            where="adversarial",
            responsibility="adversarial_input",
            fields=("vendor_line",),
            damage=order("vendor_line"),
        ),
        FaultKind(
            name="harmless_format",
            damage=edit("currency", lambda x: f" {x.lower()} "),
            is_harmless=True,
            **_BEFORE,
        ),
        FaultKind(name="harmless_unused", damage=edit("country", lambda _: "??"), is_harmless=True, **_BEFORE),
    ),
)
