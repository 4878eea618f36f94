"""Two releases of a part of a pipeline on the same inputs: which answers got worse or better, and in which segments.

Only pairs decide: one input, an answer of each release to it, both judged. An input counts once, however often it was
answered: by the two answers that lie nearest to each other in time. Which ones is settled without a look at their
outcomes, so that under no difference either is as likely to be the right one, as the exact test takes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from seamwatch.core.detection.paired_rates import (
    StratifiedDifference,
    Stratum,
    changed_p_value,
    paired_difference_interval,
    stratified_difference,
)
from seamwatch.core.detection.rates import holm
from seamwatch.core.records.frames import require_columns
from seamwatch.core.release_changes import ReleaseChange
from seamwatch.core.results import Window
from seamwatch.vocabulary import Gap, OutcomeState

SIGNIFICANT = 0.025
"""p below which all pairs together, or one of the segments (Holm), are said to differ: 5 % for the two of them."""
_MOST_VALUES = 50
"""Of a segment, those with most pairs; beyond that it is content, not a segment."""
UNKNOWN_INPUT = -1
"""Number of an input that is not known: it is the same as no other."""

Segments = Mapping[str, Mapping[Any, str]]
"""By segment (`stage.field`), its value by key; records whose value is not known are left out."""


@dataclass(frozen=True, kw_only=True)
class ReleaseRecords:
    """The records that one release answered."""

    release: str
    n_right: int
    n_wrong: int
    n_pending: int
    """Not judged yet, or with something that cannot be read: they decide nothing."""
    n_without_input: int
    """Records whose input is not known."""
    first_at: datetime | None
    last_at: datetime | None

    @property
    def n_records(self) -> int:
        """Return all records of the release."""
        return self.n_right + self.n_wrong + self.n_pending

    @property
    def share_right(self) -> float | None:
        """Return the share of right answers among the judged ones; None without any."""
        return self.n_right / (self.n_right + self.n_wrong) if self.n_right + self.n_wrong else None


@dataclass(frozen=True, kw_only=True)
class PairedRates:
    """How pairs of answers to the same inputs turned out."""

    n_pairs: int
    n_worse: int
    """Right by the first release, wrong by the second."""
    n_better: int
    n_right: int
    """Right by both."""
    p_value: float
    """Exact, two-sided; of a segment adjusted for all segments."""
    difference: float | None
    """Share right of the second release minus that of the first; None without pairs."""
    low: float | None
    high: float | None

    @property
    def n_wrong(self) -> int:
        """Return the inputs that both releases answered wrongly."""
        return self.n_pairs - self.n_worse - self.n_better - self.n_right

    @property
    def differs(self) -> bool:
        """Return whether the second release is worse or better than the first, beyond chance."""
        return self.p_value < SIGNIFICANT

    @property
    def could_differ(self) -> bool:
        """Return whether so many pairs differ that a difference could have shown."""
        return changed_p_value(self.n_worse + self.n_better, 0) < SIGNIFICANT


@dataclass(frozen=True, kw_only=True)
class SegmentRates:
    """The pairs of one value of a segment."""

    segment: str
    """`stage.field`, as the pipeline file has it."""
    value: str
    rates: PairedRates


def no_pairs() -> pd.DataFrame:
    """Return an empty frame of pairs."""
    return pd.DataFrame(
        {
            "input": pd.Series(dtype="int64"),
            "first": pd.Series(dtype=object),
            "first_right": pd.Series(dtype=bool),
            "second": pd.Series(dtype=object),
            "second_right": pd.Series(dtype=bool),
        }
    )


@dataclass(frozen=True, kw_only=True)
class ReplayedPairs:
    """Inputs of one release that were asked with the requests of both, or why they were not."""

    obstacle: str | None = None
    """Why nothing was replayed; None where something was."""
    pairs: pd.DataFrame = field(default_factory=no_pairs, repr=False, compare=False)
    """In the form of `Comparison.pairs`; both keys are that of the record."""
    inputs_of: str | None = None
    """Release whose inputs these are."""
    template_of: str | None = None
    """Release whose request was built for them."""
    n_asked: int = 0
    n_wanted: int = 0
    gaps: tuple[tuple[Gap, int], ...] = ()
    """Answers that came to no outcome, by reason."""
    calls: int = 0
    """Calls that left this machine; answers of before are taken from the cache."""
    cost_usd: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What became of the same inputs under two releases, and, weaker, of different ones."""

    first: ReleaseRecords
    second: ReleaseRecords
    n_common_inputs: int
    """Inputs that both releases answered, judged or not."""
    n_recorded_pairs: int
    """Those that are judged on both sides; further pairs are of replays, and stand behind them."""
    paired: PairedRates
    segments: tuple[SegmentRates, ...]
    """The surest first."""
    unpaired: StratifiedDifference | None
    """All judged records, like segments compared with like; None where no segment has records of both."""
    pairs: pd.DataFrame = field(repr=False, compare=False)
    """`input`, `first` and `second` (keys), `first_right`, `second_right`."""


def compare_answers(
    answers: pd.DataFrame, first: str, second: str, *, segments: Segments, strata: Segments, more: pd.DataFrame | None
) -> Comparison:
    """Return how the answers of the second release compare with those of the first.

    Args:
        answers: Index key; `release`, `input` (number of the input, `UNKNOWN_INPUT` where it is not known), `time`
            (aware), `state` (OutcomeState). Records of other releases are left out.
        first: A release.
        second: Another one.
        segments: By which pairs are grouped; a pair belongs to a value that both its records have.
        strata: Segments that were settled before a release could have a part in them; by these, records that no pair
            holds are compared.
        more: Pairs that were made by replays, in the form of `Comparison.pairs`, of inputs that no two records share.

    Raises:
        DataContractError: If a column is missing.
    """
    require_columns(answers, ("release", "input", "time", "state"), where="answers")
    mine = answers[answers["release"].isin([first, second]).to_numpy()]
    pairs = pair_answers(mine, first, second)
    n_recorded = len(pairs)
    if more is not None and len(more):
        pairs = pd.concat([pairs, more], ignore_index=True)
    known = mine[(mine["input"] != UNKNOWN_INPUT).to_numpy()]
    inputs = [set(known.loc[(known["release"] == one).to_numpy(), "input"]) for one in (first, second)]
    return Comparison(
        first=_records(mine, first),
        second=_records(mine, second),
        n_common_inputs=len(inputs[0] & inputs[1]),
        n_recorded_pairs=n_recorded,
        paired=_rates(pairs),
        segments=_by_segment(pairs, segments),
        unpaired=stratified_difference(_strata(mine, first, strata)),
        pairs=pairs,
    )


def pair_answers(answers: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Return one pair of judged answers for each input that both releases have one of, nearest in time.

    Args:
        answers: As of `compare_answers`.
        first: A release.
        second: Another one.
    """
    judged = answers["state"].isin([OutcomeState.RIGHT, OutcomeState.WRONG])
    known = answers[(judged & (answers["input"] != UNKNOWN_INPUT) & answers["time"].notna()).to_numpy()]
    # As objects: a join would make numbers with gaps to floats, and long ones to others.
    keys = known.index.to_numpy(dtype=object)
    known = known.assign(key=pd.Series(keys, index=known.index, dtype=object), text=known.index.map(str)).sort_values(
        ["time", "text"], kind="stable"
    )
    # In one order whichever release is asked for first, so that a tie in time is broken alike.
    names = sorted((first, second))
    sides = [
        known.loc[(known["release"] == name).to_numpy(), ["input", "time", "key", "state"]].rename(
            columns={column: f"{column}_{n}" for column in ("key", "state")}
        )
        for n, name in enumerate(names)
    ]
    # Keys of mixed types are no index of a join, and none is needed: `key_0` and `key_1` are carried along.
    left, right = (side.reset_index(drop=True) for side in sides)
    right = right.assign(time_1=right["time"])
    near = pd.merge_asof(left, right, on="time", by="input", direction="nearest").dropna(subset=["time_1"])
    near = near.assign(apart=(near["time"] - near["time_1"]).abs()).sort_values("apart", kind="stable")
    near = near.drop_duplicates("input").sort_values("input")
    ends = (0, 1) if names[0] == first else (1, 0)
    columns: dict[str, Any] = {"input": near["input"].to_numpy()}
    for name, n in zip(("first", "second"), ends, strict=True):
        columns[name] = near[f"key_{n}"].to_numpy(dtype=object)
        columns[f"{name}_right"] = (near[f"state_{n}"] == OutcomeState.RIGHT).to_numpy(dtype=bool)
    return pd.DataFrame(columns)


def _records(answers: pd.DataFrame, release: str) -> ReleaseRecords:
    mine = answers[(answers["release"] == release).to_numpy()]
    n_right = int((mine["state"] == OutcomeState.RIGHT).sum())
    n_wrong = int((mine["state"] == OutcomeState.WRONG).sum())
    times = mine["time"].dropna()
    return ReleaseRecords(
        release=release,
        n_right=n_right,
        n_wrong=n_wrong,
        n_pending=len(mine) - n_right - n_wrong,
        n_without_input=int((mine["input"] == UNKNOWN_INPUT).sum()),
        first_at=times.min().to_pydatetime() if len(times) else None,
        last_at=times.max().to_pydatetime() if len(times) else None,
    )


def _rates(pairs: pd.DataFrame) -> PairedRates:
    was, now = (pairs[f"{side}_right"].to_numpy(dtype=bool) for side in ("first", "second"))
    n_worse, n_better = int((was & ~now).sum()), int((~was & now).sum())
    interval = paired_difference_interval(n_worse, n_better, len(pairs))
    return PairedRates(
        n_pairs=len(pairs),
        n_worse=n_worse,
        n_better=n_better,
        n_right=int((was & now).sum()),
        p_value=changed_p_value(n_worse, n_better),
        difference=(n_better - n_worse) / len(pairs) if len(pairs) else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
    )


def _by_segment(pairs: pd.DataFrame, segments: Segments) -> tuple[SegmentRates, ...]:
    """Return the pairs by segment and value, p adjusted for all of them (Holm)."""
    found: list[tuple[str, str, PairedRates]] = []
    for segment, values in segments.items():
        sides = [pairs[side].map(values.get) for side in ("first", "second")]
        value = sides[0].where((sides[0] == sides[1]).to_numpy())
        most = [text for text, _ in sorted(Counter(value.dropna()).items(), key=lambda one: (-one[1], one[0]))]
        found += [(segment, text, _rates(pairs[(value == text).to_numpy()])) for text in most[:_MOST_VALUES]]
    adjusted = holm([rates.p_value for *_, rates in found])
    made = [
        SegmentRates(segment=segment, value=value, rates=replace(rates, p_value=p_value))
        for (segment, value, rates), p_value in zip(found, adjusted, strict=True)
    ]
    return tuple(sorted(made, key=lambda one: (one.rates.p_value, -one.rates.n_pairs, one.segment, one.value)))


def _strata(answers: pd.DataFrame, first: str, segments: Segments) -> Sequence[Stratum]:
    """Return the judged records by their values of all segments together; one that is not known is a value, too."""
    judged = answers[answers["state"].isin([OutcomeState.RIGHT, OutcomeState.WRONG]).to_numpy()]
    is_first = (judged["release"] == first).to_numpy()
    is_right = (judged["state"] == OutcomeState.RIGHT).to_numpy()
    columns = [list(map(values.get, judged.index)) for values in segments.values()]
    places = list(zip(*columns, strict=True)) if columns else [()] * len(judged)
    counts = Counter(zip(places, is_first.tolist(), is_right.tolist(), strict=True))
    return [
        Stratum(
            n_first=counts[place, True, True] + counts[place, True, False],
            right_first=counts[place, True, True],
            n_second=counts[place, False, True] + counts[place, False, False],
            right_second=counts[place, False, True],
        )
        for place in dict.fromkeys(places)
    ]


def number_inputs(columns: Mapping[str, Sequence[str | None]], is_known: Sequence[bool]) -> list[int]:
    """Return a number for each record, the same for the same texts in all columns.

    Args:
        columns: Texts of each field of the input, in one order of records.
        is_known: Whether the input could be read; one that could not, or that holds no value, is the same as no other.
    """
    numbers: dict[tuple[str | None, ...], int] = {}
    rows = zip(*columns.values(), strict=True) if columns else [()] * len(is_known)
    return [
        numbers.setdefault(row, len(numbers)) if known and any(text is not None for text in row) else UNKNOWN_INPUT
        for row, known in zip(rows, is_known, strict=True)
    ]


def always_different(columns: Mapping[str, Sequence[str | None]]) -> tuple[str, ...]:
    """Return the fields of inputs of which no two records share a value: by these no two inputs are the same."""
    return tuple(
        name
        for name, texts in columns.items()
        if len(known := [text for text in texts if text is not None]) > 1 and len(set(known)) == len(known)
    )


@dataclass(frozen=True, kw_only=True)
class ReleaseComparison:
    """Two releases of a pipeline's part over a span of time."""

    pipeline: str
    window: Window
    field: str
    """`stage.field` that names the release."""
    comparison: Comparison
    replayed: ReplayedPairs | None
    """None: nobody asked for replays."""
    changes: tuple[ReleaseChange, ...]
    """What else differs between their records, the request first."""
    inputs: tuple[str, ...]
    """`stage.field`s in which two inputs are the same if they are the same."""
    always_different: tuple[str, ...]
    """Those of them of which no two records share a value."""
    n_without_release: int
    """Records of the span of which no release is known."""
    n_in_both: int
    """Records with attempts by both; they count for the one whose answer was used."""
    unread_segments: tuple[str, ...]
    """Segments of the pipeline file that are no column."""
