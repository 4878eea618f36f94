"""Why a verdict is what it is, as data: `report/verdict_texts.py` puts it into words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seamwatch.vocabulary import FreshnessReason, Gap


class ReasonKind(StrEnum):
    """What was seen or tried of one record; each kind has its sentence in `report/texts.yaml`."""

    LOST = "lost"
    CROSSED = "crossed"
    """It carries another record's payload; that one's key is the detail."""
    AFTER_MODEL = "after_model"
    """The model was right, and later stages were not."""
    BEFORE_MODEL = "before_model"
    BEFORE_MODEL_ONE_OF = "before_model_one_of"
    """The model was given a wrong request, and it is not known by which of the stages."""
    OTHER_REPAIRS = "other_repairs"
    """Repairs of other stages would have done as well."""
    DAMAGE = "damage"
    """How the first field is damaged."""
    MODEL = "model"
    MODEL_BEFORE_TRUTH = "model_before_truth"
    """The outcome turns right once the second stage holds the truth: the first, a model, was wrong."""
    ONE_OF_MODELS = "one_of_models"
    NOT_REPRODUCED = "not_reproduced"
    CHANGED_SINCE = "changed_since"
    NO_MODEL = "no_model"
    """Every stage does as its reference says, and there is no model to blame."""
    DOCUMENTS_HARMLESS = "documents_harmless"
    """Documents were not as they should be, and it was not that."""
    PROVIDER = "provider"
    MARK_UNPROVEN = "mark_unproven"
    """What may be a failure of the provider cannot be told from chance."""
    UNKNOWN_STATUS = "unknown_status"
    SOURCE_CORRECTED = "source_corrected"
    SOURCE_SUSPECT = "source_suspect"
    """The payload fails an expectation, which is the detail."""
    SOURCE_BROKEN_EVERYWHERE = "source_broken_everywhere"
    """Nearly every record's payload fails it, and the model alone is at its baseline: wrong of here, right of there."""
    SOURCE_DAMAGED = "source_damaged"
    """A field holds what no input before held; the mark's kind is the detail, as of the next two."""
    UNLIKE_INPUTS = "unlike_inputs"
    KNOWN_WEAKNESS = "known_weakness"
    """The model failed before on inputs with the same mark."""
    MODEL_AT_BASELINE = "model_at_baseline"
    INSTRUCTIONS = "instructions"
    """Text in the input gave orders to the model, and it obeyed."""
    OUTDATED_DOCUMENTS = "outdated_documents"
    SUSPECT_TRUTH = "suspect_truth"
    MISSING_REFERENCE = "missing_reference"
    REFERENCE_FAILED = "reference_failed"
    REFERENCE_IN_DOUBT = "reference_in_doubt"
    NOT_CHECKED = "not_checked"
    """Fields that the model's request rests on were compared with nothing."""
    UNCHECKED_SUSPECT = "unchecked_suspect"
    """The fault may lie in fields that were compared with nothing."""
    BENCHMARK_NOT_MADE = "benchmark_not_made"
    """The benchmark needs fields that no reference makes."""
    BENCHMARK_REFERENCES = "benchmark_references"
    """It needs references for these stages."""
    BENCHMARK_SOURCES = "benchmark_sources"
    """It gives the payload of one source, and the pipeline reads these as well."""
    UNSETTLED = "unsettled"
    """The gap says which evidence is missing."""
    UNKNOWN_WITH_CORRECTION = "unknown_with_correction"
    """An experiment has no answer, for the gap: here the one with a corrected source."""
    UNKNOWN_WITHOUT_INSTRUCTIONS = "unknown_without_instructions"
    UNKNOWN_WITH_DOCUMENTS = "unknown_with_documents"
    UNKNOWN_WITH_TRUTH = "unknown_with_truth"
    UNKNOWN_ON_RIGHT_RECORDS = "unknown_on_right_records"
    LIKE_REPLAYED = "like_replayed"
    """What follows is said of replayed records with the same discrepancies: so many of so many."""


class DamageForm(StrEnum):
    """How recorded values differ from expected ones; each form has its clause in `report/texts.yaml`.

    Those of dates stand in the order in which they are named where several explain as much.
    """

    EMPTY = "empty"
    PART_MISSING = "part_missing"
    LINES_MISSING = "lines_missing"
    LINES_EXTRA = "lines_extra"
    BEGINNING = "beginning"
    """Of at most `n` characters, where they end at one length."""
    REPLACED = "replaced"
    CENTURY = "century"
    DAY_AND_MONTH = "day_and_month"
    DAY_AND_MONTH_OR = "day_and_month_or"
    """And one value where the swap makes no date."""
    SECONDS_AS_MILLISECONDS = "seconds_as_milliseconds"
    DAYS = "days"
    HOURS = "hours"
    TWO_HOURS = "two_hours"
    """Of which summer time makes one of the other."""
    NUMBER_OF_SECONDS = "number_of_seconds"
    PROCESSING_DATE = "processing_date"
    SIGN_LOST = "sign_lost"
    SIGN_OPPOSITE = "sign_opposite"
    FACTOR = "factor"
    FACTOR_IN_WHOLE_NUMBERS = "factor_in_whole_numbers"
    FACTOR_IN_STEPS = "factor_in_steps"
    TEMPERATURE = "temperature"
    LAST_DIGITS = "last_digits"
    ALWAYS = "always"
    CODE = "code"
    LOOKUP = "lookup"
    NEIGHBOUR = "neighbour"
    """What the record `n` places before should have; after, where `n` is negative."""
    EARLIER_RECORD = "earlier_record"
    UTF8_READ_AS = "utf8_read_as"
    UTF8_READ_AS_TWICE = "utf8_read_as_twice"
    HTML_ENTITIES = "html_entities"
    ESCAPES = "escapes"
    URL_ESCAPES = "url_escapes"
    NON_ASCII_REPLACED = "non_ascii_replaced"
    NON_ASCII_LEFT_OUT = "non_ascii_left_out"
    ACCENTS_LEFT_OUT = "accents_left_out"


@dataclass(frozen=True, kw_only=True)
class Damage:
    """How recorded values differ from expected ones."""

    form: DamageForm
    values: tuple[str | float, ...] = ()
    """What the clause names, in its order."""
    n: int | None = None
    """Lines, characters or records, by the form; None: not always as many."""
    is_part: bool = False
    """Whether it is the damage of a value within the text, not of the whole of it."""


class FailureSign(StrEnum):
    """What in a recorded call says that the provider failed."""

    STATUS = "status"
    ERROR = "error"
    ERROR_CODE = "error_code"
    FINISH_REASON = "finish_reason"
    BROKEN_OFF = "broken_off"
    """A finish reason that says no more than that."""
    EMPTY = "empty"
    REFUSAL = "refusal"


@dataclass(frozen=True, kw_only=True)
class CallFailure:
    """What stands in a recorded call that may say that the provider failed."""

    pattern: str
    """`error`, `rate_limited`, `timed_out`, `truncated`, `refused` or `empty`."""
    sign: FailureSign
    recorded: str = ""
    """The status, code or finish reason."""
    is_documented: bool = True
    """Whether the protocol says so itself (status, error body, finish reason, no body); else it is our reading."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One thing that speaks for a verdict; of each kind only what its sentence needs is filled."""

    kind: ReasonKind
    stages: tuple[str, ...] = ()
    fields: tuple[tuple[str, ...], ...] = ()
    """Of each of the stages, in their order."""
    repairs: tuple[tuple[str, ...], ...] = ()
    """Sets of stages, each of which would be enough."""
    documents: tuple[tuple[str, FreshnessReason], ...] = ()
    counts: tuple[tuple[int, int], ...] = ()
    """So many of so many, in the order in which the sentence names them."""
    chance_ratio: float | None = None
    """Probability, to the percent, so that records with the same chance have the same reason."""
    gap: Gap | None = None
    damage: Damage | None = None
    failure: CallFailure | None = None
    detail: str = ""
    """What was recorded or found, where the kind says so."""
