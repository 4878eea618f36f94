"""The references of the benchmark's extraction chain."""

import json
from datetime import date


def to_request(documents: dict) -> dict:
    return {
        "vendor_line": documents["vendor_line"].strip(),
        "date_line": documents["date_line"].strip(),
        "total_line": documents["total_line"].strip(),
        "currency": {"978": "EUR", "756": "CHF", "826": "GBP"}.get(documents["currency_code"], "unknown"),
        "country": documents["country"],
    }


def to_prompt(request: dict) -> dict:
    names = ("vendor_line", "date_line", "total_line", "currency", "country")
    content = "\n".join(f"{name}: {request[name]}" for name in names)
    system = {"role": "system", "content": "Extract vendor, date, total and currency as JSON."}
    return {"model": "extract-1", "messages": [system, {"role": "user", "content": content}]}


def to_entry(extract_model: dict) -> dict:
    try:
        answer = json.loads(extract_model["answer"])
        day, month, year = answer["date"].split(".")
        return {
            "vendor": answer["vendor"],
            "issued_on": date(int(year), int(month), int(day)).isoformat(),
            "total": float(answer["total"].replace(".", "").replace(",", ".")),
            "currency": answer["currency"],
        }
    except (TypeError, ValueError, KeyError, AttributeError):
        return {"vendor": "unknown", "issued_on": "1900-01-01", "total": 0.0, "currency": "unknown"}
