"""The matrix: one cell is one window of the desk with a fault, and with something that cannot be seen or asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from evidence.desk import FAULTS
from evidence.shapes import READABLE, UNREADABLE

_PART = 7
"""Prime to the sizes of the families, so that the short form has some of each."""
SEAMS = ("request", "prompt", "result")
BY_PLACE = {
    "none": "",
    "before": "tier code outdated",
    "prompt": "line missing",
    "model": "model degraded",
    "provider": "no answer",
    "after": "code table outdated",
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one window is made of, and what may be said of it."""

    family: str
    what: str
    """What is special about its evidence."""
    fault: str = ""
    share: float = 0.5
    """Of the records since the onset, those that the fault may strike."""
    n: int = 260
    shape: str = "body"
    shape_of_struck: str = ""
    """Form of the responses of struck records, where it is another one."""
    raising: dict[str, float] = field(default_factory=dict)
    """By stage, the share of records on which its reference raises."""
    raises_on_struck: bool = False
    left_out: tuple[str, str] | None = None
    """Stage and the field that its reference does not make."""
    removed: str = ""
    """Stage without a reference."""
    calls: int | None = None
    """Model calls that one run may make; None: the default."""
    statuses: tuple[str | None, ...] = ("200",)
    """Status words of answered calls, each on some of the records."""
    mode: str = "sampled"
    has_benchmark: bool = True
    is_provable: bool = True
    """Whether the evidence is there: then `undetermined` is no right verdict."""
    seed: int = 1

    @property
    def name(self) -> str:
        return f"{self.family}/{self.what}/{self.fault or 'no fault'}/{self.mode}"


def make_cells(*, seed: int, is_short: bool) -> list[Cell]:
    """Return the cells; the short form takes every seventh, others for another seed."""
    cells = [replace(cell, seed=seed * 1000 + k) for k, cell in enumerate(_all_cells())]
    return cells[seed % _PART :: _PART] if is_short else cells


def _all_cells() -> Iterator[Cell]:
    yield from _shapes()
    yield from _budgets()
    yield from _raising()
    yield from _left_out()
    yield from _sources()
    yield from _removed()
    yield from _statuses()


def _shapes() -> Iterator[Cell]:
    for fault in BY_PLACE.values():
        for shape in READABLE:
            yield Cell(family="shape", what=shape, fault=fault, shape=shape)
        for shape in UNREADABLE:
            for mode in ("sampled", "exhaustive"):
                yield Cell(family="unreadable", what=shape, fault=fault, shape=shape, mode=mode, is_provable=False)
            yield Cell(
                family="unreadable", what=f"{shape}, some", fault=fault, shape_of_struck=shape, is_provable=False
            )


def _budgets() -> Iterator[Cell]:
    faults = (*BY_PLACE.values(), "orders to the model", "text cut", "priority constant")
    for fault in faults:
        for calls in (0, 3, 10, 30, 80, 160):
            yield Cell(family="budget", what=f"{calls} calls", fault=fault, calls=calls, is_provable=False)
        yield Cell(family="budget", what="default", fault=fault, is_provable=True)
        yield Cell(family="budget", what="default", fault=fault, mode="exhaustive", is_provable=True)


def _raising() -> Iterator[Cell]:
    for fault in BY_PLACE.values():
        for stage in SEAMS:
            for share, on_struck in ((0.1, False), (0.5, False), (1.0, False), (1.0, True)):
                for mode in ("sampled", "exhaustive"):
                    what = f"{stage} raises on {'struck records' if on_struck else f'{share:.0%}'}"
                    yield Cell(
                        family="raising",
                        what=what,
                        fault=fault,
                        raising={stage: share},
                        raises_on_struck=on_struck,
                        mode=mode,
                        is_provable=False,
                    )


def _left_out() -> Iterator[Cell]:
    for stage, name in (
        ("request", "priority"),
        ("request", "tier_code"),
        ("result", "urgency"),
        ("result", "queue_id"),
    ):
        for fault in (*BY_PLACE.values(), "priority constant"):
            yield Cell(
                family="left out", what=f"{stage}.{name}", fault=fault, left_out=(stage, name), is_provable=False
            )


def _sources() -> Iterator[Cell]:
    for fault in (f.name for f in FAULTS.values() if f.responsibility == "source_data"):
        for share in (0.2, 0.5, 1.0):
            for mode in ("sampled", "exhaustive"):
                for has_benchmark in (True, False):
                    yield Cell(
                        family="source",
                        what=f"{share:.0%}{'' if has_benchmark else ', no benchmark'}",
                        fault=fault,
                        share=share,
                        mode=mode,
                        has_benchmark=has_benchmark,
                        is_provable=False,
                    )


def _removed() -> Iterator[Cell]:
    for stage in (*SEAMS, "crm"):
        for fault in (*BY_PLACE.values(), "default written"):
            yield Cell(family="removed", what=f"no reference of {stage}", fault=fault, removed=stage, is_provable=False)


def _statuses() -> Iterator[Cell]:
    for words in (("200 OK",), ("UNSET",), ("STATUS_CODE_OK", "UNSET"), ("DEFAULT",), ("1",), ("0",), (None, "done")):
        for fault in BY_PLACE.values():
            yield Cell(family="status", what=" and ".join(map(str, words)), fault=fault, statuses=words)
