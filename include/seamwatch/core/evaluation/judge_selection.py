"""Which answers a judge is asked about, what it is shown of each, and which it cannot be asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from seamwatch.core.evaluation.judge_instructions import holds_instructions
from seamwatch.core.evaluation.judge_request import LONGEST_PART, cut_parts
from seamwatch.core.evaluation.judge_verdicts import Judgement, NoVerdict, no_verdict, too_long
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import canonical_json, is_null, strict_text

PARTS = ("answer", "question", "context", "reference", "against")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a judge is shown of one answer."""

    parts: Mapping[str, str]
    cut: tuple[str, ...]
    """Names of the parts that are not whole."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The answers of a window, sorted out before anything is asked."""

    ready: dict[Hashable, Shown] = field(default_factory=dict)
    """By record, in the order in which the judge is asked."""
    settled: dict[Hashable, Judgement] = field(default_factory=dict)
    """Those without a verdict whatever the judge would say."""


def select_answers(texts: pd.DataFrame, *, seed: str, most: int) -> Selection:
    """Return which answers a judge is asked about.

    Of more than `most` those are drawn whose key has the smallest hash: a uniform sample, the same one whenever it is
    drawn. Its order is that of the hash, so that any beginning of it is a uniform sample as well.

    Args:
        texts: By record, the columns `answer` and those of `PARTS` that the judge is shown, as they were recorded.
        seed: Tells draws of different judges apart.
        most: Answers to draw.
    """
    found = Selection()
    columns = [name for name in PARTS if name in texts.columns]
    complete: dict[Hashable, dict[str, str]] = {}
    for key, *row in texts[columns].itertuples():
        known = {
            name: text for name, value in zip(columns, row, strict=True) if (text := shown_text(value)) is not None
        }
        if len(known) < len(columns):
            absent = ", ".join(name for name in columns if name not in known)
            found.settled[key] = no_verdict(NoVerdict.NOT_RECORDED, f"no {absent} is recorded that can be read")
        else:
            complete[key] = known
    drawn = sorted(complete, key=lambda key: _place(seed, key))
    for key in drawn[most:]:
        found.settled[key] = no_verdict(
            NoVerdict.NOT_DRAWN, f"not among the answers drawn for the judge, {most:,} of {len(complete):,}"
        )
    for key in drawn[:most]:
        parts, cut = cut_parts(complete[key])
        # Context that is not seen cannot unmake that the rest supports an answer; any other part may decide.
        if set(cut) - {"context"} or (cut and "against" in parts):
            found.settled[key] = too_long(cut)
        else:
            found.ready[key] = Shown(parts=parts, cut=cut)
    _take_out_instructions(found)
    return found


def shown_text(value: Any) -> str | None:
    """Return a recorded value as the judge is shown it, JSON with its keys; None where there is none to be read."""
    if isinstance(value, Unknown) or is_null(value):
        return None
    return canonical_json(value) if isinstance(value, Mapping | list | tuple) else strict_text(value)


def _place(seed: str, key: Hashable) -> bytes:
    return hashlib.sha256(f"{seed}\x1f{key}".encode("utf-8", "surrogatepass")).digest()


def _take_out_instructions(found: Selection) -> None:
    """Settle the answers with a text that a judge could obey: one that did cannot be told from one that did not."""
    distinct = list(dict.fromkeys(text for shown in found.ready.values() for text in shown.parts.values()))
    flags = holds_instructions(distinct, longest=LONGEST_PART)
    speaking = {text for text, is_speaking in zip(distinct, flags, strict=True) if is_speaking}
    for key, shown in list(found.ready.items()):
        names = ", ".join(name for name, text in shown.parts.items() if text in speaking)
        if names:
            found.settled[key] = no_verdict(
                NoVerdict.INSTRUCTIONS, f"instructions that a judge could obey stand in: {names}"
            )
            del found.ready[key]
