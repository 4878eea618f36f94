"""The section on objectives and watches: parts that were not run again stay as they were."""

from __future__ import annotations

from typing import Any

from slo.page import section


def _document(**parts: float) -> dict[str, Any]:
    figures = {f"{name}_figure": _figure(value) for name, value in parts.items()}
    about = {"command": "make bench-slo", "about": "services", "python": "3.11", "cores": 2, "seed": 1}
    told = {
        name: {
            "command": f"PARTS={name} make bench-slo",
            "commit": "c" * 40,
            "notes": f"On {name}.\n",
            "figures": [key],
        }
        for name, key in zip(parts, figures, strict=True)
    }
    return {**about, "figures": figures, "parts": told}


def _figure(value: float) -> dict[str, Any]:
    return {"value": value, "low": value, "high": value, "unit": "share", "rival": {}}


def test_a_part_that_was_not_run_again_stays_and_one_that_was_is_renewed_in_its_place() -> None:
    before = section(_document(alerts=0.5, cost=0.25, drift=0.75), [])
    after = section(_document(cost=0.125), before)
    assert after == section(_document(alerts=0.5, cost=0.125, drift=0.75), [])
    assert section(_document(cost=0.125), after) == after


def test_a_new_part_comes_last() -> None:
    before = section(_document(alerts=0.5), [])
    assert section(_document(tick=0.5), before) == section(_document(alerts=0.5, tick=0.5), [])
