"""What a check of a knowledge base found, in words."""

from __future__ import annotations

from dataclasses import replace

from seamwatch.core.finding import Finding
from seamwatch.core.freshness_results import FreshnessCheck
from seamwatch.core.results import Signal
from seamwatch.plurals import agree, plural
from seamwatch.report.text import fill, joined
from seamwatch.report.texts import HEADLINES
from seamwatch.vocabulary import FreshnessReason, Severity, UnknownReason


def with_headline(finding: Finding, check: FreshnessCheck) -> Finding:
    """Return what a check said of the answers, with how many rested on documents that are not up to date."""
    headline = fill(
        HEADLINES["outdated_answers"],
        n=finding.n_records,
        n_answers=check.answers.n_with_ids if check.answers is not None else "unknown",
        knowledge_base=check.knowledge_base,
        documents=joined(finding.fields),
    )
    return replace(finding, headline=headline)


def signals(check: FreshnessCheck) -> list[Signal]:
    """Return what a check measured that is not as it should be."""
    found = []
    share = check.answers.share_fresh if check.answers is not None else None
    if check.is_breached and check.answers is not None and share is not None:
        what = f"of the answers rested on up-to-date documents of {check.knowledge_base}"
        text = f"{share:.1%} {what}, goal {check.goal:.1%}"
        n = check.answers.n_affected
        found.append(Signal(kind="freshness", stage=check.stage, severity=Severity.CRITICAL, text=text, n_records=n))
    if check.answers is not None and check.answers.n_unknown:
        n, of = check.answers.n_unknown, check.answers.n_with_ids
        text = (
            f"{n:,} of {plural(of, 'answer')} {agree(n, 'rests', 'rest')} on ids that neither the source nor the index "
            f"of {check.knowledge_base} knows"
        )
        kind = UnknownReason.UNKNOWN_DOCUMENT.value
        found.append(Signal(kind=kind, stage=check.stage, severity=Severity.WARNING, text=text, n_records=n))
    for reason, count in check.by_reason.items():
        if reason != FreshnessReason.SKIPPED:
            documents = f"{count:,} of {plural(check.n_source, 'document')} of {check.knowledge_base}"
            text = f"{documents}: {reason.replace('_', ' ')}"
            found.append(Signal(kind=reason, stage=check.stage, severity=Severity.WARNING, text=text, n_records=count))
    return found
