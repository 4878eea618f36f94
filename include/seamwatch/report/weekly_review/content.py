"""A weekly review in the order in which a meeting goes through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seamwatch.core.weekly_review.changes import changes_since
from seamwatch.core.weekly_review.facts import PipelineWeek, WeeklyReview
from seamwatch.report import numbers
from seamwatch.report.blocks import Run, plain, strong
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.text import joined
from seamwatch.report.weekly_review import change_texts, sentences, tables
from seamwatch.report.weekly_review.sections import Line, Picture, Section, Table, WeeklyText
from seamwatch.report.weekly_review.sentences import clip, name
from seamwatch.vocabulary import IncidentSeverity, Responsibility

_MOST_ITEMS = 12
"""Of a list; of the rest it says how many there are."""
_NO_CHANGE = "Nothing changed much since last week, as far as both weeks are known."


def weekly_text(review: WeeklyReview, links: WeeklyLinks) -> WeeklyText:
    """Return a review in words; the same review always gives the same."""
    everything = review.everything
    return WeeklyText(
        week=review.week.name,
        title=sentences.week_title(review.week),
        status=sentences.status(review),
        summary=sentences.summary(everything.incidents),
        sections=tuple(_sections(review, links)),
        notes=tuple(_notes(review)),
    )


def _sections(review: WeeklyReview, links: WeeklyLinks) -> Iterator[Section]:
    pipelines = review.pipelines
    yield _changes(review, links)
    yield _fix_first(review, links)
    yield _suspicion(review)
    yield _section(
        "objectives",
        "Objectives and error budgets",
        tables.objectives_table(pipelines, links),
        beside=tables.pipelines_table(pipelines),
        nothing="No pipeline has an objective.",
        pictures=(Picture.BUDGETS,),
    )
    yield _section(
        "quality",
        "Quality",
        tables.quality_table(pipelines),
        nothing="No pipeline has outcomes, so nobody knows how many answers were right.",
    )
    yield _section(
        "cost",
        "Cost",
        tables.cost_table(review.everything, pipelines),
        beside=tables.dearest_table(() if review.everything.cost is None else review.everything.cost.dearest),
        nothing="No pipeline's cost is watched.",
        pictures=(Picture.COST,),
    )
    yield _incidents(review)
    yield _repeats(review, links)
    yield _times(review, links)
    yield _runbooks(review.everything, links)
    yield _releases(review.everything)
    yield _section(
        "knowledge", "Knowledge bases", tables.knowledge_table(pipelines), nothing="No pipeline has a knowledge base."
    )
    yield _drift(pipelines, links)
    yield _section(
        "labels",
        "Labels and judges",
        tables.labels_table(pipelines, links),
        nothing="People judge answers of no pipeline.",
    )
    yield _section(
        "agreed",
        "Agreed actions",
        tables.agreed_table(review.agreed, links),
        nothing="No action was open, agreed or done in this week.",
    )
    yield _grades(review)
    yield _section(
        "teams", "By team", tables.teams_table(pipelines, links), nothing="There is no pipeline that you may see."
    )
    if review.corrections:
        yield _corrections(review)


def _section(
    key: str,
    title: str,
    table: Table | None,
    *,
    nothing: str,
    beside: Table | None = None,
    pictures: tuple[Picture, ...] = (),
) -> Section:
    """Return a section of a table; without one, what that means."""
    lead = () if table is not None else (plain(nothing),)
    tables_shown = () if table is None else (table,)
    return Section(key=key, title=title, lead=lead, tables=tables_shown, beside=beside, pictures=pictures)


def _changes(review: WeeklyReview, links: WeeklyLinks) -> Section:
    items = tuple(change_texts.change(one, links) for one in changes_since(review))
    lead = () if items else (plain(_NO_CHANGE),)
    return Section(key="changes", title="What changed since last week", lead=lead, items=_listed(items))


def _fix_first(review: WeeklyReview, links: WeeklyLinks) -> Section:
    items = tuple(sentences.fix_first(one, links) for one in review.fix_first)
    lead = () if items else (plain("No error budget lost anything that is known to this week."),)
    return Section(key="fix-first", title="Fix first", lead=lead, items=items, is_ordered=True)


def _suspicion(review: WeeklyReview) -> Section:
    one = review.everything.incidents
    notes: tuple[str, ...] = ()
    if one.not_ai_before:
        notes = (f"The weeks before: {sentences.weeks_before(one.not_ai_before, numbers.count)} were not the AI's.",)
    return Section(
        key="suspicion",
        title="Looked like an AI failure",
        lead=(strong(sentences.suspicion(one)),),
        notes=notes,
    )


def _incidents(review: WeeklyReview) -> Section:
    one = review.everything.incidents
    by_whom = joined([f"{numbers.count(n)} {sentences.cause(who)}" for who, n in _by_count(one.by_responsibility)])
    text = sentences.summary(one)
    if by_whom:
        text += f" By responsibility: {by_whom}. By severity: {_by_severity(one.by_severity)}."
    before = f"Opened in the weeks before: {sentences.weeks_before(one.opened_before, numbers.count)}."
    return Section(
        key="incidents",
        title="Incidents",
        lead=(plain(text),),
        pictures=(Picture.RESPONSIBILITIES,),
        notes=(before,) if one.opened_before else (),
    )


def _times(review: WeeklyReview, links: WeeklyLinks) -> Section:
    table = tables.times_table(review.everything.times)
    slowest = tuple(sentences.slow(one, links) for one in review.slowest)
    nothing = "No incident came through any step in this week."
    return Section(
        key="times",
        title="From fault to fix",
        lead=() if table is not None or slowest else (plain(nothing),),
        beside=table,
        pictures=(Picture.TIMES,),
        lists=(("The slowest, and why", slowest),) if slowest else (),
    )


def _repeats(review: WeeklyReview, links: WeeklyLinks) -> Section:
    items = tuple(sentences.repeat(one, links) for one in review.repeats)
    lead = () if items else (plain("No place had the same kind of fault more than once in these weeks."),)
    return Section(key="repeats", title="Recurring causes", lead=lead, items=_listed(items))


def _by_count(counts: Mapping[Responsibility, int]) -> list[tuple[Responsibility, int]]:
    return sorted(((key, n) for key, n in counts.items() if n), key=lambda pair: (-pair[1], pair[0]))


def _by_severity(counts: Mapping[str, int]) -> str:
    order = [severity.value for severity in IncidentSeverity]
    found = sorted(counts.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))
    return joined([f"{numbers.count(n)} {key.upper() if key in order else key}" for key, n in found if n])


def _runbooks(everything: PipelineWeek, links: WeeklyLinks) -> Section:
    one = everything.runbooks
    if one is None:
        return Section(key="runbooks", title="Runbooks", lead=(plain("What runbooks did is not known."),))
    if not (one.n_runs or one.n_actions or one.failed or one.waited or one.overridden):
        return Section(key="runbooks", title="Runbooks", lead=(plain("No runbook ran."),))
    text = (
        f"{numbers.plural(one.n_runs, 'runbook')} ran with {numbers.plural(one.n_steps, 'step')}; "
        f"{numbers.plural(one.n_actions, 'action')} proposed, of which {numbers.count(one.n_helped)} helped."
    )
    found = (("Failed", one.failed), ("Waited for an answer", one.waited), ("Overridden by people", one.overridden))
    lists = tuple(
        (title, _listed(tuple(sentences.step(each, links) for each in steps))) for title, steps in found if steps
    )
    return Section(key="runbooks", title="Runbooks", lead=(plain(text),), lists=lists)


def _releases(everything: PipelineWeek) -> Section:
    one = everything.gate
    if one is None:
        return Section(key="releases", title="Releases", lead=(plain("What the gate said of releases is not known."),))
    text = "Nobody asked the gate for a release."
    if one.n_asked:
        text = f"The gate was asked {numbers.plural(one.n_asked, 'time')} and held {numbers.count(one.n_held)}."
    found = (
        ("Held", tuple(map(sentences.held, one.held))),
        ("Overrides", tuple(map(sentences.override, one.overrides))),
    )
    lists = tuple((title, _listed(items)) for title, items in found if items)
    return Section(key="releases", title="Releases", lead=(plain(text),), lists=lists)


def _drift(pipelines: Sequence[PipelineWeek], links: WeeklyLinks) -> Section:
    items: tuple[Line, ...] = tuple(
        (
            strong(f"{name(one.pipeline)}: "),
            Run(text=clip(each.headline) or each.incident, url=links.incident(each.incident)),
            plain(f" ({numbers.plural(each.n_records, 'record')})"),
        )
        for one in pipelines
        for each in one.drift
    )
    lead = () if items else (plain("No drift was found."),)
    return Section(key="drift", title="Drift", lead=lead, items=_listed(items))


def _grades(review: WeeklyReview) -> Section:
    table = tables.grades_table(review.grades)
    return Section(
        key="grades",
        title="How often our own verdicts are right",
        lead=(plain(sentences.grade_line(review.grades)),),
        tables=() if table is None else (table,),
    )


def _corrections(review: WeeklyReview) -> Section:
    return Section(
        key="corrections",
        title="Corrections",
        lead=(plain("The page shows the week as it was when it was closed. These figures have changed since:"),),
        items=_listed(tuple(map(sentences.correction, review.corrections))),
    )


def _notes(review: WeeklyReview) -> Iterator[str]:
    if review.kept_since is not None:
        since = review.kept_since.isoformat()
        yield f"The store keeps nothing from before {since}; what it no longer has is not known."
    unowned = [name(one.pipeline) for one in review.pipelines if one.owner is None and one.is_defined]
    if unowned:
        rest = f" and {numbers.count(len(unowned) - 5)} more" if len(unowned) > 5 else ""
        yield f"Nobody is named as reliability owner of {', '.join(unowned[:5])}{rest}: name them under owners."
    yield from (clip(note) for note in review.notes)
    for one in review.pipelines:
        yield from (f"{name(one.pipeline)}: {clip(note)}" for note in one.notes)


def _listed(items: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return a list of at most so many lines; the last says how many more there are."""
    if len(items) <= _MOST_ITEMS:
        return items
    rest = len(items) - _MOST_ITEMS + 1
    return (*items[: _MOST_ITEMS - 1], (plain(f"and {numbers.count(rest)} more"),))
