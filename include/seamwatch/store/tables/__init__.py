"""The tables of the store, one subject a file. Rows stay in the store; everyone else sees dataclasses and frames.

All are imported here, so that whoever has one has the whole schema: migrations and foreign keys need every table.
"""

from seamwatch.store.tables.base import RecordText, Table, UtcTime
from seamwatch.store.tables.documents import DocumentFaultRow, DocumentRow, FreshnessCheckRow, IndexedRow
from seamwatch.store.tables.incidents import ActionRow, IncidentEventRow, IncidentRow, RunbookStepRow
from seamwatch.store.tables.labels import EvaluationRow, LabelRow, ReviewDrawRow, ReviewItemRow
from seamwatch.store.tables.messages import ButtonPressRow, DeliveryRow, WeeklyDigestRow
from seamwatch.store.tables.model_calls import AnswerRow, BaselineResultRow, BaselineRow, BudgetRow, ReservationRow
from seamwatch.store.tables.objectives import (
    DebitRow,
    GateAnswerRow,
    OverrideRow,
    RulingRow,
    SloBucketRow,
    SloStatusRow,
)
from seamwatch.store.tables.watches import AggregateRow, HeartbeatRow, WatchReportRow
from seamwatch.store.tables.weekly_review import (
    AgreedActionEventRow,
    AgreedActionRow,
    VerdictSampleRow,
    WeeklyReviewRow,
)
from seamwatch.store.tables.windows import CauseRow, DiscrepancyRow, StageResultRow, VerdictRow, WindowRow

__all__ = [
    "ActionRow",
    "AggregateRow",
    "AgreedActionEventRow",
    "AgreedActionRow",
    "AnswerRow",
    "BaselineResultRow",
    "BaselineRow",
    "BudgetRow",
    "ButtonPressRow",
    "CauseRow",
    "DebitRow",
    "DeliveryRow",
    "DiscrepancyRow",
    "DocumentFaultRow",
    "DocumentRow",
    "EvaluationRow",
    "FreshnessCheckRow",
    "GateAnswerRow",
    "HeartbeatRow",
    "IncidentEventRow",
    "IncidentRow",
    "IndexedRow",
    "LabelRow",
    "OverrideRow",
    "RecordText",
    "ReservationRow",
    "ReviewDrawRow",
    "ReviewItemRow",
    "RulingRow",
    "RunbookStepRow",
    "SloBucketRow",
    "SloStatusRow",
    "StageResultRow",
    "Table",
    "UtcTime",
    "VerdictRow",
    "VerdictSampleRow",
    "WatchReportRow",
    "WeeklyDigestRow",
    "WeeklyReviewRow",
    "WindowRow",
]
