"""The command that shows a week of all pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamwatch.commands.dependencies import open_deps, settings_of
from seamwatch.commands.options import JsonOption, ProjectOption
from seamwatch.commands.output import print_line, say, write_json
from seamwatch.plurals import plural


def review(
    week: Annotated[
        str | None, typer.Option("--week", help="ISO 8601 week, as 2026-W45; default: the last one that is over.")
    ] = None,
    is_closed: Annotated[
        bool,
        typer.Option("--close", help="Close the week: keep it as it is now, and send its digests, as the DAG does."),
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the page with its charts to this file.")] = None,
    project: ProjectOption = None,
    as_json: JsonOption = None,
) -> None:
    """Review a week of all pipelines: budgets, cost, quality, whose the incidents were, what to fix first.

    A closed week is shown as it was told; what came later stands below as corrections.
    """
    from seamwatch.engine.deliver import deliver_pending
    from seamwatch.engine.weekly_review.calendar import last_week, named_week
    from seamwatch.engine.weekly_review.close import close_week
    from seamwatch.engine.weekly_review.review import weekly_review
    from seamwatch.report.links import WeeklyLinks
    from seamwatch.report.weekly_review.machine import weekly_json
    from seamwatch.report.weekly_review.markdown import weekly_markdown
    from seamwatch.report.weekly_review.page import weekly_page

    with open_deps(settings_of(project)) as deps:
        chosen = last_week(deps) if week is None else named_week(deps, week)
        if is_closed:
            done = close_week(deps, chosen)
            deliver_pending(deps)
            how = "is closed" if done.is_new else "was closed before"
            say(f"week {chosen.name} {how}; sent to {plural(done.n_digests, 'channel')}")
        found = weekly_review(deps, chosen)
        links = WeeklyLinks.under(deps.ui_url)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(weekly_page(found, base=links.base), encoding="utf-8")
        say(f"wrote {html}")
    write_json(as_json, weekly_json(found))
    if str(as_json) != "-":
        print_line(weekly_markdown(found, links))
