"""The one form in which every detector says what is not as it should be: who, where, how much, how sure, since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from seamwatch.vocabulary import Gap, Responsibility

NO_VALUE = "no value"
"""What stands for a null among the values of a column that switched."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A column whose value switched near an onset: a version, a model's name, a code table."""

    stage: str
    field: str
    before: str
    """Commonest value before."""
    after: str
    """Value that came up."""
    at: datetime
    """Time of the first record with it."""
    p_value: float
    """Fisher's exact p of its going with the affected records, times the values tried."""


@dataclass(frozen=True, kw_only=True)
class RateComparison:
    """How many of a window's records a finding has, compared with healthy windows."""

    is_change: bool = False
    """Whether it is an incident, not the healthy base rate."""
    n_expected: float = 0.0
    """Records of it that a healthy window of this size has."""
    p_value: float = 1.0
    """Of seeing this many or more in a healthy window."""
    e_value: float | None = None
    """How much likelier this and the windows before are under a fault than healthy (`detection/window_change.py`)."""
    since: datetime | None = None
    """Start of the last part of the window that shows the change, where the window as a whole does not."""
    n_since: int = 0
    """Records of it in that part."""
    n_expected_since: float = 0.0
    """Records of it that this part of a healthy window has."""
    n_by_part: tuple[int, ...] = ()
    """Records of it in each of the window's equal spans (`detection/recent_change.py`); empty where not known."""
    n_windows: int = 1
    """Windows since the onset, this one included."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one detector says of one cause: attribution, a watch, an objective or a check of a knowledge base."""

    responsibility: Responsibility
    stage: str | None
    fields: tuple[str, ...] = ()
    kind: str | None = None
    """What kind of damage or change, as `lost`, `retry_loop`, `new_category`; None: of no kind that has a name."""
    kind_fields: tuple[str, ...] = ()
    """Those of `fields` that have this kind of damage."""
    is_part_damaged: bool = False
    """Whether it is the damage of a value within a longer text, as a prompt."""
    n_records: int
    """Records affected."""
    is_estimated: bool = False
    """Whether `n_records` is what samples of mixed strata show, not a count of verdicts that name the cause."""
    share: float | None = None
    """Of the records that the detector accuses somebody for; None where it does not share them out."""
    share_low: float | None = None
    """Lower end of the 95 % interval of `share`."""
    share_high: float | None = None
    confidence: float
    """Probability that responsibility and stage are right, 0 to 1."""
    onset: datetime | None = None
    """When it began: its first record at or after the likeliest change of its rate; may lie before the window."""
    onset_low: datetime | None = None
    """The change came no earlier than this, at 95 %; None: it may lie before all that was looked at."""
    onset_high: datetime | None = None
    """The change came no later than this, at 95 %."""
    keys: tuple[str, ...] = ()
    """Some records to look at."""
    rate: RateComparison | None = None
    """Evidence: its records against healthy windows; None where something else than a rate of records was judged."""
    changed: tuple[Switch, ...] = ()
    """Evidence: what else switched near the onset, that which tells affected records from others best first."""
    gap: Gap | None = None
    """Evidence that is missing, where nobody can be named for it."""
    headline: str = ""
    """One sentence with the source and the size: `Retry loop of prompt version v7 ...`."""
    explanation: str = ""
    """Two or three sentences: what was compared with what, and what speaks for the source."""
    steps: tuple[str, ...] = ()
    """What to do next, the first first: the runbook in words."""

    @property
    def is_change(self) -> bool:
        """Return whether it is news; only what was compared with healthy windows may turn out to be as in those."""
        return self.rate is None or self.rate.is_change
