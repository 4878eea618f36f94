"""How many wrong labels of many classes are doubted: made texts of 77 classes, a model right on nine of ten."""

from __future__ import annotations

from dataclasses import dataclass

from write_page import Figure

from many_classes import many_classes
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.suspect_truths import suspect_truths

SIZES = (600, 1_500)
WINDOWS, WINDOWS_SHORT = 40, 6


@dataclass
class _Counts:
    n_slips: int = 0
    n_slips_doubted: int = 0
    n_right: int = 0
    n_right_doubted: int = 0


def measure_wrong_labels(*, seed: int, is_short: bool) -> dict[str, Figure]:
    """Return the share of wrong labels doubted by window size, and the share of right ones over all windows.

    Half of the windows have wrong labels of any class, half of a class whose texts look like those of the right one.
    """
    n_windows = WINDOWS_SHORT if is_short else WINDOWS
    found: dict[str, Figure] = {}
    n_right = n_right_doubted = 0
    for size in SIZES[:1] if is_short else SIZES:
        for name, alike in (("any", 0.0), ("alike", 1.0)):
            counts = _count(size, [seed + number for number in range(n_windows)], slips_alike=alike)
            what = f"share of {counts.n_slips}, windows of {size}"
            found[f"wrong_labels_{name}_{size}"] = _share(counts.n_slips_doubted, counts.n_slips, what)
            n_right += counts.n_right
            n_right_doubted += counts.n_right_doubted
    found["right_labels_doubted"] = _share(n_right_doubted, n_right, f"share of {n_right:,} right labels")
    return found


def _count(size: int, seeds: list[int], *, slips_alike: float) -> _Counts:
    counts = _Counts()
    for seed in seeds:
        made = many_classes(size, seed, slips_alike=slips_alike)
        failing = made.labels.index[made.labels != made.answers]
        doubted = set(suspect_truths(made.features, made.labels, made.answers, failing).index)
        counts.n_slips += len(made.slips)
        counts.n_slips_doubted += len(doubted & made.slips)
        counts.n_right += size - len(made.slips)
        counts.n_right_doubted += len(doubted - made.slips)
    return counts


def _share(good: int, total: int, unit: str) -> Figure:
    return Figure(good / max(total, 1), *(wilson_interval(good, total) or (0.0, 1.0)), unit, {})
