"""The words of the field, once. The values are the strings in YAML, store, CSV and JSON."""

from __future__ import annotations

from enum import StrEnum


class StageKind(StrEnum):
    """What a stage of a pipeline does to a record."""

    SOURCE = "source"
    MAPPING = "mapping"
    RETRIEVAL = "retrieval"
    PROMPT = "prompt"
    MODEL = "model"
    SINK = "sink"


class FieldKind(StrEnum):
    """What an untrusted text is there for, which says what is odd in it."""

    REQUEST = "request"
    """Somebody asks the model for something: tickets, chats."""
    DATA = "data"
    """Nobody asks for anything: documents, answers of tools, reviews."""


class Responsibility(StrEnum):
    """Who has to act on a wrong outcome."""

    MODEL = "model"
    INTEGRATION = "integration"
    KNOWLEDGE_BASE = "knowledge_base"
    SOURCE_DATA = "source_data"
    PROVIDER = "provider"
    ADVERSARIAL_INPUT = "adversarial_input"
    UNDETERMINED = "undetermined"


class Severity(StrEnum):
    """How much a failed check matters; the words are Great Expectations' own."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class CheckStatus(StrEnum):
    """How one expectation ended. `error` means it could not run, which is never a pass."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


class OutcomeState(StrEnum):
    """Whether the final payload of a record is right."""

    RIGHT = "right"
    WRONG = "wrong"
    PENDING = "pending"
    """The truth has not arrived yet, or the record may still be on its way."""


class EvaluationState(StrEnum):
    """What an evaluator says of one answer."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"
    """The answer, or what it is judged by, is missing or cannot be read: neither a pass nor a fail."""


class UnknownReason(StrEnum):
    """Why a value could not be read."""

    UNREADABLE_BODY = "unreadable_body"
    """Not a body of a known protocol."""
    UNREADABLE_PATH = "unreadable_path"
    """A path into a document that cannot be opened, or does not hold it."""
    NOT_A_NUMBER = "not_a_number"
    """Text where a number was asked for."""
    NOT_A_DATE = "not_a_date"
    """Text where a date or time was asked for."""
    AMBIGUOUS_FORM = "ambiguous_form"
    """A number or date that reads in more than one way."""
    UNKNOWN_STATUS = "unknown_status"
    """A status word of no known meaning."""
    UNKNOWN_DOCUMENT = "unknown_document"
    """An id of a document that neither the source nor the index knows."""
    NO_MATCHING_KEY = "no_matching_key"
    """A key that matches nobody in the form that it has."""


class DiscrepancyKind(StrEnum):
    """How a recorded field differs from what its reference makes of the recorded inputs."""

    VALUE = "value"
    FORMAT = "format"
    """Same value in another dress: case, blanks, a number's formatting; harmless unless a trial says otherwise."""
    MISSING = "missing"
    """The reference makes the field; the record lacks it."""
    UNEXPECTED = "unexpected"
    """The record has a field that the reference does not make."""


class SeamBreak(StrEnum):
    """How a whole record went wrong between two stages."""

    LOST = "lost"
    EXTRA = "extra"
    CROSSED = "crossed"
    """The payload belongs to another record."""


class Gap(StrEnum):
    """The evidence whose lack makes a verdict `undetermined`, or weaker."""

    MISSING_REFERENCE = "missing_reference"
    REFERENCE_FAILED = "reference_failed"
    """A reference raised on the record, or made nothing of it."""
    REFERENCE_IN_DOUBT = "reference_in_doubt"
    """A reference contradicts right records about as much as wrong ones."""
    TRUTH_PENDING = "truth_pending"
    TRUTH_SUSPECT = "truth_suspect"
    ENDPOINT_UNREACHABLE = "endpoint_unreachable"
    BUDGET_SPENT = "budget_spent"
    REQUEST_NOT_RECORDED = "request_not_recorded"
    NOT_REPRODUCED = "not_reproduced"
    MARK_UNPROVEN = "mark_unproven"
    """What may be a failure of the provider stands on too few records to be told from chance."""
    UNKNOWN_STATUS = "unknown_status"
    """A status of unknown meaning, which right records do not have."""
    STAGES_NOT_SEPARABLE = "stages_not_separable"
    UNCHECKED_FIELD = "unchecked_field"
    """A field that no reference makes reaches the model or the outcome."""
    INPUTS_UNLIKE_ANY_BEFORE = "inputs_unlike_any_before"
    """What the model fails on has a mark that inputs of before did not have."""
    MODEL_AT_BASELINE = "model_at_baseline"
    """The model alone is as good as ever, and nothing tells why it fails so often here."""


class Basis(StrEnum):
    """What a record's verdict rests on."""

    REPAIR = "repair"
    """References alone turned the outcome right or wrong; no model call was needed."""
    REPLAY = "replay"
    """The model was called in isolation for this record."""
    STRATUM = "stratum"
    """Records with the same discrepancies were replayed; this one was not."""
    RULE = "rule"
    """A fact that needs no intervention, as a lost record or a recorded provider error."""
    NONE = "none"


class FreshnessReason(StrEnum):
    """What is wrong with a document of a knowledge base."""

    STALE = "stale"
    """The source's content changed after it was indexed."""
    MISSING = "missing"
    """At the source, not in the index."""
    GHOST = "ghost"
    """In the index, gone at the source, or left out by rule."""
    DUPLICATE = "duplicate"
    """In the index in more than one version."""
    EMBEDDING_MISMATCH = "embedding_mismatch"
    """Embedded by another model, or in another dimension, than the others."""
    PARTIAL = "partial"
    """Some of its chunks are not in the index."""
    SKIPPED = "skipped"
    """Left out of the index by rule: no error."""
    SOURCE_OUTDATED = "source_outdated"
    """Past its own review or expiry date at the source."""


class FailOn(StrEnum):
    """What of a window makes a command end with an exit code of its own."""

    INCIDENT = "incident"
    UNDETERMINED = "undetermined"


class IncidentState(StrEnum):
    """The life of an incident (`core/incident_life.py`)."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    """Nobody is told of it until a time; it is watched as ever."""
    MITIGATED = "mitigated"
    """A fix was applied, and is being watched."""
    RESOLVED = "resolved"
    MERGED = "merged"
    """Another incident has its cause."""
    VOIDED = "voided"
    """It was nobody's fault, as a planned test; what it took from error budgets is refunded."""

    @property
    def is_open(self) -> bool:
        """Return whether the cause may still be there, so that somebody may have to act."""
        return self not in (IncidentState.RESOLVED, IncidentState.MERGED, IncidentState.VOIDED)


class IncidentAction(StrEnum):
    """What a person may ask for; the names of commands and buttons."""

    ACKNOWLEDGE = "ack"
    MUTE = "mute"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    MERGE = "merge"
    SPLIT = "split"
    VOID = "void"
    WRONG = "wrong"
    """The verdict is wrong."""
    CONFIRM = "confirm"
    """The verdict is right."""


class ApprovalAnswer(StrEnum):
    """What a person answers to an action that waits for approval."""

    APPROVE = "approve"
    REJECT = "reject"


class Refusal(StrEnum):
    """Why what a person asked for changes nothing."""

    IS_SO_ALREADY = "is_so_already"
    IS_BEING_WATCHED = "is_being_watched"
    IS_OVER = "is_over"
    IS_MERGED = "is_merged"
    IS_NOT_MERGED = "is_not_merged"
    IS_VOIDED = "is_voided"
    NO_END = "no_end"
    END_OUT_OF_RANGE = "end_out_of_range"
    NO_SUCH_TARGET = "no_such_target"
    TARGET_IS_OVER = "target_is_over"
    NO_RESPONSIBILITY = "no_responsibility"
    NOT_PERMITTED = "not_permitted"


class Door(StrEnum):
    """By which way something happened to an incident."""

    DETECTOR = "detector"
    CLOCK = "clock"
    SLACK = "slack"
    AIRFLOW = "airflow"
    """Its UI."""
    COMMAND_LINE = "command_line"
    TASK = "task"
    """A human-in-the-loop task."""


class DeliveryState(StrEnum):
    """The life of a message on its way to a channel."""

    PENDING = "pending"
    SENT = "sent"
    TOLD = "told"
    """Another message of the incident told it too."""
    FAILED = "failed"
    """Given up after days; tried again when a person says so, or the incident changes."""
    DROPPED = "dropped"
    """A person said that it need not be sent."""


class Protocol(StrEnum):
    """How a model endpoint wants to be spoken to."""

    OPENAI_CHAT = "openai_chat"
    OPENAI_RESPONSES = "openai_responses"
    ANTHROPIC_MESSAGES = "anthropic_messages"
    GEMINI = "gemini"
    BEDROCK = "bedrock"
    OLLAMA = "ollama"
    MLFLOW = "mlflow"
    JSON = "json"
    CALLABLE = "callable"


class BenchmarkStanding(StrEnum):
    """How the model on its benchmark inputs stands against its baseline on the same ones."""

    DEGRADED = "degraded"
    CHANGED = "changed"
    UNSTABLE = "unstable"
    AS_BEFORE = "as_before"


class AlertSeverity(StrEnum):
    """How soon a person has to act on a burning error budget."""

    PAGE = "page"
    """Now."""
    TICKET = "ticket"
    """In working hours."""


class IncidentSeverity(StrEnum):
    """How much an incident harms, the worst first; from which harm on is for the pipeline file to say."""

    SEV1 = "sev1"
    SEV2 = "sev2"
    SEV3 = "sev3"
    SEV4 = "sev4"

    @property
    def rank(self) -> int:
        """Return 0 for the worst."""
        return list(type(self)).index(self)


class DebitKind(StrEnum):
    """Why an event is held against an error budget."""

    WRONG_ANSWER = "wrong_answer"
    TIMEOUT = "timeout"
    OVER_COST = "over_cost"
    STALE_ANSWER = "stale_answer"
    SLOW_ANSWER = "slow_answer"
    UNAVAILABLE = "unavailable"


class GateState(StrEnum):
    """What an error budget says of releases."""

    OK = "ok"
    WARN = "warn"
    FROZEN = "frozen"


class Watch(StrEnum):
    """What is measured beside the outcome of records, and may be an incident of its own."""

    LATENCY = "latency"
    COST = "cost"
    DRIFT = "drift"
    INJECTION = "injection"
    SEAM = "seam"
    """How many records differ from their reference at a stage."""
    BUDGET = "budget"
    """Of an objective: it burns, and nothing else that is open explains it."""


class RecurringJob(StrEnum):
    """What Seamwatch does again and again; each is named as the DAG that does it (`<pipeline>__<job>`)."""

    VALIDATE = "validate"
    ISOLATE = "isolate"
    INCIDENTS = "incidents"
    SLO = "slo"
    FRESHNESS = "freshness"
    DELIVERY = "delivery"
    """Of all pipelines at once: `seamwatch__delivery`."""
    MAINTENANCE = "maintenance"
    """Of all pipelines at once: `seamwatch__maintenance`."""


class JobState(StrEnum):
    """Whether a recurring job still runs."""

    OK = "ok"
    AWAITED = "awaited"
    """It never ran, and its first run is not overdue."""
    BY_HAND = "by_hand"
    """It has no schedule, so nobody can say that a run is missing."""
    UNKNOWN = "unknown"
    """A job before it stands still, so nobody can say whether this one would run."""
    PAUSED = "paused"
    """It stands still, and its DAG is paused."""
    SILENT = "silent"
    """It ran, and has missed two runs since."""
    NEVER = "never"
    """It never ran, although it should have, or nobody knows since when."""


class ActionState(StrEnum):
    """Where an action stands that changes something outside."""

    WAITING = "waiting"
    """For a person's approval."""
    BLOCKED = "blocked"
    """By another incident's action on the same target."""
    IMPOSSIBLE = "impossible"
    """There is nothing to do, or no way to do it."""
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Nobody answered in time; nothing was changed."""
    OBSOLETE = "obsolete"
    """Its incident was over, or it was done by hand, before it began."""
    RUNNING = "running"
    """Begun: what is outside may be changed."""
    DONE = "done"
    """Carried out; whether it helped is not known yet."""
    HELPED = "helped"
    UNDOING = "undoing"
    UNDONE = "undone"
    ESCALATED = "escalated"
    """A person must look: it failed, or nothing tells how far it came or whether it helped."""


class RunbookKind(StrEnum):
    """What a runbook is for."""

    MODEL_DEGRADATION = "model_degradation"
    COST_SPIKE = "cost_spike"
    INTEGRATION_FAILURE = "integration_failure"
    LATENCY_SPIKE = "latency_spike"
    STALE_KNOWLEDGE_BASE = "stale_knowledge_base"
    PROMPT_INJECTION = "prompt_injection"
    PROVIDER_FAILURE = "provider_failure"
    SOURCE_DATA = "source_data"
    UNDETERMINED = "undetermined"


class StepState(StrEnum):
    """What a step of a runbook found."""

    FOUND = "found"
    """Something that matters."""
    CLEAR = "clear"
    """It was looked for, and is not there."""
    UNKNOWN = "unknown"
    """It could not be looked for; the text says why."""
    FAILED = "failed"
    """The step itself broke."""
    NOTE = "note"
    """For a person to read or do."""


class LabelKind(StrEnum):
    """What a person says of an answer."""

    RIGHT = "right"
    WRONG = "wrong"
    CANNOT_TELL = "cannot_tell"
    """They looked and do not know; counted, and neither right nor wrong."""
