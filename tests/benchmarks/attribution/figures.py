"""Figures of the benchmark from the scores of its incidents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from write_page import Figure

from attribution.plans import SMALL_PAIR
from attribution.score import IncidentScore, RecordScore, Scored
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.spec.pipeline import Isolation

Wanted = Callable[[RecordScore], bool]
BUDGET = Isolation().max_calls_per_run
"""What every run may call by default: up to it all records are replayed, beyond it a sample decides."""
LARGE_CALLS = 20 * BUDGET
"""From so many calls of exhaustive replay on, the budget itself is at most a twentieth."""
RESAMPLES = 400
BINS = 10
COVERAGES = (0.5, 0.8, 0.9, 1.0)


def make_figures(scores: Sequence[Scored]) -> dict[str, Figure]:
    """Return all figures that the scores allow; one without any data is left out."""
    # Small pairs would outweigh all other incidents; they count for pairs alone.
    pairs = [s for s in scores if s.family in ("pair", SMALL_PAIR) and s.n_changed]
    scores = [s for s in scores if s.family != SMALL_PAIR]
    faulty = [s for s in scores if s.family != "healthy" and not s.facts["removed"]]
    deterministic = [s for s in faulty if not s.facts["flip_rate"] and not s.facts["mislabelled"]]
    stochastic = [s for s in faulty if s.facts["flip_rate"]]
    removed = [s for s in scores if s.facts["removed"]]
    effective = [s for s in faulty if s.n_changed]
    beyond = [s for s in faulty if "exhaustive" in s.modes and s.modes["exhaustive"].calls > BUDGET]
    large = [s for s in beyond if s.modes["exhaustive"].calls >= LARGE_CALLS]
    found = {
        "record_stage_accuracy_exhaustive": _share(deterministic, "exhaustive", is_known, is_right),
        "record_stage_accuracy_stochastic": _share(stochastic, "exhaustive", is_known, is_right),
        "record_stage_accuracy_sampled": _share(faulty, "sampled", is_known, is_right),
        "record_stage_accuracy_unreplayed": _share(
            faulty, "sampled", lambda r: is_known(r) and r.basis == "stratum", is_right, has_rivals=False
        ),
        "field_accuracy": _share(deterministic, "exhaustive", has_fields, fields_right, has_rivals=False),
        "field_accuracy_stochastic": _share(stochastic, "exhaustive", has_fields, fields_right, has_rivals=False),
        "field_accuracy_sampled": _share(faulty, "sampled", has_fields, fields_right, has_rivals=False),
        "incident_top1": _incidents([s for s in effective if s.is_detectable], "sampled", lambda i: i.is_top1),
        "incident_top1_with_history": _incidents(
            [s for s in effective if s.is_detectable], "sampled", lambda i: i.is_top1_with_history
        ),
        "incident_top1_exhaustive": _incidents(
            [s for s in effective if s.is_detectable], "exhaustive", lambda i: i.is_top1
        ),
        "incident_top1_any_effect": _incidents(effective, "sampled", lambda i: i.is_top1),
        "pair_exact": _incidents([s for s in pairs if s.are_all_detectable], "sampled", lambda i: i.is_pair_exact),
        "pair_exact_any_effect": _incidents(pairs, "sampled", lambda i: i.is_pair_exact),
        "false_model_blame": _incidents(
            [s for s in effective if s.is_detectable], "sampled", lambda i: i.blames_model_wrongly
        ),
        "false_model_blame_records": _share(
            faulty, "sampled", lambda r: is_known(r) and r.primary.startswith("integration"), blames_model
        ),
        "false_incident": _false_incidents(scores),
        "undetermined_when_removed": _share(
            removed, "sampled", lambda r: r.group == "removed", is_right, has_rivals=False
        ),
        "mislabelled_blames_nobody": _share(
            faulty, "sampled", lambda r: r.group == "truth", lambda r: r.blamed_nobody, has_rivals=False
        ),
        "replay_share": _replay_share(large, lambda score: score.replays),
        "replay_share_with_benchmark_set": _replay_share(large, lambda score: score.calls),
        "sequential_ratio": _sequential_ratio(beyond),
        "unasked_calibration": _unasked_calibration(faulty, is_right),
        "unasked_calibration_first_cause": _unasked_calibration(faulty, is_first_cause),
        **_calibration_figures(faulty),
    }
    return {name: figure for name, figure in found.items() if figure is not None}


def is_known(row: RecordScore) -> bool:
    return row.group == "known"


def is_right(row: RecordScore) -> bool:
    return row.is_right


def is_first_cause(row: RecordScore) -> bool:
    """Return whether the verdict names the very cause that is named first, not another one that counts as right too."""
    is_input = row.primary.startswith("adversarial_input") and row.said.startswith("adversarial_input")
    return row.is_right and (row.said == row.primary or is_input)


def has_fields(row: RecordScore) -> bool:
    return row.group == "known" and row.fields_right is not None


def fields_right(row: RecordScore) -> bool:
    return bool(row.fields_right)


def blames_model(row: RecordScore) -> bool:
    return row.said.startswith("model") and not row.is_right


def _counts(score: IncidentScore, wanted: Wanted, good: Wanted) -> tuple[int, int]:
    rows = [(row, n) for row, n in score.records if wanted(row)]
    return sum(n for row, n in rows if good(row)), sum(n for _, n in rows)


def _share(
    scores: Sequence[Scored], mode: str, wanted: Wanted, good: Wanted, *, has_rivals: bool = True
) -> Figure | None:
    """Return a share of records with an interval by resampling incidents, since records of one incident are alike."""
    pairs = [_counts(s.modes[mode], wanted, good) for s in scores if mode in s.modes]
    value = ratio_of(pairs)
    if value is None:
        return None
    low, high = bootstrap(pairs)
    rivals = (
        _rival_values(scores, lambda found: ratio_of([_counts(r, wanted, good) for r in found])) if has_rivals else {}
    )
    return Figure(value, low, high, "share of records", rivals)


def ratio_of(pairs: Iterable[tuple[float, float]]) -> float | None:
    """Return the sum of the first over the sum of the second numbers; None where that is nothing."""
    given = list(pairs)
    total = sum(n for _, n in given)
    return sum(k for k, _ in given) / total if total else None


def bootstrap(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the 95 % interval of a ratio by resampling incidents with replacement (B. Efron, 1979)."""
    data = np.asarray([pair for pair in pairs if pair[1]], dtype=float)
    rng = np.random.default_rng(0)
    drawn = data[rng.integers(0, len(data), (RESAMPLES, len(data)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    return float(low), float(high)


def _rival_values(scores: Sequence[Scored], value: Callable[[list[IncidentScore]], float | None]) -> dict[str, float]:
    names = list(dict.fromkeys(name for s in scores for name in s.rivals))
    found = {name: value([s.rivals[name] for s in scores if name in s.rivals]) for name in names}
    return {name: number for name, number in found.items() if number is not None}


def _incidents(scores: Sequence[Scored], mode: str, mark: Callable[[IncidentScore], bool | None]) -> Figure | None:
    """Return a share of incidents with Wilson's interval; an incident whose mark is None is not counted."""
    marks = [mark(s.modes[mode]) for s in scores if mode in s.modes]
    counted = [bool(m) for m in marks if m is not None]
    interval = wilson_interval(sum(counted), len(counted))
    if interval is None:
        return None

    def of_rival(found: list[IncidentScore]) -> float | None:
        own = [bool(m) for m in map(mark, found) if m is not None]
        return sum(own) / len(own) if own else None

    unit = f"share of {len(counted)} incidents"
    return Figure(sum(counted) / len(counted), *interval, unit, _rival_values(scores, of_rival))


def _false_incidents(scores: Sequence[Scored]) -> Figure | None:
    """Return the share of healthy windows that were called an incident; rivals call it one beyond accepted errors."""
    healthy = [s for s in scores if s.family == "healthy"]
    n_false = sum(s.modes["sampled"].leading is not None for s in healthy)
    interval = wilson_interval(n_false, len(healthy))
    if interval is None:
        return None
    accepted = [(1 - s.facts["baseline_accuracy"]) * s.facts["n_judged"] for s in healthy]
    rivals = {
        "more_than_accepted": sum(s.n_failing > n + 3 for s, n in zip(healthy, accepted, strict=True)) / len(healthy),
        "any_failing": sum(s.n_failing > 0 for s in healthy) / len(healthy),
    }
    return Figure(n_false / len(healthy), *interval, f"share of {len(healthy)} healthy windows", rivals)


def _replay_share(scores: Sequence[Scored], count: Callable[[IncidentScore], int]) -> Figure | None:
    pairs = [(float(count(s.modes["sampled"])), float(count(s.modes["exhaustive"]))) for s in scores]
    value = ratio_of(pairs)
    if value is None:
        return None
    plain = ratio_of([(float(count(s.rivals["plain_replay"])), float(count(s.modes["exhaustive"]))) for s in scores])
    return Figure(value, *bootstrap(pairs), "sampled / exhaustive calls", {"plain_replay": plain or 0.0})


def _sequential_ratio(scores: Sequence[Scored]) -> Figure | None:
    pairs = [(float(s.modes["sampled"].n_drawn), s.modes["sampled"].n_sequential) for s in scores]
    value = ratio_of(pairs)
    return None if value is None else Figure(value, *bootstrap(pairs), "drawn records / Wald's mean", {})


def _unasked_calibration(scores: Sequence[Scored], good: Wanted) -> Figure | None:
    """Return how far the mean confidence of records that were not replayed is from the share of them that is good."""
    sums = [
        (
            sum(n * row.confidence for row, n in rows),
            sum(n * good(row) for row, n in rows),
            sum(n for _, n in rows),
        )
        for s in scores
        if (rows := [(row, n) for row, n in s.modes["sampled"].records if row.basis == "stratum" and is_named(row)])
    ]
    if not sums:
        return None
    data = np.asarray(sums, dtype=float)
    rng = np.random.default_rng(0)
    drawn = data[rng.integers(0, len(data), (RESAMPLES, len(data)))].sum(axis=1)
    low, high = np.quantile(np.abs(drawn[:, 0] - drawn[:, 1]) / drawn[:, 2], (0.025, 0.975))
    stated, right, n = data.sum(axis=0)
    unit = f"|{stated / n:.3f} stated - {right / n:.3f} right| of {n:.0f} records"
    return Figure(abs(stated - right) / n, float(low), float(high), unit, {})


def is_named(row: RecordScore) -> bool:
    return is_known(row) and not row.blamed_nobody


def judged_rows(scores: Sequence[Scored], mode: str) -> list[tuple[float, bool, int]]:
    """Return confidence, rightness and number of the verdicts that name somebody."""
    return [
        (row.confidence, row.is_right, n)
        for s in scores
        if mode in s.modes
        for row, n in s.modes[mode].records
        if not row.blamed_nobody
    ]


def calibration_curve(rows: Sequence[tuple[float, bool, int]], bins: int = BINS) -> list[dict[str, float]]:
    """Return bins of equal mass over confidence, each with its mean confidence, share right and number.

    Verdicts of one confidence are kept in one bin where they fit, so that ties are not cut at random.
    """
    groups: dict[float, list[int]] = {}
    for confidence, right, n in rows:
        at = groups.setdefault(round(confidence, 4), [0, 0])
        at[0] += n * right
        at[1] += n
    total = sum(n for _, n in groups.values())
    curve: list[dict[str, float]] = []
    k = n = 0
    mass = 0.0
    for confidence in sorted(groups):
        good, size = groups[confidence]
        k, n, mass = k + good, n + size, mass + confidence * size
        if n >= total / bins or confidence == max(groups):
            curve.append({"confidence": mass / n, "right": k / n, "n": n})
            k, n, mass = 0, 0, 0.0
    return curve


def calibration_error(curve: Sequence[Mapping[str, float]]) -> float:
    """Return the expected calibration error (M. P. Naeini, G. Cooper, M. Hauskrecht, 2015)."""
    total = sum(part["n"] for part in curve)
    return sum(part["n"] * abs(part["confidence"] - part["right"]) for part in curve) / total


def risk_coverage(rows: Sequence[tuple[float, bool, int]]) -> tuple[float, dict[float, float]]:
    """Return the area under the risk-coverage curve, and the risk at some coverages, surest verdicts first.

    Source: R. El-Yaniv and Y. Wiener (2010), "On the foundations of noise-free selective classification".
    """
    order = sorted(rows, key=lambda row: -row[0])
    n = np.cumsum([size for _, _, size in order])
    wrong = np.cumsum([size * (not right) for _, right, size in order])
    risk = wrong / n
    area = float(np.average(risk, weights=[size for _, _, size in order]))
    points = {c: float(risk[min(int(np.searchsorted(n, c * n[-1])), len(risk) - 1)]) for c in COVERAGES}
    return area, points


def _calibration_figures(scores: Sequence[Scored]) -> dict[str, Figure | None]:
    found: dict[str, Figure | None] = {}
    for name, mode in (("calibration_error", "sampled"), ("calibration_error_exhaustive", "exhaustive")):
        own = [s for s in scores if mode in s.modes]
        rows = judged_rows(own, mode)
        if not rows:
            continue
        rng = np.random.default_rng(0)
        parts = [judged_rows([s], mode) for s in own]
        drawn = []
        for _ in range(RESAMPLES // 4):
            chosen = [row for k in rng.integers(0, len(parts), len(parts)) for row in parts[k]]
            drawn.append(calibration_error(calibration_curve(chosen)) if chosen else 0.0)
        low, high = np.quantile(drawn, (0.025, 0.975))
        value = calibration_error(calibration_curve(rows))
        found[name] = Figure(value, float(low), float(high), "mean |confidence - right|", {})
    rows = judged_rows(scores, "sampled")
    if rows:
        area, points = risk_coverage(rows)
        found["risk_coverage_area"] = Figure(area, area, area, "mean share wrong, surest first", {})
        for coverage, risk in points.items():
            name = f"risk_at_coverage_{coverage * 100:.0f}"
            found[name] = Figure(risk, risk, risk, "share wrong of the surest", {})
    return found


def confusion(scores: Sequence[Scored], mode: str) -> dict[str, dict[str, dict[str, int]]]:
    """Return true responsibility to said responsibility to number, for records and for incidents."""
    records: dict[str, Counter[str]] = {}
    incidents: dict[str, Counter[str]] = {}
    for s in scores:
        score = s.modes.get(mode)
        if score is None:
            continue
        for row, n in score.records:
            true = "undetermined" if row.group == "removed" else row.primary.partition("@")[0]
            # A verdict that is accepted beside the primary one is no confusion.
            said = true if row.is_right else row.said.partition("@")[0]
            if said == true and not row.is_right:
                said = f"{said}, other stage"
            records.setdefault(true, Counter())[said] += n
        if s.facts["removed"] or (s.family != "healthy" and not s.is_detectable):
            continue
        trues = {name.partition("@")[0] for name in s.expected} or {"none"}
        said = (score.leading or "none").partition("@")[0]
        true = said if said in trues else sorted(trues)[0]
        incidents.setdefault(true, Counter())[said] += 1
    return {
        "records": {true: dict(said) for true, said in records.items()},
        "incidents": {true: dict(said) for true, said in incidents.items()},
    }


def breakdowns(scores: Sequence[Scored]) -> dict[str, dict[str, dict[str, float]]]:
    """Return record accuracy of both modes and top-1 by what the incidents differ in, to find weaknesses."""
    faulty = [s for s in scores if s.family != "healthy"]
    by: dict[str, Callable[[Scored], list[str]]] = {
        "fault": lambda s: [str(name) for name in s.facts["faults"]],
        "shape": lambda s: [s.shape],
        "family": lambda s: [s.family],
        "severity": lambda s: [f"{s.facts['severity']:g}"],
        "accuracy": lambda s: [f"{s.facts['accuracy']:g}"],
        "flip_rate": lambda s: [f"{s.facts['flip_rate']:g}"],
        "removed": lambda s: [str(s.facts["removed"]).partition(":")[0] or "nothing"],
        "failing": lambda s: [_size_class(s.n_failing)],
    }
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, key in by.items():
        groups: dict[str, list[Scored]] = {}
        for s in faulty:
            for value in key(s):
                groups.setdefault(value, []).append(s)
        found[name] = {value: _summary(groups[value]) for value in sorted(groups)}
    return found


def _size_class(n: int) -> str:
    return next((f"below {limit}" for limit in (10, 30, 100, 300, 1000) if n < limit), "1000 and more")


def _summary(scores: Sequence[Scored]) -> dict[str, float]:
    row: dict[str, float] = {"incidents": len(scores), "without_effect": sum(not s.n_changed for s in scores)}
    for mode in ("exhaustive", "sampled"):
        value = ratio_of([_counts(s.modes[mode], lambda r: r.group != "truth", is_right) for s in scores])
        if value is not None:
            row[f"records_{mode}"] = value
    top1 = [s.modes["sampled"].is_top1 for s in scores if s.is_detectable and s.modes["sampled"].is_top1 is not None]
    if top1:
        row["top1"] = sum(map(bool, top1)) / len(top1)
    share = ratio_of([(float(s.modes["sampled"].replays), float(s.modes["exhaustive"].replays)) for s in scores])
    if share is not None:
        row["replay_share"] = share
    return row


def counts_of(scores: Sequence[Scored]) -> dict[str, Any]:
    """Return how many incidents there were, and how many changed nothing."""
    faulty = [s for s in scores if s.family != "healthy"]
    return {
        "incidents": len(faulty),
        "healthy_windows": len(scores) - len(faulty),
        "without_effect": sum(not s.n_changed for s in faulty),
        "not_detectable": sum(bool(s.n_changed) and not s.is_detectable for s in faulty),
        "failing_records": sum(s.n_failing for s in scores),
        "without_verdict": sum(m.n_missing for s in scores for m in s.modes.values()),
        "families": dict(Counter(s.family for s in scores)),
    }
