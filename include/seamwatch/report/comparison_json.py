"""Two releases compared, for programs."""

from __future__ import annotations

from typing import Any

from seamwatch.core.release_comparison import SIGNIFICANT, PairedRates, ReleaseComparison, ReleaseRecords, ReplayedPairs
from seamwatch.report.comparison import comparison_notes, headline
from seamwatch.report.facts import owner_of
from seamwatch.report.numbers import iso
from seamwatch.report.release_change_texts import change_text
from seamwatch.spec.pipeline import Pipeline


def comparison_json(found: ReleaseComparison, pipeline: Pipeline) -> dict[str, Any]:
    """Return the comparison as JSON-ready values."""
    compared = found.comparison
    unpaired = compared.unpaired
    return {
        "pipeline": found.pipeline,
        "window": {"start": iso(found.window.start), "end": iso(found.window.end)},
        "by": found.field,
        "headline": headline(found),
        "first": _release_json(compared.first),
        "second": _release_json(compared.second),
        "inputs": list(found.inputs),
        "common_inputs": compared.n_common_inputs,
        "significant_below_p": SIGNIFICANT,
        "paired": _rates_json(compared.paired),
        "recorded_pairs": compared.n_recorded_pairs,
        "replayed": _replayed_json(found.replayed),
        "segments": [
            {"segment": one.segment, "value": one.value, **_rates_json(one.rates)} for one in compared.segments
        ],
        "unpaired": None
        if unpaired is None
        else {
            "difference": unpaired.difference,
            "low": unpaired.low,
            "high": unpaired.high,
            "p_value": unpaired.p_value,
            "strata": unpaired.n_strata,
            "records": [unpaired.n_first, unpaired.n_second],
            "is_randomised": False,
        },
        "changes": [
            {
                "part": one.part.value,
                "stage": one.stage,
                "name": one.name,
                "line": one.line,
                "role": one.role,
                "before": one.before,
                "after": one.after,
                "pairs_changed": one.n_changed,
                "responsibility": one.responsibility.value,
                "owner": owner_of(pipeline, one.responsibility).mention,
                "text": change_text(one),
            }
            for one in found.changes
        ],
        "records_without_release": found.n_without_release,
        "records_in_both": found.n_in_both,
        "notes": list(comparison_notes(found)),
    }


def _replayed_json(replayed: ReplayedPairs | None) -> dict[str, Any] | None:
    if replayed is None:
        return None
    return {
        "obstacle": replayed.obstacle,
        "pairs": len(replayed.pairs),
        "inputs_of": replayed.inputs_of,
        "request_of": replayed.template_of,
        "inputs": replayed.n_asked,
        "calls": replayed.calls,
        "cost_usd": replayed.cost_usd,
        "gaps": {gap.value: n for gap, n in replayed.gaps},
    }


def _release_json(one: ReleaseRecords) -> dict[str, Any]:
    return {
        "release": one.release,
        "records": one.n_records,
        "right": one.n_right,
        "wrong": one.n_wrong,
        "pending": one.n_pending,
        "share_right": one.share_right,
        "without_input": one.n_without_input,
        "first_at": iso(one.first_at),
        "last_at": iso(one.last_at),
    }


def _rates_json(rates: PairedRates) -> dict[str, Any]:
    return {
        "pairs": rates.n_pairs,
        "worse": rates.n_worse,
        "better": rates.n_better,
        "both_right": rates.n_right,
        "both_wrong": rates.n_wrong,
        "p_value": rates.p_value,
        "difference": rates.difference,
        "low": rates.low,
        "high": rates.high,
        "differs": rates.differs,
    }
