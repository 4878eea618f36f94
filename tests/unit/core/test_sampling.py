"""Which stratum leaves most doubt of what leads."""

from __future__ import annotations

from collections import Counter

from seamwatch.core.attribution.sampling import doubtful_strata


def _widest(sizes: dict[str, int], counts: dict[str, dict[str, int]], fixed: dict[str, float] | None = None) -> object:
    found = doubtful_strata(sizes, {name: Counter(c) for name, c in counts.items()}, fixed or {}, confidence=0.95)
    return found[0] if found else None


def test_a_clear_lead_needs_no_more_replays() -> None:
    assert _widest({"a": 400, "b": 60}, {"a": {"before": 6}, "b": {"model": 6}}) is None


def test_a_mixed_stratum_that_could_turn_the_lead_is_drawn_from_again() -> None:
    counts = {"a": {"before": 4, "model": 5}, "b": {"model": 6}}
    assert _widest({"a": 400, "b": 60}, counts) == "a"


def test_what_a_healthy_window_has_is_no_lead() -> None:
    counts = {"a": {"before": 4, "model": 5}, "b": {"model": 60}}
    sizes = {"a": 60, "b": 300}
    assert _widest(sizes, counts, {"model": -330.0}) == "a"
    assert _widest({"b": 300}, {"b": {"model": 6}}, {"model": -330.0}) is None


def test_a_stratum_that_was_replayed_to_the_end_leaves_no_doubt() -> None:
    counts = {"a": {"before": 5, "model": 4}}
    assert _widest({"a": 9}, counts) is None
