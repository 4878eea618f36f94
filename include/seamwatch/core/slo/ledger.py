"""The ledger of an error budget: what was debited, what was refunded and why, and what follows from it.

Entries are only ever added. A debit has a name of its own, so the same event told twice counts once, in whatever order
entries arrive; it belongs to the time at which it happened, not at which it was told. A ruling says of an incident that
it was not our fault, or a planned test: all of its debits are refunded, also those that arrive later, and the ruling
stays as the audit entry. The last ruling counts, so a mistaken one is taken back by another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from seamwatch.errors import DataContractError
from seamwatch.vocabulary import DebitKind


@dataclass(frozen=True, kw_only=True)
class Debit:
    """One bad event, held against a budget."""

    objective: str
    kind: DebitKind
    record: str
    """Key of the record, by which its trace is found."""
    at: datetime
    """When it happened; aware."""
    told_at: datetime
    """When it was judged, which may be days later; aware."""
    amount: float = 1.0
    """Events, or USD where the budget is money."""
    stage: str | None = None
    incident: str | None = None
    """The incident that it belongs to, once known."""

    def __post_init__(self) -> None:
        """Refuse naive times and amounts below zero."""
        if self.at.tzinfo is None or self.told_at.tzinfo is None:
            msg = f"a debit needs aware times; got {self.at} and {self.told_at} for record {self.record!r}"
            raise DataContractError(msg)
        if not self.amount >= 0.0:
            msg = f"a debit's amount must be at least 0; got {self.amount} for record {self.record!r}"
            raise DataContractError(msg)

    @property
    def name(self) -> tuple[str, DebitKind, str, str | None]:
        """Return what makes it one debit: one event of a kind, of one record and stage, is debited once."""
        return self.objective, self.kind, self.record, self.stage


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What a person decided of an incident's debits; the audit entry."""

    incident: str
    is_void: bool
    """True: its debits are refunded; False: a refund is taken back."""
    reason: str
    by: str
    at: datetime

    def __post_init__(self) -> None:
        """Refuse a ruling that nobody made or for no reason."""
        if not self.reason.strip() or not self.by.strip():
            msg = f"a ruling on incident {self.incident!r} needs a reason and a name"
            raise DataContractError(msg)
        if self.at.tzinfo is None:
            msg = f"a ruling needs an aware time; got {self.at} for incident {self.incident!r}"
            raise DataContractError(msg)


@dataclass(frozen=True)
class Ledger:
    """Debits and rulings of one pipeline."""

    debits: Mapping[tuple[str, DebitKind, str, str | None], Debit] = field(default_factory=dict)
    rulings: tuple[Ruling, ...] = ()

    def post(self, entries: Iterable[Debit | Ruling]) -> Ledger:
        """Return the ledger with more entries, in any order.

        Of two entries for one event the one told later counts: a judgement that was corrected, or an incident that
        became known. Told at the same time, the larger amount and then the named incident, so that order is no matter.
        """
        debits, rulings = dict(self.debits), set(self.rulings)
        for entry in entries:
            if isinstance(entry, Ruling):
                rulings.add(entry)
            elif entry.name not in debits or _rank(debits[entry.name]) < _rank(entry):
                debits[entry.name] = entry
        return Ledger(debits, tuple(sorted(rulings, key=lambda r: (r.at, r.incident, r.is_void, r.by, r.reason))))

    def is_void(self, incident: str | None) -> bool:
        """Return whether the last ruling on the incident refunds its debits."""
        return next((r.is_void for r in reversed(self.rulings) if r.incident == incident), False)

    def counted(self, objective: str, *, start: datetime, end: datetime) -> list[tuple[Debit, bool]]:
        """Return the objective's debits that happened in [start, end), by time, each with whether it is refunded."""
        voided = {r.incident for r in self.rulings if self.is_void(r.incident)}
        mine = [d for d in self.debits.values() if d.objective == objective and start <= d.at < end]
        return [(d, d.incident in voided) for d in sorted(mine, key=lambda d: (d.at, d.record, d.kind))]


def _rank(debit: Debit) -> tuple[datetime, float, str, datetime]:
    return debit.told_at, debit.amount, debit.incident or "", debit.at
