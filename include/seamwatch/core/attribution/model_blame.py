"""What has to be known before a model is blamed for a record, whichever rule would blame it."""

from __future__ import annotations

from typing import Any

from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.verdicts import undetermined_verdict
from seamwatch.core.reasons import Reason, ReasonKind
from seamwatch.core.results import Verdict
from seamwatch.vocabulary import Gap


def obstacle_to_blame(evidence: Evidence, key: Any) -> Verdict | None:
    """Return the verdict of a record for which no model can be blamed, with what is missing; None if one can be.

    The references after the model must have made something of this recorded answer and not be in doubt themselves,
    and what may be a failure of the provider must be told from chance.
    """
    not_made = evidence.not_made_after_model(key)
    if not_made is not None:
        return undetermined_verdict(
            key, Gap.REFERENCE_FAILED, Reason(kind=ReasonKind.REFERENCE_FAILED, stages=(not_made,))
        )
    doubted = evidence.doubted_at(key)
    if doubted is not None:
        return undetermined_verdict(
            key, Gap.REFERENCE_IN_DOUBT, Reason(kind=ReasonKind.REFERENCE_IN_DOUBT, stages=(doubted,))
        )
    if key in evidence.provider_unproven:
        stage, failure = evidence.provider_unproven[key]
        reason = Reason(kind=ReasonKind.MARK_UNPROVEN, stages=(stage,), failure=failure)
        return undetermined_verdict(key, Gap.MARK_UNPROVEN, reason)
    return None
