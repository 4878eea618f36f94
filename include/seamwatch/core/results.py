"""What the core returns: frozen records, free of any database, network or page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from seamwatch.core.finding import Finding
from seamwatch.core.freshness_results import DocumentAnswers
from seamwatch.core.reasons import Reason
from seamwatch.errors import DataContractError
from seamwatch.vocabulary import (
    Basis,
    BenchmarkStanding,
    CheckStatus,
    Gap,
    Responsibility,
    Severity,
    UnknownReason,
)


@dataclass(frozen=True, kw_only=True, order=True)
class Window:
    """A half-open span of time; a record belongs to it by the time of its first stage."""

    start: datetime
    """First moment, aware, UTC."""
    end: datetime
    """First moment after it, aware, UTC."""

    def __post_init__(self) -> None:
        """Refuse naive times and an empty span."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            msg = f"window times need a time zone; got {self.start.isoformat()} to {self.end.isoformat()}"
            raise DataContractError(msg)
        if self.start >= self.end:
            msg = f"window must end after it starts; got {self.start.isoformat()} to {self.end.isoformat()}"
            raise DataContractError(msg)

    @property
    def length(self) -> timedelta:
        """Return how long it lasts; a calendar's day has 23, 24 or 25 hours."""
        return self.end - self.start

    def covered(self, first: datetime | None, now: datetime) -> float:
        """Return which share of the window up to `now` there is any history of, 0 to 1.

        Args:
            first: Time of the first event that was ever seen; None: none was.
            now: The present.
        """
        until = min(now, self.end)
        if first is None or until <= self.start:
            return 0.0
        return max(0.0, min(1.0, (until - max(first, self.start)) / (until - self.start)))

    @property
    def id(self) -> str:
        """Return a name that sorts by time and is safe in URLs and file names."""
        form = "%Y%m%dT%H%M%SZ"
        return f"{self.start.astimezone(UTC):{form}}-{self.end.astimezone(UTC):{form}}"

    @classmethod
    def from_id(cls, text: str) -> Window:
        """Return the window that `id` named."""
        start, _, end = text.partition("-")
        form = "%Y%m%dT%H%M%SZ"
        return cls(
            start=datetime.strptime(start, form).replace(tzinfo=UTC),
            end=datetime.strptime(end, form).replace(tzinfo=UTC),
        )


@dataclass(frozen=True, kw_only=True)
class Check:
    """How one expectation on one stage ended."""

    stage: str
    expectation: str
    """Great Expectations' type, as `expect_column_values_to_be_in_set`, or our own, as `reconcile`."""
    column: str | None = None
    severity: Severity = Severity.CRITICAL
    status: CheckStatus
    expected: str = ""
    """In words: `one of A, B, C`."""
    observed: str = ""
    """In words: `17 of 400 rows: D, E`."""
    n_rows: int | None = None
    n_failed: int | None = None
    """None where the expectation is about the table, not about rows."""
    failing_keys: tuple[str, ...] = ()
    """All that the engine gave, up to the cap."""
    error: str | None = None
    """Why it could not run, when status is `error`."""

    @property
    def is_critical(self) -> bool:
        """Return whether this must turn the stage's gate red; an error always does."""
        return self.status is CheckStatus.ERROR or (
            self.status is CheckStatus.FAILED and self.severity is Severity.CRITICAL
        )


@dataclass(frozen=True, kw_only=True)
class Discrepancy:
    """One field that differs, kept as an example."""

    key: str
    stage: str
    field: str
    recorded: str | None
    expected: str | None
    kind: str


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """All that one look at one stage of one window found."""

    stage: str
    n_records: int
    n_input: int | None = None
    """Records that reached its inputs; None for a source."""
    n_lost: int = 0
    n_extra: int = 0
    n_crossed: int = 0
    n_discrepant: int = 0
    """Records with at least one field whose value (not only its format) differs."""
    n_duplicate_keys: int = 0
    n_null_keys: int = 0
    n_late: int = 0
    """Records found only beyond the time they were looked for."""
    n_reference_errors: int = 0
    is_reconciled: bool = False
    """False: no reference, so the stage is watched, not checked."""
    checks: tuple[Check, ...] = ()
    fields: dict[str, int] = field(default_factory=dict)
    """Discrepant field to number of records."""
    notes: tuple[str, ...] = ()
    """What a reader must know to trust the numbers."""
    data_docs: str | None = None
    """Path of the Data Docs index, relative to the data folder."""

    @property
    def is_critical(self) -> bool:
        """Return whether the stage's gate must turn red."""
        return any(check.is_critical for check in self.checks)


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One abnormal measurement."""

    kind: str
    """`expectation`, `lost`, `extra`, `crossed`, `discrepancy`, `failing_rate`, `validation_error`, ..."""
    stage: str | None = None
    severity: Severity = Severity.WARNING
    text: str
    n_records: int | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """How much of a record one cause accounts for."""

    responsibility: Responsibility
    stage: str | None
    share: float
    """Shapley value where several repairs are involved; frequency among its like where only they were replayed."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whose fault one failing record was."""

    key: str
    responsibility: Responsibility
    stage: str | None
    fields: tuple[str, ...] = ()
    confidence: float
    """Probability that responsibility and stage are right, 0 to 1."""
    reasons: tuple[Reason, ...] = ()
    """What speaks for it, until it is put into words."""
    explanation: str = ""
    """The reasons in words."""
    basis: Basis = Basis.REPLAY
    gap: Gap | None = None
    pattern: str | None = None
    """What kind of damage, as `lost`, `crossed`, `truncated`."""
    pattern_fields: tuple[str, ...] = ()
    """Those of `fields` that have this damage."""
    is_part_damaged: bool = False
    """Whether it is the damage of a value within a longer text, as a prompt."""
    parts: tuple[Part, ...] = ()
    """Where several causes are involved, or may be: each one's part, adding up to one; empty: all is this verdict's."""
    n_like: int = 0
    """Records of its stratum that were replayed, where the verdict rests on them."""

    @property
    def weights(self) -> dict[tuple[Responsibility, str | None], float]:
        """Return how much of the record each cause accounts for, by responsibility and stage."""
        if not self.parts:
            return {(self.responsibility, self.stage): 1.0}
        return {(part.responsibility, part.stage): part.share for part in self.parts}


@dataclass(frozen=True, kw_only=True)
class SegmentScore:
    """The benchmark inputs of one segment, today and in the baseline."""

    segment: str
    """`stage.field`, as the pipeline file has it."""
    value: str
    n: int
    """Inputs of it that both have."""
    n_right: int
    n_right_before: int
    n_worse: int
    """Right in the baseline, wrong today."""
    n_better: int
    p_worse: float
    """Exact one-sided p of getting worse, adjusted for the number of segments (Holm)."""


@dataclass(frozen=True, kw_only=True)
class IsolationResult:
    """The model alone, on benchmark inputs and on the window's own failing records."""

    stage: str | None
    model: str | None
    calls: int
    """Calls that left this machine for this window; answers from the cache are free."""
    cost_usd: float | None
    """None where a price is unknown: said, never guessed."""
    n_benchmark: int = 0
    n_right: int = 0
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    baseline_accuracy: float | None = None
    p_degraded: float | None = None
    """Exact binomial p of so few right answers at the baseline."""
    reproduced: float | None = None
    """Share of replayed recorded requests whose wrong outcome came again."""
    standing: BenchmarkStanding | None = None
    """Today against the baseline on the same inputs (`core/benchmark.py`); None: the baseline holds no inputs."""
    n_paired: int = 0
    """Benchmark inputs that today and the baseline have in common."""
    n_better: int = 0
    n_worse: int = 0
    p_paired: float | None = None
    """Exact one-sided p of the pairs that got worse."""
    n_changed_answers: int = 0
    """Inputs whose answer differs from the baseline's, right or wrong."""
    n_repeated: int = 0
    n_unstable: int = 0
    """Of those asked twice on one day, the ones answered differently."""
    model_before: str | None = None
    """The model's name in the baseline's answers."""
    model_changed: bool | None = None
    segments: tuple[SegmentScore, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReferenceDoubt:
    """A reference that contradicts right records about as much as wrong ones: no verdict may rest on it."""

    stage: str
    n_right: int
    """Right records that were compared."""
    n_spoiled: int
    """Of those, the ones that would be wrong by the reference, or that it could not make."""
    n_failed: int
    """Of those, the ones that it could not make."""
    n_wrong: int
    """Wrong records of the window."""
    n_contradicted: int
    """Of those, the ones that the reference contradicts or could not make."""
    error: str = ""
    """What it raised on one of the right records."""


@dataclass(frozen=True, kw_only=True)
class RecordEvidence:
    """One record for the report: what was recorded beside what should have been."""

    key: str
    verdict: Verdict
    rows: tuple[Discrepancy, ...] = ()
    recorded_outcome: dict[str, str | None] = field(default_factory=dict)
    true_outcome: dict[str, str | None] = field(default_factory=dict)
    recorded_answer: str | None = None
    """The model's answer as recorded."""
    isolated_answer: str | None = None
    """The model's answer to the clean request, where it was asked."""


@dataclass(frozen=True, kw_only=True)
class StagePicture:
    """A stage as the report's graph draws it."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    n_records: int | None
    n_failed: int
    """Records with a finding at this stage."""
    is_reconciled: bool


@dataclass(frozen=True, kw_only=True)
class FieldAccuracy:
    """How one final field stands against its truth."""

    field: str
    how: str
    """The comparison."""
    n_judged: int
    """Records with a label whose value and label could be compared."""
    n_right: int
    n_unreadable: int = 0
    """Records with a label that cannot be compared, as a text where a number was asked for."""
    reason: UnknownReason | None = None
    """Why most of them cannot."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """Value and label of two of them."""
    form: str | None = None
    """Where not one record is right: the comparison by which they would be, as they differ by their form alone."""
    n_form: int = 0
    """Records that would be right by it."""
    forms: tuple[tuple[str, str], ...] = ()
    """Value and label of two of them."""
    mixes_zones: bool = False
    """Whether times without a zone were compared with times that have one."""


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """The answer for one window."""

    pipeline: str
    window: Window
    n_observed: int
    n_failing: int
    n_pending: int
    n_examined: int
    """Failing records with a verdict that rests on their own evidence."""
    n_sampled: int = 0
    """Failing records that the sequential tests drew; more are replayed only where the budget allows it."""
    causes: tuple[Finding, ...]
    """Leading cause first."""
    isolation: IsolationResult
    signals: tuple[Signal, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    evidence: tuple[RecordEvidence, ...] = ()
    stages: tuple[StagePicture, ...] = ()
    failing_by_time: tuple[tuple[datetime, int, int], ...] = ()
    """Equal spans of the window (`core/detection/recent_change.py`): start, failing, judged."""
    documents: tuple[DocumentAnswers, ...] = ()
    """Documents that were not as they should be when failing records were served them, most records first."""
    notes: tuple[str, ...] = ()
    references_in_doubt: tuple[ReferenceDoubt, ...] = ()
    """References that contradict right records, in the order of the stages."""
    fields: tuple[FieldAccuracy, ...] = ()
    """How each final field stands against its truth; empty where no truth table judges."""
    n_unreadable: int = 0
    """Records that are pending as a value, its label or a key cannot be read, or as they differ by form alone."""
    seam_changes: tuple[Finding, ...] = ()
    """Stages whose records differ from their reference more often than before, whatever their outcomes are."""
    lingering: tuple[tuple[Responsibility, str | None], ...] = ()
    """Causes that are no change in this window and yet cannot be called over: their incidents stay open."""

    @property
    def leading(self) -> Finding | None:
        """Return the cause that is a change and explains most, or None in a healthy window."""
        return next((cause for cause in self.causes if cause.is_change), None)

    @property
    def n_undetermined(self) -> int:
        """Return how many failing records nobody is named for."""
        return sum(verdict.responsibility is Responsibility.UNDETERMINED for verdict in self.verdicts)
