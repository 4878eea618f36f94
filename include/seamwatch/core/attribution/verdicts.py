"""Verdicts that several rules make in the same way."""

from __future__ import annotations

from typing import Any

from seamwatch.core.attribution import confidence, words
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Basis, Gap, Responsibility


def make_verdict(
    key: Any,
    responsibility: Responsibility,
    stage: str | None,
    *,
    belief: float,
    explanation: str,
    fields: tuple[str, ...] = (),
    basis: Basis = Basis.REPLAY,
    gap: Gap | None = None,
    pattern: str | None = None,
) -> Verdict:
    """Return a verdict; `belief` is cut to what any verdict may have, 0 to 0.99."""
    return Verdict(
        key=str(key),
        responsibility=responsibility,
        stage=stage,
        fields=fields,
        confidence=min(max(belief, 0.0), 0.99),
        explanation=explanation,
        basis=basis,
        gap=gap,
        pattern=pattern,
    )


def undetermined_verdict(key: Any, gap: Gap, explanation: str) -> Verdict:
    """Return the verdict that names nobody, and what is missing."""
    return make_verdict(
        key, Responsibility.UNDETERMINED, None, belief=0.0, explanation=explanation, basis=Basis.NONE, gap=gap
    )


def provider_verdict(key: Any, failure: tuple[str, str, str]) -> Verdict:
    """Return the verdict of a recorded failure of the provider: model stage, pattern, words."""
    stage, pattern, text = failure
    return make_verdict(
        key,
        Responsibility.PROVIDER,
        stage,
        belief=confidence.PROVIDER_RECORDED,
        explanation=words.provider(stage, text),
        basis=Basis.RULE,
        pattern=pattern,
    )
