"""What changed between two releases, in words."""

from __future__ import annotations

from collections.abc import Sequence

from seamwatch.core.release_changes import ChangedPart, ReleaseChange
from seamwatch.plurals import plural
from seamwatch.report.facts import Owner
from seamwatch.report.numbers import count
from seamwatch.report.text import joined

_MOST_SHORT = 2
_MOST_LINES = 4


def change_text(change: ReleaseChange) -> str:
    """Return what changed, without the values."""
    within = "" if change.n_pairs is None else f" in {count(change.n_changed)} of {plural(change.n_pairs, 'pair')}"
    match change.part:
        case ChangedPart.PROMPT_LINE:
            role = f" ({change.role})" if change.role else ""
            return f"prompt line {change.line}{role} {_verb(change)}"
        case ChangedPart.PROMPT_TEXT:
            return f"the rest of the {f'{change.role} message' if change.role else change.name} differs{within}"
        case ChangedPart.MODEL:
            return f"{change.stage}: model {_verb(change)}"
        case ChangedPart.PARAMETER:
            return f"{change.stage}: {change.name} {_verb(change)}"
        case ChangedPart.DOCUMENTS:
            return f"{change.stage}.{change.name} differ{within}"
        case ChangedPart.FIELD:
            return f"{change.stage}.{change.name} {f'differs{within}' if within else _verb(change)}"


def _verb(change: ReleaseChange) -> str:
    if change.is_added:
        return "added"
    return "taken out" if change.is_removed else "changed"


def changes_in_short(changes: Sequence[ReleaseChange]) -> list[str]:
    """Return the first changes as they stand at the end of a headline, and how many more there are."""
    lines = [one for one in changes if one.part is ChangedPart.PROMPT_LINE]
    texts = [_lines_in_short(lines)] if lines else []
    texts += [change_text(one) for one in changes if one.part is not ChangedPart.PROMPT_LINE]
    more = len(texts) - _MOST_SHORT
    return [*texts[:_MOST_SHORT], f"{more} more changed"] if more > 0 else texts


def _lines_in_short(lines: Sequence[ReleaseChange]) -> str:
    if len(lines) == 1:
        return f"prompt line {lines[0].line} {_verb(lines[0])}"
    numbers = list(dict.fromkeys(str(one.line) for one in lines))
    if len(numbers) > _MOST_LINES:
        return f"{plural(len(lines), 'prompt line')} changed"
    return f"prompt line{'s' if len(numbers) > 1 else ''} {joined(numbers)} changed"


def owner_text(owner: Owner) -> str:
    """Return who owns it, as `integration (@U012AB)`."""
    return f"{owner.role} ({owner.text})" if owner.mention else f"{owner.role} (nobody named)"
