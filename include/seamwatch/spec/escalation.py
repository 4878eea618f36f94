"""The `escalation` of a pipeline file: how long an incident may wait for somebody to take it on."""

from __future__ import annotations

from datetime import timedelta

from seamwatch.spec.base import Duration, Spec
from seamwatch.vocabulary import IncidentSeverity


class EscalationTimes(Spec):
    """By severity; `null` means never."""

    sev1: Duration | None = timedelta(minutes=15)
    sev2: Duration | None = timedelta(hours=1)
    sev3: Duration | None = None
    sev4: Duration | None = None

    def of(self, severity: IncidentSeverity) -> timedelta | None:
        """Return how long an incident of a severity may wait for somebody; None: for ever."""
        by_severity = {
            IncidentSeverity.SEV1: self.sev1,
            IncidentSeverity.SEV2: self.sev2,
            IncidentSeverity.SEV3: self.sev3,
            IncidentSeverity.SEV4: self.sev4,
        }
        return by_severity[severity]


class EscalationRules(Spec):
    """When the reliability owner is called although the incident is another's."""

    after: EscalationTimes = EscalationTimes()
    """How long an incident may be open with nobody having acknowledged, muted or mitigated it."""
