"""Two releases compared, for people: one page of sentences and tables, as Markdown or on the console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console

from seamwatch.core.detection.paired_rates import StratifiedDifference
from seamwatch.core.release_comparison import (
    Comparison,
    PairedRates,
    ReleaseComparison,
    ReleaseRecords,
    ReplayedPairs,
)
from seamwatch.report.console_tables import print_table, shown
from seamwatch.report.facts import owner_of
from seamwatch.report.markdown import escape_markdown
from seamwatch.report.numbers import NO_DATA, count, moment, money, percent, plural, probability, span
from seamwatch.report.release_change_texts import change_text, changes_in_short, owner_text
from seamwatch.report.text import joined, shortened
from seamwatch.spec.pipeline import Pipeline

_MOST_SEGMENTS = 20
_MOST_FIELDS = 8
_MOST_CHANGES = 20
_MOST_CHARS = 120


@dataclass(frozen=True, kw_only=True)
class PageTable:
    """Rows below their columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    warning: str = ""
    """What a reader must know before the rows are read."""


@dataclass(frozen=True, kw_only=True)
class ComparisonPage:
    """What is said of two releases, in the order in which it is read."""

    title: str
    headline: str
    facts: tuple[str, ...]
    tables: tuple[PageTable, ...]
    notes: tuple[str, ...]


def comparison_page(found: ReleaseComparison, pipeline: Pipeline) -> ComparisonPage:
    """Return what a comparison says, and who owns what changed."""
    compared = found.comparison
    tables = [_releases(compared)]
    if compared.segments:
        tables.append(_segments(compared))
    if found.changes:
        tables.append(_changes(found, pipeline))
    if compared.unpaired is not None:
        tables.append(_unpaired(compared.unpaired, compared))
    return ComparisonPage(
        title=f"{found.pipeline}: {found.field} {compared.second.release} against {compared.first.release}",
        headline=headline(found),
        facts=tuple(_facts(found)),
        tables=tuple(tables),
        notes=tuple(comparison_notes(found)),
    )


def headline(found: ReleaseComparison) -> str:
    """Return in one sentence whether the second release is worse or better than the first, and on what."""
    compared = found.comparison
    first, second, rates = compared.first.release, compared.second.release, compared.paired
    if not rates.n_pairs:
        if not compared.n_common_inputs:
            return f"No input was answered by both {first} and {second}: on the same inputs they cannot be compared."
        common = plural(compared.n_common_inputs, "input was", "inputs were")
        return f"{common} answered by both {first} and {second}, but none is judged on both sides yet."
    parts = []
    if rates.differs:
        parts.append(f"{second} is {_direction(rates)} than {first}: {_counted(rates)}")
    for one in [one for one in compared.segments if one.rates.differs][:2]:
        is_told = rates.differs and _direction(one.rates) == _direction(rates)
        place = f"{one.segment} {one.value}: {_counted(one.rates)}"
        parts.append(f"on {place}" if is_told else f"{second} is {_direction(one.rates)} on {place}")
    if parts:
        return f"Release {'; '.join((*parts, *changes_in_short(found.changes)))}."
    same = f"No difference between {first} and {second} shows: {_counted(rates)}."
    return same if rates.could_differ else f"{same} So few answers differ that none could have shown."


def _direction(rates: PairedRates) -> str:
    return "worse" if rates.n_worse > rates.n_better else "better"


def _counted(rates: PairedRates) -> str:
    counts = [f"{count(rates.n_worse)} worse", f"{count(rates.n_better)} better"]
    if rates.n_better > rates.n_worse:
        counts.reverse()
    return f"{', '.join(counts)} of {plural(rates.n_pairs, 'input')}, {probability(rates.p_value)}"


def _points(difference: float | None, low: float | None, high: float | None) -> str:
    """Return a difference of two shares in percentage points, with its interval."""
    if difference is None or low is None or high is None:
        return NO_DATA
    return f"{difference * 100:+.1f} points ({low * 100:+.1f} to {high * 100:+.1f})"


def _facts(found: ReleaseComparison) -> Iterator[str]:
    compared = found.comparison
    rates = compared.paired
    yield f"Records from {span(found.window)}, released by {found.field}."
    if rates.n_pairs:
        yield (
            f"{plural(rates.n_pairs, 'input was', 'inputs were')} answered by both, and judged on both sides: "
            f"{count(rates.n_right)} right by both, {count(rates.n_wrong)} wrong by both, {count(rates.n_worse)} right "
            f"by {compared.first.release} only, {count(rates.n_better)} by {compared.second.release} only."
        )
        yield (
            f"Difference of the shares right: {_points(rates.difference, rates.low, rates.high)}, "
            f"{probability(rates.p_value)} (exact McNemar test, two-sided; 95 % interval by Tango)."
        )
        yield "An input counts once, by the two judged answers to it that are nearest in time."
    n_open = compared.n_common_inputs - compared.n_recorded_pairs
    if rates.n_pairs and n_open > 0:
        yield f"{plural(n_open, 'common input')} not judged on both sides: left out."
    if found.replayed is not None:
        yield from _replay_facts(found.replayed)


def _replay_facts(replayed: ReplayedPairs) -> Iterator[str]:
    if replayed.obstacle is not None:
        yield f"Nothing was replayed: {replayed.obstacle}."
        return
    limited = f" (the budget or the inputs allow no more than that of {count(replayed.n_wanted)})"
    yield (
        f"{plural(len(replayed.pairs), 'pair is', 'pairs are')} of replays: {plural(replayed.n_asked, 'input')} of "
        f"{replayed.inputs_of}{limited if replayed.n_asked < replayed.n_wanted else ''} asked anew with its own "
        f"request and with that of {replayed.template_of}, built by the prompt's reference; "
        f"{plural(replayed.calls, 'call')}, cost {money(replayed.cost_usd)}."
    )
    if replayed.gaps:
        counts = (f"{gap.value.replace('_', ' ')} {count(n)}" for gap, n in replayed.gaps)
        yield f"Replayed answers without an outcome: {', '.join(counts)}; their inputs are left out."


def comparison_notes(found: ReleaseComparison) -> Iterator[str]:
    """Yield what a reader must know to trust a comparison."""
    compared = found.comparison
    first, second = compared.first, compared.second
    if not compared.n_common_inputs:
        yield ("Two inputs are the same where these fields are: " + _names(found.inputs) + "; --input names others")
    if found.always_different:
        yield (
            f"{_names(found.always_different)}: no two records share a value, so that by "
            f"{'it' if len(found.always_different) == 1 else 'them'} no two inputs are the same; name the fields that "
            "make an input with --input"
        )
    n_without_input = first.n_without_input + second.n_without_input
    if n_without_input:
        yield f"{plural(n_without_input, 'record')} whose input is not known: not paired"
    if found.n_without_release:
        yield f"{plural(found.n_without_release, 'record')} without a value of {found.field}: left out"
    if found.n_in_both:
        yield (
            f"{plural(found.n_in_both, 'record has', 'records have')} attempts by both releases: counted for the one "
            "whose answer was used"
        )
    if found.unread_segments:
        yield f"not read, as there is no such column: {_names(found.unread_segments)}"
    if found.replayed is not None:
        yield from found.replayed.notes
    if not _overlap(first, second):
        yield (
            "the releases did not run at the same time: whatever else changed between them is part of the difference"
        )


def _overlap(first: ReleaseRecords, second: ReleaseRecords) -> bool:
    """Return whether both releases answered in some stretch of time."""
    if first.first_at is None or first.last_at is None or second.first_at is None or second.last_at is None:
        return False
    return max(first.first_at, second.first_at) <= min(first.last_at, second.last_at)


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_FIELDS
    return joined(names) if more <= 0 else f"{', '.join(names[:_MOST_FIELDS])} and {more} more"


def _releases(compared: Comparison) -> PageTable:
    return PageTable(
        title="All records of each release, whatever their inputs",
        columns=("release", "records", "judged", "right", "pending", "first", "last"),
        rows=tuple(
            (
                one.release,
                count(one.n_records),
                count(one.n_right + one.n_wrong),
                percent(one.share_right),
                count(one.n_pending),
                moment(one.first_at),
                moment(one.last_at),
            )
            for one in (compared.first, compared.second)
        ),
    )


def _segments(compared: Comparison) -> PageTable:
    left_out = len(compared.segments) - _MOST_SEGMENTS
    return PageTable(
        title="By segment, on the same inputs (p adjusted for all segments, Holm)"
        + (f"; {left_out} more left out" if left_out > 0 else ""),
        columns=("segment", "value", "pairs", "worse", "better", "difference", "p", ""),
        rows=tuple(
            (
                one.segment,
                one.value,
                count(one.rates.n_pairs),
                count(one.rates.n_worse),
                count(one.rates.n_better),
                _points(one.rates.difference, one.rates.low, one.rates.high),
                probability(one.rates.p_value),
                _direction(one.rates) if one.rates.differs else "",
            )
            for one in compared.segments[:_MOST_SEGMENTS]
        ),
    )


def _changes(found: ReleaseComparison, pipeline: Pipeline) -> PageTable:
    n_more = len(found.changes) - _MOST_CHANGES
    return PageTable(
        title="What else differs between their records" + (f"; {n_more} more left out" if n_more > 0 else ""),
        columns=("what", "before", "after", "owner"),
        rows=tuple(
            (
                change_text(one),
                NO_DATA if one.before is None else shortened(one.before, _MOST_CHARS),
                NO_DATA if one.after is None else shortened(one.after, _MOST_CHARS),
                owner_text(owner_of(pipeline, one.responsibility)),
            )
            for one in found.changes[:_MOST_CHANGES]
        ),
    )


def _unpaired(found: StratifiedDifference, compared: Comparison) -> PageTable:
    return PageTable(
        title="Weaker: all judged records, like segments compared with like",
        warning=(
            "Nobody drew by lot which release answers which record: other inputs, other hours and all else that "
            "changed may be the difference. It confirms nothing on its own."
        ),
        columns=("", "records", "difference", "p"),
        rows=(
            (
                f"{compared.second.release} against {compared.first.release}",
                f"{count(found.n_second)} and {count(found.n_first)} in {plural(found.n_strata, 'group')}",
                _points(found.difference, found.low, found.high),
                probability(found.p_value),
            ),
        ),
    )


def render_comparison(page: ComparisonPage) -> str:
    """Return the page as Markdown; the same page always gives the same text."""
    lines = [f"# {escape_markdown(page.title)}", "", f"**{escape_markdown(page.headline)}**", ""]
    lines += [f"- {escape_markdown(fact)}" for fact in page.facts]
    for table in page.tables:
        lines += ["", f"## {escape_markdown(table.title)}", ""]
        if table.warning:
            lines += [escape_markdown(table.warning), ""]
        lines += [_row(table.columns), _row(("---",) * len(table.columns), is_rule=True)]
        lines += [_row(row) for row in table.rows]
    if page.notes:
        lines += ["", "## Notes", "", *(f"- {escape_markdown(note)}" for note in page.notes)]
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...], *, is_rule: bool = False) -> str:
    return f"| {' | '.join(cells if is_rule else map(escape_markdown, cells))} |"


def print_comparison(page: ComparisonPage) -> None:
    """Print the page for people."""
    console = Console()
    console.print(shown(page.title, style="bold"))
    console.print(shown(page.headline, style="bold"))
    for fact in page.facts:
        console.print(shown(fact))
    for table in page.tables:
        console.print()
        if table.warning:
            console.print(shown(table.warning))
        print_table(console, table.columns, table.rows, title=table.title)
    for note in page.notes:
        console.print(shown(f"note: {note}"))
