"""The tables of a weekly review: its figures, beside those of the weeks before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from seamwatch.core.agreed_actions import AgreedState, Recurrence
from seamwatch.core.grades import Grade
from seamwatch.core.weekly_review.attention import LITTLE_LEFT, needs_look
from seamwatch.core.weekly_review.facts import (
    AgreedWeek,
    Before,
    CostPart,
    CostWeek,
    IncidentLine,
    KnowledgeWeek,
    LabelsWeek,
    ObjectiveWeek,
    PipelineWeek,
    QualityWeek,
    TeamWeek,
    TimeTo,
)
from seamwatch.report import numbers
from seamwatch.report.blocks import plain
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.mentions import mention_text
from seamwatch.report.weekly_review import sentences
from seamwatch.report.weekly_review.sections import Cell, Column, Line, Row, Table, Tone, Trend
from seamwatch.report.weekly_review.sentences import NOT_KNOWN, clip, known, name, words
from seamwatch.vocabulary import GateState

_FEW = 5
"""So many pipelines are all shown; of more, those that need a look."""
_NO_DATA = Cell(text=numbers.NO_DATA)
_GATES = {
    GateState.OK: Cell(text="may go on", tone=Tone.GOOD),
    GateState.WARN: Cell(text="warned", tone=Tone.WARN),
    GateState.FROZEN: Cell(text="frozen", tone=Tone.BAD),
    None: Cell(text=NOT_KNOWN),
}
MODEL_ROLE = "model"
_INCIDENTS_A_TEAM = 4


def by_pipeline(
    title: str,
    columns: Sequence[Column],
    pipelines: Sequence[PipelineWeek],
    rows: Callable[[PipelineWeek], Sequence[Row]],
) -> Table | None:
    """Return a table of pipelines, of many with those in sight that need a look; None without any row."""
    is_few = len(pipelines) <= _FEW
    found = [(is_few or needs_look(one), one, tuple(rows(one))) for one in pipelines]
    shown = tuple(row for is_shown, _, some in found for row in some if is_shown)
    rest = [(one, some) for is_shown, one, some in found if some and not is_shown]
    if not shown and not rest:
        return None
    names = [name(one.pipeline) for one, _ in rest]
    return Table(
        title=title,
        columns=tuple(columns),
        rows=shown,
        folded=tuple(row for _, some in rest for row in some),
        folded_summary=_summary(names),
    )


def _summary(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    others = numbers.plural(len(names), "other pipeline")
    return f"{others} in which nothing needs a look: {listed}"


def _columns(*names: str) -> tuple[Column, ...]:
    """Return heads of columns; a `#` at the end marks numbers."""
    return tuple(Column(name=each.rstrip("#"), is_number=each.endswith("#")) for each in names)


def _with_trend(
    cell: Cell, before: Before, value: float | None, form: Callable[[float], str], *, low: float | None = None
) -> Cell:
    """Return the figure of the week with those of the weeks before; `low` is where their picture begins at most."""
    values = (*sentences.padded(before), value)
    found = [each for each in values if each is not None]
    if all(each is None for each in values[:-1]):
        return cell
    least, most = min(found), max(found)
    floor = min(low, least) if low is not None else least - 0.35 * ((most - least) or abs(most) or 1.0)
    text = sentences.weeks_before(before, form)
    return replace(cell, trend=Trend(values=values, low=floor, high=max(most, floor + 1e-9), text=text))


def pipelines_table(pipelines: Sequence[PipelineWeek]) -> Table | None:
    """Return every pipeline in a row: whose it is, its records, its incidents."""

    def rows(one: PipelineWeek) -> Sequence[Row]:
        return (
            (
                _pipeline(one),
                _owner(one),
                _with_trend(_records(one), one.records_before, one.n_records, numbers.count, low=0.0),
                Cell(text=numbers.count(one.incidents.n_opened + one.incidents.n_reopened)),
                Cell(
                    text=numbers.count(one.incidents.n_open_at_end),
                    tone=Tone.BAD if one.incidents.n_open_at_end else Tone.NONE,
                ),
            ),
        )

    columns = _columns("Pipeline", "Reliability owner", "Records#", "Incidents#", "Open#")
    return by_pipeline("Pipelines", columns, pipelines, rows)


def _pipeline(one: PipelineWeek) -> Cell:
    if not one.is_defined:
        problem = clip(one.problem) or "it has no sound pipeline file now"
        return Cell(text=name(one.pipeline), note=f"Removed or renamed: {problem}", tone=Tone.WARN)
    if one.problem:
        return Cell(text=name(one.pipeline), note=clip(one.problem), tone=Tone.WARN)
    return Cell(text=name(one.pipeline), note=clip(one.description, 60))


def _owner(one: PipelineWeek) -> Cell:
    if one.owner is not None:
        return Cell(text=name(mention_text(one.owner)))
    return Cell(text="nobody is named", tone=Tone.WARN) if one.is_defined else Cell(text=NOT_KNOWN)


def _records(one: PipelineWeek) -> Cell:
    if one.n_records is None:
        return Cell(text=NOT_KNOWN)
    if not one.n_records:
        return Cell(text="no records", tone=Tone.WARN)
    return Cell(text=numbers.count(one.n_records))


def objectives_table(pipelines: Sequence[PipelineWeek], links: WeeklyLinks) -> Table | None:
    """Return every objective with its budget."""

    def rows(one: PipelineWeek) -> Sequence[Row]:
        return [_objective(one, each, links) for each in one.objectives]

    columns = _columns("Objective", "Goal#", "Good#", "Budget left#", "Spent this week#", "Releases")
    return by_pipeline("Objectives and their error budgets", columns, pipelines, rows)


def _objective(pipeline: PipelineWeek, one: ObjectiveWeek, links: WeeklyLinks) -> Row:
    is_money = one.goal is None
    form = numbers.money if is_money else numbers.percent
    value = one.bad if is_money else one.sli
    return (
        Cell(text=name(one.objective), note=name(pipeline.pipeline), address=links.objectives(pipeline.pipeline)),
        Cell(text="a sum") if one.goal is None else Cell(text=numbers.percent(one.goal)),
        _with_trend(_good(one), one.before, value, form, low=0.0 if is_money else None),
        _with_trend(_left(one), one.left_before, one.left, numbers.percent, low=0.0),
        Cell(text=known(one.spent, numbers.percent), tone=Tone.BAD if (one.spent or 0.0) >= LITTLE_LEFT else Tone.NONE),
        _GATES[one.gate],
    )


def _good(one: ObjectiveWeek) -> Cell:
    if one.goal is None:
        return Cell(text=f"{numbers.money(one.bad)} spent")
    if one.sli is None:
        return Cell(text="no records" if not one.events else "none judged")
    tone = Tone.BAD if one.sli < one.goal else Tone.GOOD
    return Cell(
        text=numbers.percent(one.sli), note=f"{numbers.count(one.bad)} of {numbers.count(one.judged)} bad", tone=tone
    )


def _left(one: ObjectiveWeek) -> Cell:
    if one.left is None:
        return Cell(text=NOT_KNOWN)
    tone = Tone.BAD if one.left <= 0 else Tone.WARN if one.left < LITTLE_LEFT else Tone.GOOD
    return Cell(text=numbers.left(one.left), tone=tone)


def quality_table(pipelines: Sequence[PipelineWeek]) -> Table | None:
    """Return how many answers were right, with the interval."""

    def rows(one: PipelineWeek) -> Sequence[Row]:
        return () if one.quality is None else ((Cell(text=name(one.pipeline)), *_quality(one.quality)),)

    columns = _columns("Pipeline", "Right answers#", "95% interval#", "Judged#", "By")
    return by_pipeline("Quality", columns, pipelines, rows)


def _quality(one: QualityWeek) -> Row:
    judged = f"{numbers.count(one.n_judged)} of {numbers.count(one.n_answers)}"
    if one.accuracy is None:
        right = Cell(text=NOT_KNOWN, note="no answer was judged" if one.n_answers else "no records")
    else:
        right = Cell(text=numbers.percent(one.accuracy))
    by = "people's labels of a sample" if one.is_sampled else "all answers that were judged"
    return (
        _with_trend(right, one.before, one.accuracy, numbers.percent),
        Cell(text=numbers.interval(one.low, one.high)),
        Cell(text=judged, note=f"{numbers.count(one.n_wrong)} wrong" if one.n_judged else ""),
        Cell(text=by) if one.n_judged else _NO_DATA,
    )


def cost_table(everything: PipelineWeek, pipelines: Sequence[PipelineWeek]) -> Table | None:
    """Return what calls cost, of all pipelines first."""

    def rows(one: PipelineWeek) -> Sequence[Row]:
        return () if one.cost is None else (_cost(name(one.pipeline), one.cost),)

    columns = _columns("Pipeline", "Cost#", "Forecast of the month#", "A record#", "Calls#")
    table = by_pipeline("Cost", columns, pipelines, rows)
    if table is None or everything.cost is None or len(pipelines) < 2:
        return table
    all_of_them = _cost("All pipelines", everything.cost)
    return Table(
        title=table.title,
        columns=table.columns,
        rows=(all_of_them, *table.rows),
        folded=table.folded,
        folded_summary=table.folded_summary,
    )


def _cost(what: str, one: CostWeek) -> Row:
    nothing = Cell(text=NOT_KNOWN, note="no hour was looked at")
    cost = Cell(text=numbers.money(one.usd)) if one.n_hours else nothing
    low, high = one.forecast_low_usd, one.forecast_high_usd
    so_far = f"{one.month:%B}: {known(one.month_usd, numbers.money)} so far"
    is_range = low is not None and high is not None
    unpriced = f"{numbers.count(one.n_unpriced)} without a price" if one.n_unpriced else ""
    return (
        Cell(text=what),
        _with_trend(cost, one.before, one.usd if one.n_hours else None, numbers.money, low=0.0),
        Cell(
            text=known(one.forecast_usd, numbers.money),
            note=f"{numbers.money(low)} to {numbers.money(high)}; {so_far}" if is_range else so_far,
        ),
        Cell(text=numbers.exact_money(one.usd / one.n_records)) if one.n_records and one.n_hours else _NO_DATA,
        Cell(text=numbers.count(one.n_calls), note=unpriced, tone=Tone.WARN if unpriced else Tone.NONE),
    )


def dearest_table(parts: Sequence[CostPart]) -> Table | None:
    """Return what cost most."""
    rows = tuple(
        (
            Cell(text=sentences.part(one)),
            Cell(text=numbers.money(one.usd)),
            Cell(text=numbers.percent(one.share)),
            Cell(text=known(one.usd_before, numbers.money)),
        )
        for one in parts
    )
    columns = _columns("Dearest", "Cost#", "Of all#", "Last week#")
    return Table(title="The dearest things", columns=columns, rows=rows) if rows else None


def times_table(times: Sequence[TimeTo]) -> Table | None:
    """Return how long each step took; None where no incident came through any, now or before."""
    if not any(one.n or one.n_unknown or any(one.before) for one in times):
        return None
    rows = tuple(
        (
            Cell(text=f"To {sentences.PHASES[one.phase].lower()}"),
            _with_trend(
                Cell(text=known(one.median_s, sentences.seconds)),
                one.before,
                one.median_s,
                sentences.short_seconds,
                low=0.0,
            ),
            Cell(text=known(one.worst_s, sentences.seconds)),
            Cell(
                text=numbers.count(one.n),
                note=f"{numbers.count(one.n_unknown)} not known" if one.n_unknown else "",
            ),
        )
        for one in times
    )
    columns = _columns("Time", "Median#", "Slowest#", "Incidents#")
    return Table(title="How long it took", columns=columns, rows=rows) if rows else None


def knowledge_table(pipelines: Sequence[PipelineWeek]) -> Table | None:
    """Return every knowledge base by its last check."""

    def rows(one: PipelineWeek) -> Sequence[Row]:
        return [_knowledge(one, each) for each in one.knowledge]

    columns = _columns("Knowledge base", "Fresh answers#", "Wrong documents", "Last check")
    return by_pipeline("Knowledge bases", columns, pipelines, rows)


def _knowledge(pipeline: PipelineWeek, one: KnowledgeWeek) -> Row:
    faults = ", ".join(f"{numbers.count(n)} {words(fault)}" for fault, n in list(one.faults.items())[:6] if n)
    is_checked = one.checked_at is not None
    return (
        Cell(text=name(one.knowledge_base), note=name(pipeline.pipeline)),
        _with_trend(Cell(text=known(one.share_fresh, numbers.percent)), one.before, one.share_fresh, numbers.percent),
        Cell(
            text=faults or ("none" if is_checked else NOT_KNOWN),
            note=f"of {numbers.count(one.n_documents)}" if one.n_documents is not None else "",
            tone=Tone.WARN if faults else Tone.NONE,
        ),
        Cell(text=numbers.moment(one.checked_at), note=numbers.plural(one.n_checks, "check"))
        if is_checked
        else Cell(text="not checked in the week", tone=Tone.WARN),
    )


def labels_table(pipelines: Sequence[PipelineWeek], links: WeeklyLinks) -> Table | None:
    """Return what people judged, and how far they and evaluators agree."""

    def rows(one: PipelineWeek) -> Sequence[Row]:
        return () if one.labels is None else (_labels(one, one.labels, links),)

    columns = _columns(
        "Pipeline", "Labels#", "People#", "Waiting#", "People agree#", "Evaluators find wrong#", "Pass right#"
    )
    return by_pipeline("Labels and judges", columns, pipelines, rows)


def _labels(pipeline: PipelineWeek, one: LabelsWeek, links: WeeklyLinks) -> Row:
    has_range = one.alpha_low is not None and one.alpha_high is not None
    return (
        Cell(text=name(pipeline.pipeline), address=links.review(pipeline.pipeline)),
        _with_trend(
            Cell(text=numbers.count(one.n_given), note=f"{numbers.count(one.n_drawn)} drawn"),
            one.before,
            one.n_given,
            numbers.count,
            low=0.0,
        ),
        Cell(text=numbers.count(one.n_people)),
        Cell(text=numbers.count(one.n_waiting)),
        Cell(
            text=known(one.alpha, lambda alpha: f"alpha {alpha:.2f}"),
            note=f"{one.alpha_low:.2f} to {one.alpha_high:.2f}" if has_range else "too few judged twice",
        ),
        Cell(text=known(one.judge_sensitivity, numbers.percent), note=numbers.plural(one.n_judge_labels, "label")),
        Cell(text=known(one.judge_specificity, numbers.percent)),
    )


_AGREED_TONES = {Recurrence.CAME_BACK: Tone.BAD, Recurrence.STAYED_AWAY: Tone.GOOD, Recurrence.UNKNOWN: Tone.WARN}


def agreed_table(agreed: Sequence[AgreedWeek], links: WeeklyLinks) -> Table | None:
    """Return what was agreed, with what became of it."""
    rows = tuple(
        (
            Cell(
                text=clip(one.action.text),
                note=f"{name(one.action.pipeline or 'all pipelines')}, agreed in {name(one.action.week)}",
                address=links.incident(one.action.incident) if one.action.incident else "",
            ),
            Cell(text=name(one.action.owner)),
            Cell(text=sentences.day(one.action.due_on)),
            Cell(text=sentences.agreed_state(one), note=clip(one.action.note), tone=_agreed_tone(one)),
        )
        for one in agreed
    )
    return Table(title="Agreed actions", columns=_columns("Action", "Who", "Due", "State"), rows=rows) if rows else None


def _agreed_tone(one: AgreedWeek) -> Tone:
    if one.action.state is AgreedState.OPEN:
        return Tone.BAD if one.is_overdue else Tone.NONE
    return Tone.NONE if one.recurrence is None else _AGREED_TONES[one.recurrence]


def grades_table(grades: Sequence[Grade]) -> Table | None:
    """Return how good our own verdicts are; a grade that nobody knows is a row like any other."""
    columns = _columns(
        "Verdicts", "Given#", "Right#", "95% interval#", "Stated#", "By people", "By fixes", "By the sample"
    )
    rows = tuple(map(_grade, grades))
    return Table(title="Our own verdicts, over a year", columns=columns, rows=rows) if rows else None


def _grade(one: Grade) -> Row:
    is_known = one.precision is not None
    why = "" if is_known else "nobody judged any"
    if one.is_overconfident:
        why = f"too sure: shown times {one.factor:.2g}"
    answered = one.n_sampled - one.n_sample_open
    return (
        Cell(text=sentences.graded(one)),
        Cell(text=numbers.count(one.n_verdicts)),
        Cell(text=sentences.precision(one), note=why, tone=Tone.BAD if one.is_overconfident else Tone.NONE),
        Cell(text=numbers.interval(one.low, one.high)) if is_known else _NO_DATA,
        Cell(text=known(one.stated, numbers.percent)),
        Cell(text=f"{numbers.count(one.n_called_right)} right, {numbers.count(one.n_called_wrong)} wrong"),
        Cell(text=f"{numbers.count(one.n_confirmed)} confirmed, {numbers.count(one.n_refuted)} refuted"),
        Cell(
            text=f"{numbers.count(answered)} of {numbers.count(one.n_sampled)} answered"
            if one.n_sampled
            else "none drawn"
        ),
    )


def teams_table(pipelines: Sequence[PipelineWeek], links: WeeklyLinks) -> Table | None:
    """Return what is the model team's and what the platform team's, apart."""

    def rows(one: PipelineWeek) -> Sequence[Row]:
        model = tuple(_team_lines([team for team in one.teams if team.role == MODEL_ROLE], links, is_model=True))
        platform = tuple(_team_lines([team for team in one.teams if team.role != MODEL_ROLE], links, is_model=False))
        nothing = Cell(text="nothing to do")
        return (
            (
                Cell(text=name(one.pipeline), note=f"reliability: {_owner(one).text}"),
                Cell(lines=model) if model else nothing,
                Cell(lines=platform) if platform else nothing,
            ),
        )

    columns = _columns("Pipeline", "Model team", "Platform team")
    return by_pipeline("By team", columns, pipelines, rows)


def _team_lines(teams: Sequence[TeamWeek], links: WeeklyLinks, *, is_model: bool) -> Iterator[Line]:
    for team in teams:
        whose = (plain(f"{team_name(team, is_model=is_model)}: "),)
        for one in team.open[:_INCIDENTS_A_TEAM]:
            yield (*whose, *sentences.incident_line(one, links))
        closed = _closed(team.closed)
        more = len(team.open) - _INCIDENTS_A_TEAM
        if more > 0:
            yield (*whose, plain(f"{numbers.count(more)} more open"))
        if closed:
            yield (*whose, plain(closed))


def team_name(team: TeamWeek, *, is_model: bool) -> str:
    """Return whose something is, with what calls them."""
    mention = "nobody is named" if team.mention is None else name(mention_text(team.mention))
    return mention if is_model else f"{words(team.role)} ({mention})"


def _closed(lines: Sequence[IncidentLine]) -> str:
    if not lines:
        return ""
    rest = f" and {numbers.count(len(lines) - 1)} more" if len(lines) > 1 else ""
    return f"closed: {clip(lines[0].headline, 90)}{rest}"
