"""Every kind of finding of a watch has its texts, no text is for a kind that is none, and all can be filled in."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter
from typing import Any

import pytest

from seamwatch.core.watch import cost, drift_evaluation, seams
from seamwatch.core.watch.cost_parts import Factor
from seamwatch.core.watch.drift_outcomes import Group
from seamwatch.core.watch.latency_hours import BESIDE
from seamwatch.core.watch.latency_source import Reason
from seamwatch.core.watch.loops import Loop
from seamwatch.core.watch.stage_times import Role
from seamwatch.report.watch.texts import TEXTS, headline

LATENCY_KINDS = {"provider_slow", "timeouts", "repeated_calls", "longer_answers", "stage_slow", "several_stages"}
KINDS: dict[tuple[str, str], set[str]] = {
    ("cost", "labels"): set(cost.KINDS),
    ("cost", "steps"): set(cost.KINDS),
    ("cost", "loops"): set(Loop),
    ("cost", "factors"): set(Factor),
    ("latency", "headlines"): LATENCY_KINDS,
    ("latency", "steps"): LATENCY_KINDS,
    ("latency", "reasons"): set(Reason),
    ("latency", "parts"): set(Role),
    ("drift", "labels"): {*drift_evaluation.KINDS, "together"},
    ("drift", "groups"): set(Group),
    ("drift", "outcomes"): {"worse", "harmless", "unknown"},
    ("injection", "headlines"): {"rising", "steered", "reached", "marker"},
    ("injection", "explanations"): {"rising", "steered", "reached", "marker"},
    ("injection", "steps"): {"rising", "reached", "marker", "reached_last"},
    ("drift", "steps"): {"first", *drift_evaluation.OWNERS, "if_worse", "if_meant"},
    ("seam", "headlines"): {seams.KIND},
    ("seam", "explanations"): {seams.KIND},
    ("seam", "steps"): {seams.KIND},
    ("seam", "usual"): {"usual", "no_past"},
    ("seam", "harm"): {"unknown", "some", "none"},
}
NAMES: dict[tuple[str, str], set[str]] = {
    ("cost", "steps"): {"source", "stage", "onset"},
    ("cost", "loops"): {"times"},
    ("cost", "notes"): {"n", "model"},
    ("latency", "headlines"): {"stage"},
    ("latency", "steps"): {"stage", "onset"},
    ("latency", "reasons"): {f"{name}{when}" for name in BESIDE for when in ("", "_before")} | {"stage", "model"},
    ("latency", "parts"): {"stage"},
    ("drift", "outcomes"): {"new", "other"},
    ("drift", "steps"): {"stage", "onset", "fields", "field"},
    ("drift", "notes"): {"ready", "few", "least", "name", "size"},
    ("injection", "headlines"): {"place", "share", "hours", "usually", "n", "n_demanding"},
    ("injection", "explanations"): {
        *("n_attacks", "n", "hours", "usual", "n_past", "n_demanding", "and_markers"),
    },
    ("injection", "notes"): {"fields"},
    ("injection", "steps"): {"stage", "who", "field", "at_stage"},
    ("budget", "explanations"): {"id", "headline"},
    ("budget", "steps"): {"objective", "onset"},
    ("latency", "notes"): {"n", "n_skewed", "stages", "least"},
    ("seam", "headlines"): {"stage", "fields"},
    ("seam", "explanations"): {"onset", "n", "n_records", "fields", "stage", "reference"},
    ("seam", "steps"): {"onset", "fields", "stage", "reference"},
    ("seam", "usual"): {"share"},
    ("seam", "harm"): {"wrong", "judged"},
}
"""What the texts of a group may be filled in with; of all others nothing."""


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        return
    for part in value:
        yield from texts_of(part)


@pytest.mark.parametrize(("watch", "group"), KINDS)
def test_every_kind_has_its_text_and_none_is_unknown(watch: str, group: str) -> None:
    assert set(TEXTS[watch][group]) == KINDS[watch, group]


@pytest.mark.parametrize(("watch", "group"), [(watch, group) for watch, groups in TEXTS.items() for group in groups])
def test_every_text_is_filled_in_by_what_its_watch_gives(watch: str, group: str) -> None:
    for value in TEXTS[watch][group].values():
        for text in texts_of(value):
            named = {name for _, name, *_ in Formatter().parse(text) if name is not None}
            assert named <= NAMES.get((watch, group), set())
            assert text == text.strip() != ""


def test_of_a_headline_that_is_too_long_the_head_is_cut() -> None:
    assert headline("Slow provider at answer", ": P95 3 s") == "Slow provider at answer: P95 3 s"
    long = headline("Slow provider at " + 200 * "a", ": P95 3 s")
    assert len(long) == 150
    assert long.endswith("a…: P95 3 s")
