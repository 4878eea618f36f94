"""When a pipeline runs: its cron expression or preset and the first day that counts, or the asset of its data."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator

_PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""What Airflow has an interval for; `@once` and `@continuous` have none, and a window is an interval."""
_CRON_OF_PRESETS = {"@quarterly": "0 0 1 */3 *"}
"""Presets that Airflow knows and croniter does not."""
_FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 6 from Sunday on, or SUN to SAT"),
)
_ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - only whether there is a next date counts
_LONGEST = 200
_LONGEST_ASSET = 1_500
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


def schedule_problem(schedule: str) -> str | None:
    """Return why Airflow could not run the schedule; None if it can."""
    if schedule in _PRESETS:
        return None
    example = "as '*/15 * * * *' for every quarter of an hour, or '@daily'"
    if schedule.startswith("@"):
        return f"no preset {schedule[:_LONGEST]!r}; known: {', '.join(_PRESETS)}"
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, _ in _FIELDS)
        return f"a cron expression has five fields ({names}), {example}; {schedule[:_LONGEST]!r} has {len(fields)}"
    if len(schedule) > _LONGEST:
        return f"a cron expression of {len(schedule)} characters cannot be read; write at most {_LONGEST}"
    for number, (text, (name, known)) in enumerate(zip(fields, _FIELDS, strict=True)):
        alone = ["*"] * len(_FIELDS)
        alone[number] = text
        if not _has_next(" ".join(alone)):
            return f"the {name} {text!r} of {schedule!r} is none: {known}; *, lists, ranges and steps of them too"
    if not _has_next(schedule):
        return f"{schedule!r} never comes: no month that it names has such a day"
    return None


def runs_around(schedule: str, at: datetime) -> tuple[datetime, datetime, datetime]:
    """Return when a schedule, as UTC, last came at or before a moment, and when it comes the next two times.

    Args:
        schedule: One that has no problem, see `schedule_problem`.
        at: Aware time.

    Raises:
        ValueError: If there is no such moment before or after, as of 29 February in some centuries.
    """
    from croniter import croniter  # noqa: PLC0415 - only who asks pays for it

    cron = _CRON_OF_PRESETS.get(schedule, schedule)
    after = croniter(cron, at)
    first, second = (after.get_next(datetime) for _ in range(2))
    return croniter(cron, first).get_prev(datetime), first, second


def _has_next(expression: str) -> bool:
    from croniter import croniter  # noqa: PLC0415 - only files with a cron expression pay for it

    if expression.upper().startswith(("R", "H")) or " R" in expression.upper():
        return False  # a minute drawn anew at every reading of the file is no schedule
    try:
        croniter(expression, _ANY_DAY).get_next()
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return False
    return True


def day_problem(day: str) -> str | None:
    """Return why the text is no day that a schedule can count from; None if it is."""
    if len(day) != len("2026-01-31"):
        return f"{day[:_LONGEST]!r} is no day; write it as 2026-01-31"
    try:
        found = date.fromisoformat(day)
    except ValueError as error:
        return f"{day!r} is no day ({error}); write it as 2026-01-31"
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        # A schedule counts on from here, and the calendar of Python and of databases ends.
        return f"{day!r} is no day to count from; write one between {_FIRST_YEAR} and {_LAST_YEAR}"
    return None


def asset_problem(asset: str) -> str | None:
    """Return why no event of an Airflow asset could start a pipeline; None if it can."""
    if not asset.isascii() or not asset.isprintable() or not asset.strip() or asset != asset.strip():
        return f"{asset[:_LONGEST]!r} is no asset; write the text of its Asset(...), as s3://lake/tickets"
    if len(asset) > _LONGEST_ASSET:
        return f"an asset of {len(asset):,} characters cannot be named; write at most {_LONGEST_ASSET:,}"
    scheme = asset.partition(":")[0].lower()
    if scheme in ("airflow", "seamwatch"):
        return f"assets of {scheme}: are {scheme}'s own; name the one that the task emits which writes the records"
    return None


def _known_schedule(schedule: str) -> str:
    problem = schedule_problem(schedule)
    if problem is not None:
        raise ValueError(problem)
    return schedule


def _known_asset(asset: str) -> str:
    problem = asset_problem(asset)
    if problem is not None:
        raise ValueError(problem)
    return asset


def _known_day(day: str) -> str:
    problem = day_problem(day)
    if problem is not None:
        raise ValueError(problem)
    return day


Schedule = Annotated[str, AfterValidator(_known_schedule)]
DataAsset = Annotated[str, AfterValidator(_known_asset)]
Day = Annotated[str, AfterValidator(_known_day)]
