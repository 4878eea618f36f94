"""The sentences of a weekly review. Nothing known is said as such, and never as a zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import TypeVar

from seamwatch.core.agreed_actions import AgreedState, Recurrence
from seamwatch.core.grades import Grade
from seamwatch.core.weekly_review.facts import (
    AgreedWeek,
    Before,
    CostPart,
    FigureCorrection,
    FixFirst,
    HeldRelease,
    IncidentLine,
    IncidentsWeek,
    OverrideTold,
    Phase,
    RepeatOffender,
    SlowIncident,
    StepTold,
    WeeklyReview,
)
from seamwatch.core.weekly_review.week import HISTORY, ReviewWeek
from seamwatch.report import numbers
from seamwatch.report.blocks import Run, plain, strong
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.mentions import mention_text
from seamwatch.report.text import joined, printable
from seamwatch.report.weekly_review.sections import Line
from seamwatch.secret_redaction import SECRETS
from seamwatch.vocabulary import IncidentState, Responsibility

T = TypeVar("T")

NOT_KNOWN = "not known"
_TEXT_CHARS = 160
"""Of a text that people or systems wrote; its page has it all."""
_NAME_CHARS = 60
_CAUSES: Mapping[Responsibility, str] = {
    Responsibility.MODEL: "the model",
    Responsibility.INTEGRATION: "integration",
    Responsibility.KNOWLEDGE_BASE: "the knowledge base",
    Responsibility.SOURCE_DATA: "source data",
    Responsibility.PROVIDER: "the model's provider",
    Responsibility.ADVERSARIAL_INPUT: "adversarial input",
    Responsibility.UNDETERMINED: "a cause that is not known yet",
}
PHASES: Mapping[Phase, str] = {
    Phase.DETECT: "Detect",
    Phase.ATTRIBUTE: "Attribute",
    Phase.ACKNOWLEDGE: "Acknowledge",
    Phase.MITIGATE: "Mitigate",
    Phase.RESOLVE: "Resolve",
}
_OVER: Mapping[Phase, str] = {
    Phase.DETECT: "It went unnoticed for {}",
    Phase.ATTRIBUTE: "It took {} until somebody was named",
    Phase.ACKNOWLEDGE: "Nobody acknowledged it for {}",
    Phase.MITIGATE: "A fix took {}",
    Phase.RESOLVE: "Resolving it took {} more",
}
"""The step that took longest, where it was taken."""
_PENDING: Mapping[Phase, str] = {
    Phase.DETECT: "When it began is not known",
    Phase.ATTRIBUTE: "Nobody was named for {} so far",
    Phase.ACKNOWLEDGE: "Nobody has acknowledged it for {}",
    Phase.MITIGATE: "It has waited {} for a fix",
    Phase.RESOLVE: "It has not ended for {} more",
}
_FIGURES: Mapping[str, str] = {
    "n_opened": "incidents opened",
    "n_reopened": "incidents reopened",
    "n_resolved": "incidents resolved",
    "n_open_at_end": "incidents open at the end",
    "n_void": "incidents called nobody's fault",
    "n_looked_like_ai": "incidents that looked like an AI failure",
    "n_not_ai": "of those, not the AI's",
    "n_ai": "of those, the model's own",
    "sli": "share of good events",
    "left": "budget left",
    "spent": "budget spent",
    "bad": "bad events",
    "usd": "cost",
    "accuracy": "right answers",
    "n_judged": "answers judged",
    "n_wrong": "wrong answers",
    "share_fresh": "answers on fresh documents",
    "n_given": "labels",
    "n_held": "releases held",
    "n_records": "records",
    "n": "incidents",
    "n_unknown": "incidents of which the time is not known",
    "median_s": "median time",
    "worst_s": "longest time",
    "events": "events",
    "judged": "judged events",
    "allowed": "the whole budget",
    "low": "lower end of the interval",
    "high": "upper end of the interval",
}
_RATIOS = ("sli", "left", "spent", "accuracy", "low", "high", "share", "share_fresh", "precision", "alpha")
_PARTS: Mapping[str, str] = {
    "everything": "all pipelines",
    "by_responsibility": "incidents",
    "by_severity": "incidents",
    "not_ai": "incidents that looked like an AI failure and were not",
    "faults": "wrong documents",
}
"""Of a figure's path, where they are no names."""
_EMPTY_PARTS = ("incidents", "objectives", "cost", "quality", "labels", "knowledge", "gate", "runbooks", "times")
"""Of a figure's path: what the figure's own words say already."""


def clip(text: str, most_chars: int = _TEXT_CHARS) -> str:
    """Return a text of others as one line of at most so many characters."""
    # Before it is cut: half a secret is one still.
    line = " ".join(printable(SECRETS.redact_record(text[: 4 * most_chars])).split())
    return line if len(line) <= most_chars and len(text) <= 4 * most_chars else f"{line[: most_chars - 1]}…"


def name(text: str) -> str:
    """Return a name of others, as of a pipeline or an objective, short enough for a table."""
    return clip(text, _NAME_CHARS)


def words(identifier: str) -> str:
    """Return an identifier as words."""
    return name(identifier.replace("_", " "))


def known(value: T | None, form: Callable[[T], str]) -> str:
    """Return a value in its form, or that it is not known."""
    return NOT_KNOWN if value is None else form(value)


def seconds(value: float) -> str:
    """Return how long something took, in its two largest units."""
    return numbers.duration(timedelta(seconds=value)) if value >= 1 else "less than 1 s"


def short_seconds(value: float) -> str:
    """Return how long something took, in its largest unit."""
    units = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
    size, unit = next(((size, unit) for size, unit in units if value >= size), (1.0, "s"))
    return f"{round(value / size, 1 if value < 10 * size and unit != 's' else None):g} {unit}"


def padded(before: Before) -> Before:
    """Return the figures of all weeks before, oldest first; those that are missing are not known."""
    return (*(None,) * (HISTORY - len(before)), *before[-HISTORY:])


def weeks_before(before: Before, form: Callable[[float], str]) -> str:
    """Return the figures of the weeks before in words, oldest first."""
    values = padded(before)
    if all(value is None for value in values):
        return NOT_KNOWN
    return ", ".join(known(value, form) for value in values)


def day(on: date) -> str:
    """Return a day as `18 Nov`."""
    return f"{on.day} {on:%b}"


def week_title(week: ReviewWeek) -> str:
    """Return a week as `Week 47, 16 to 22 November 2026`."""
    first = week.first_day
    last = first + timedelta(days=6)
    start = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
    if first.year != last.year:
        start += f" {first.year}"
    return f"Week {week.number}, {start} to {last.day} {last:%B %Y}"


def status(review: WeeklyReview) -> str:
    """Return whether the week is as it was told, and as of when."""
    made = numbers.moment(review.made_at)
    if not review.is_closed:
        return f"Not closed yet: as of {made}, sent to nobody"
    n = len(review.corrections)
    later = f"; {numbers.plural(n, 'figure')} {'has' if n == 1 else 'have'} changed since, see Corrections" if n else ""
    return f"Closed: as it was reported {made}{later}"


def summary(one: IncidentsWeek) -> str:
    """Return what happened to incidents in one sentence."""
    said = [
        (one.n_opened, "opened"),
        (one.n_reopened, "came back"),
        (one.n_resolved, "resolved"),
        (one.n_open_at_end, "open at its end"),
        (one.n_void, "called nobody's fault"),
    ]
    counted = [f"{numbers.count(n)} {text}" for n, text in said if n]
    return f"Incidents: {joined(counted)}." if counted else "No incident opened, and none is open."


def suspicion(one: IncidentsWeek) -> str:
    """Return how many incidents first looked like an AI failure and were not, with whose they were."""
    n, n_not = one.n_looked_like_ai, one.n_not_ai
    if not n:
        is_quiet = not one.n_opened + one.n_reopened
        return "No incident looked like an AI failure" + (
            "." if is_quiet else ": answers of the AI were wrong in none."
        )
    if not n_not:
        text = f"{numbers.plural(n, 'incident')} looked like an AI failure; none turned out to be anything else."
    else:
        looked = "that first looked like an AI failure"
        if n == 1:
            text = f"The one incident {looked} was not"
        elif n_not == n:
            text = f"None of the {numbers.count(n)} incidents {looked} was one"
        else:
            text = f"{numbers.count(n_not)} of the {numbers.count(n)} incidents {looked}"
            text += " was not" if n_not == 1 else " were not"
        text += f": {_causes(one.not_ai)}." if any(one.not_ai.values()) else "."
    if one.n_ai:
        text += f" The model itself was the cause of {numbers.count(one.n_ai)}."
    if one.n_ai_unknown:
        text += f" The cause of {numbers.count(one.n_ai_unknown)} is not known yet."
    return text


def _causes(counts: Mapping[Responsibility, int]) -> str:
    """Return who caused how many, as `integration caused 2 and source data 1`."""
    (who, n), *others = _largest(counts)
    return joined(
        [f"{_CAUSES[who]} caused {numbers.count(n)}", *(f"{_CAUSES[w]} {numbers.count(k)}" for w, k in others)]
    )


def _largest(counts: Mapping[Responsibility, int]) -> list[tuple[Responsibility, int]]:
    return sorted(((who, n) for who, n in counts.items() if n), key=lambda pair: (-pair[1], pair[0]))


def headline(incident: IncidentLine, links: WeeklyLinks, *, most_chars: int = _TEXT_CHARS) -> Run:
    """Return an incident by its headline, which leads to its report."""
    text = clip(incident.headline, most_chars).removesuffix(".") or incident.id
    return Run(text=text, url=links.incident(incident.id))


def fix_first(one: FixFirst, links: WeeklyLinks, *, most_chars: int = _TEXT_CHARS, with_mention: bool = True) -> Line:
    """Return one of the things to fix first: what it took of which budget, what it is, who acts."""
    amount = numbers.money(one.amount) if one.is_money else _bad_events(one.amount)
    nothing = "spending that belongs to no incident" if one.is_money else "bad events that belong to no incident"
    what = headline(one.incident, links, most_chars=most_chars) if one.incident is not None else plain(nothing)
    return (
        strong(f"{numbers.percent(one.spent)} of the budget of {name(one.objective)}"),
        plain(f" ({name(one.pipeline)}, {amount}): "),
        what,
        plain(f"{_stop(what)} {who_acts(one.owner_role, one.owner, with_mention=with_mention)}"),
    )


def _stop(run: Run) -> str:
    """Return what ends the sentence that a text stands in."""
    return "" if run.text.endswith(("…", "!", "?")) else "."


def _bad_events(n: float) -> str:
    return f"{numbers.count(n)} bad event{'' if n == 1 else 's'}"


def who_acts(role: str | None, owner: str | None, *, with_mention: bool = True) -> str:
    """Return whose it is in words, with what calls them."""
    if role is None:
        return "Nobody is named for it." if owner is None else f"{name(mention_text(owner))} acts."
    who = f"{words(role)} owner"
    if owner is None:
        return f"Nobody is named as {who}."
    return f"{who[0].upper()}{who[1:]} acts{f': {name(mention_text(owner))}' if with_mention else '.'}"


def slow(one: SlowIncident, links: WeeklyLinks) -> Line:
    """Return why an incident took long."""
    took = seconds(one.took_s)
    state = f"Took {took}" if one.is_over else f"Open for {took}"
    what = headline(one.incident, links)
    return strong(f"{state}: "), what, plain(f"{_stop(what)} {_longest(one)}")


def _longest(one: SlowIncident) -> str:
    if one.longest is None:
        text = "How long its steps took is not known"
    else:
        texts = _PENDING if one.steps.get(one.longest) is None else _OVER
        text = texts[one.longest].format(seconds(one.longest_s))
    more = [_times("escalated", one.n_escalated), _times("came back", one.n_reopened)]
    return f"{', '.join([text, *filter(None, more)])}."


def _times(what: str, n: int) -> str:
    return "" if not n else f"{what} {'once' if n == 1 else 'twice' if n == 2 else f'{numbers.count(n)} times'}"


def repeat(one: RepeatOffender, links: WeeklyLinks) -> Line:
    """Return a place where the same kind of fault came more than once."""
    what = f"{words(one.kind)} ({cause(one.responsibility)})" if one.kind else f"fault of {cause(one.responsibility)}"
    where = f" at {name(one.stage)}" if one.stage else ""
    runs = [
        strong(f"{name(one.pipeline)}: "),
        plain(f"{what}{where} came {numbers.count(one.n_times)} times in "),
        plain(f"{HISTORY + 1} weeks, {numbers.count(one.n_this_week)} of them in this one: "),
    ]
    shown = one.incidents[:3]
    for n, incident in enumerate(shown):
        runs += [plain(", ")] * bool(n) + [Run(text=incident, url=links.incident(incident))]
    rest = len(one.incidents) - len(shown)
    return *runs, plain(f" and {numbers.count(rest)} more." if rest else ".")


def cause(which: Responsibility) -> str:
    """Return a responsibility in a word or two."""
    return which.value.replace("_", " ")


def step(one: StepTold, links: WeeklyLinks) -> Line:
    """Return a step or action of a runbook that deserves a look."""
    runbook = f" of {words(one.runbook.value)}" if one.runbook is not None else ""
    by = f" by {name(one.by)}" if one.by else ""
    text = f": {clip(one.text)}" if one.text else ""
    return (
        strong(f"{name(one.pipeline)}: "),
        plain(f"{words(one.name)}{runbook}, {numbers.moment(one.at)}{by}{text} "),
        Run(text=f"({name(one.incident)})", url=links.incident(one.incident)),
    )


def held(one: HeldRelease) -> Line:
    """Return a release that the gate held."""
    release = f"held {name(one.release)}" if one.release else "held a release"
    return strong(f"{name(one.pipeline)}: "), plain(f"{release} at {numbers.moment(one.at)}: {clip(one.reason)}")


def override(one: OverrideTold) -> Line:
    """Return who let releases through, until when and why."""
    what = f"the budget of {name(one.objective)}" if one.objective else "all budgets"
    span = f"from {numbers.moment(one.at)} to {numbers.moment(one.until)}"
    return (
        strong(f"{name(one.pipeline)}: "),
        plain(f"{name(one.by)} set {what} aside {span}: {clip(one.reason)}"),
    )


def agreed_state(one: AgreedWeek) -> str:
    """Return whether an agreed action was done, and whether that helped."""
    action = one.action
    when = "" if action.ended_at is None else f" {day(action.ended_at.date())}"
    by = f" by {name(action.ended_by)}" if action.ended_by else ""
    if action.state is AgreedState.DROPPED:
        return f"dropped{when}{by}"
    if action.state is AgreedState.OPEN:
        return "overdue" if one.is_overdue else "open"
    returned = {
        None: "",
        Recurrence.CAME_BACK: "; the cause came back since",
        Recurrence.STAYED_AWAY: "; the cause stayed away since",
        Recurrence.UNKNOWN: "; whether the cause stayed away is not known: nothing was judged since",
    }[one.recurrence]
    return f"done{when}{by}{returned}"


def agreed(one: AgreedWeek) -> Line:
    """Return an agreed action in one line."""
    action = one.action
    return (
        strong(f"{clip(action.text, 100)} "),
        plain(f"{name(action.owner)}, due {day(action.due_on)}, {agreed_state(one)}"),
    )


def part(one: CostPart) -> str:
    """Return one of the dearest things by its name."""
    return f"{words(one.kind)} {name(one.name)}"


def graded(one: Grade) -> str:
    """Return whose verdicts a grade is of."""
    return "all verdicts" if one.responsibility is None else cause(one.responsibility)


def precision(one: Grade) -> str:
    """Return the share of right verdicts, or why nobody knows it."""
    return numbers.percent(one.precision) if one.precision is not None else NOT_KNOWN + " yet"


def n_judged(one: Grade) -> int:
    """Return of how many verdicts people or fixes said whether they were right."""
    return one.n_called_wrong + one.n_called_right + one.n_confirmed + one.n_refuted


def grade_line(grades: Sequence[Grade]) -> str:
    """Return our grade in one line."""
    one = next((grade for grade in grades if grade.responsibility is None), None)
    if one is None or one.precision is None:
        told = f" of {numbers.plural(one.n_verdicts, 'verdict')}" if one is not None and one.n_verdicts else ""
        return f"Our own verdicts: how many are right is not known yet: nobody judged any{told}."
    text = f"Our own verdicts: {numbers.percent(one.precision)} are right"
    text += f" (95% interval {numbers.interval(one.low, one.high)}; {numbers.count(one.n_verdicts)} given in a year)."
    low = [graded(each) for each in grades if each.is_overconfident and each.responsibility is not None]
    if one.is_overconfident or low:
        text += f" We were too sure of {joined(low) if low else 'them'}; the confidence that is shown is lowered."
    return text


def correction(one: FigureCorrection) -> Line:
    """Return a figure as it was told, and as it is known now."""
    parts = one.figure[:400].split("/")
    figure = _FIGURES.get(parts[-1], words(parts[-1]))
    where = [_PARTS.get(each) or name(each) for each in parts[:-1] if each not in _EMPTY_PARTS]
    told, now = (known(value, lambda found: _figure(parts[-1], found)) for value in (one.told, one.now))
    return (
        strong(f"{', '.join([*where, figure])}: " if where else f"{figure}: "),
        plain(f"reported {told}, by what is known now {now}"),
    )


def _figure(key: str, value: float) -> str:
    if key in _RATIOS:
        return numbers.percent(value)
    if key.endswith("usd"):
        return numbers.money(value)
    return seconds(value) if key.endswith("_s") else numbers.count(value)


def incident_line(one: IncidentLine, links: WeeklyLinks, *, most_chars: int = 110) -> Line:
    """Return an incident with its severity and what became of it."""
    severity = "not rated" if one.severity is None else one.severity.value.upper()
    lasted = (
        f"{one.state.value} after {seconds(max(0.0, (one.resolved_at - one.opened_at).total_seconds()))}"
        if one.resolved_at is not None and not one.state.is_open
        else f"{one.state.value} since {numbers.moment(one.opened_at)}"
    )
    if one.state is IncidentState.OPEN:
        lasted += ", nobody took it on"
    return strong(f"{severity} "), headline(one, links, most_chars=most_chars), plain(f", {lasted}")
