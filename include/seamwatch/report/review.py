"""Answers to judge in words: the text of a form, and what became of a label."""

from __future__ import annotations

from seamwatch.core.review.items import ReviewItem, ShownText
from seamwatch.plurals import plural
from seamwatch.report.text import visible

ROLES = {"question": "Question", "context": "Context", "step": "What the pipeline did", "answer": "Answer"}
REASONS = {
    "uncertain": "evaluators are not sure",
    "evaluators_disagree": "evaluators contradict each other",
    "evaluator_failed": "an evaluator failed it",
    "new_segment": "its segment is new",
}


def reason_text(item: ReviewItem) -> str:
    """Return why an answer was drawn."""
    reasons = [REASONS.get(one, one) for one in item.reasons]
    return f"Drawn more often than others, as {' and '.join(reasons)}." if reasons else "Drawn by chance."


def form_text(item: ReviewItem) -> str:
    """Return the texts of an answer as Markdown, each in a code block, so that nothing in them is taken for markup."""
    parts = []
    for role, title in ROLES.items():
        for shown in item.shown:
            if shown.role == role:
                parts += [f"**{title}** ({visible(shown.title)})", "", _block(shown), ""]
    return "\n".join([*parts, reason_text(item)])


def _block(shown: ShownText) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in _runs_of_ticks(shown.text)), default=0))
    cut = f"\n… and {plural(shown.n_cut, 'more character')}" if shown.n_cut else ""
    return f"{fence}\n{shown.text}{cut}\n{fence}"


def _runs_of_ticks(text: str) -> list[str]:
    runs, run = [], ""
    for char in [*text, ""]:
        if char == "`":
            run += char
        elif run:
            runs.append(run)
            run = ""
    return runs
