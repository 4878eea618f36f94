"""The page of a weekly review: HTML that needs nothing else, with pictures, to be read or printed on paper."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from seamwatch.core.weekly_review.facts import WeeklyReview
from seamwatch.report.html import environment
from seamwatch.report.links import WeeklyLinks
from seamwatch.report.weekly_review import charts
from seamwatch.report.weekly_review.content import weekly_text
from seamwatch.report.weekly_review.sections import Picture
from seamwatch.report.weekly_review.sentences import name


def weekly_page(
    review: WeeklyReview, *, base: str, forms: Markup | None = None, weeks: tuple[str | None, str | None] = (None, None)
) -> str:
    """Return the page; the same review always gives the same text.

    Args:
        review: What is told of the week.
        base: Path of the pages, without a slash at its end.
        forms: What its reader may do about agreed actions, as HTML of ours; None: a page to read.
        weeks: Names of the week before and of the next one, where there is something to see of them.
    """
    links = WeeklyLinks(base=base)
    before, after = weeks
    return (
        _template_environment()
        .get_template("weekly.html.j2")
        .render(
            text=weekly_text(review, links),
            pictures=_pictures(review),
            is_closed=review.is_closed,
            time_zone=name(review.week.time_zone),
            base=base,
            forms=forms,
            before=None if before is None else (before, links.week(before)),
            after=None if after is None else (after, links.week(after)),
            graph={"width": 0},
        )
    )


def _pictures(review: WeeklyReview) -> dict[Picture, charts.WeekChart | charts.RowChart]:
    """Return the charts of which something is known."""
    everything = review.everything
    found = {
        Picture.BUDGETS: charts.budgets_chart(review),
        Picture.COST: charts.cost_chart(review),
        Picture.TIMES: charts.times_chart(everything.times),
        Picture.RESPONSIBILITIES: charts.responsibilities_chart(everything.incidents),
    }
    return {picture: chart for picture, chart in found.items() if chart is not None}


@cache
def _template_environment() -> Environment:
    found = environment().overlay()
    found.globals = {**found.globals, "spark": charts.spark}
    return found
