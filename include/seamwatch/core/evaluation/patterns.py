"""Regular expressions that must, or must not, be found in an answer."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from seamwatch.core.evaluation.results import Evaluation, evaluate_each, excerpt, failed, passed, unknown
from seamwatch.core.evaluation.texts import NotRead
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import is_null, strict_text
from seamwatch.spec.evaluation import RegexEvaluator

LONGEST = 200_000
"""Characters of an answer; a pattern may take time that grows with their square."""


def evaluate_patterns(spec: RegexEvaluator, answers: pd.Series[Any]) -> pd.DataFrame:
    """Return whether each answer holds every pattern that it must, and none that it must not.

    Args:
        spec: Patterns that compile.
        answers: As recorded, index key. An object or list is searched as JSON with sorted keys.

    Returns:
        `state`, `score` (share of the patterns that are kept to), `reason` (the first that is not).
    """
    flags = re.IGNORECASE if spec.ignore_case else 0
    must = [re.compile(pattern, flags) for pattern in spec.must]
    must_not = [re.compile(pattern, flags) for pattern in spec.must_not]

    def evaluate(_: Any, answer: Any) -> Evaluation | NotRead:
        text = raw_text(answer)
        if isinstance(text, NotRead):
            return text
        if len(text) > LONGEST:
            return unknown(f"the answer is longer than {LONGEST:,} characters")
        broken = [f"{excerpt(one.pattern)!r} is not found" for one in must if not one.search(text)]
        broken += [f"{excerpt(one.pattern)!r} is found" for one in must_not if one.search(text)]
        share = 1.0 - len(broken) / (len(must) + len(must_not))
        return failed("; ".join(broken[:3]), score=share) if broken else passed()

    return evaluate_each(answers, evaluate)


def raw_text(value: Any) -> str | NotRead:
    """Return an answer as it is written, an object or list as JSON; or why there is none."""
    if isinstance(value, Unknown):
        return NotRead(reason=f"the answer cannot be read ({value.reason})")
    if is_null(value):
        return NotRead(reason="no answer is recorded")
    return strict_text(value) or ""
