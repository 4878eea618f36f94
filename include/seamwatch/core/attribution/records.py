"""From evidence to one verdict per failing record, by interventions (DESIGN.md section 5, steps 1 to 5 and 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seamwatch.core.attribution import confidence, words
from seamwatch.core.attribution.behind import judge_behind_the_model
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.replayed import judge_by_replay
from seamwatch.core.attribution.sampling import choose_sample, judge_by_stratum, stratify
from seamwatch.core.attribution.tally import Tally
from seamwatch.core.attribution.verdicts import make_verdict
from seamwatch.core.interventions import Ask
from seamwatch.core.replays import ModelAnswer
from seamwatch.core.results import Verdict
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import Basis, Responsibility


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """Verdicts of a window's failing records, and what the replays said."""

    verdicts: tuple[Verdict, ...]
    """One per failing record, in their order."""
    reproduced: float | None
    """Share of replayed recorded requests that were wrong again."""
    isolated: Mapping[str, ModelAnswer]
    """By key, the last model's answer to the clean request."""


def attribute_records(evidence: Evidence, ask: Ask | None, settings: Isolation) -> Attributed:
    """Return a verdict for every failing record.

    Args:
        evidence: What is known without calls.
        ask: Calls a model; None where no endpoint can be reached, and verdicts that need one are undetermined.
        settings: `mode` and sizes of the sample; the hard budget is enforced behind `ask`.

    The order is by cost: facts that need nothing, repairs behind the model that need no call, then replays of a
    sample of every stratum (records with the same discrepancies), whose verdicts speak for the rest of the stratum.
    """
    verdicts = _by_rule(evidence)
    left = evidence.failing[~evidence.failing.isin(list(verdicts))]
    verdicts.update(judge_behind_the_model(evidence, left))
    left = left[~left.isin(list(verdicts))]
    strata = stratify(evidence, left)
    sample = choose_sample(strata, settings, left)
    tally = Tally()
    isolated: dict[str, ModelAnswer] = {}
    if len(sample):
        verdicts.update(judge_by_replay(evidence, sample, ask, settings, tally, isolated))
    for keys in strata.values():
        verdicts.update(judge_by_stratum(keys, verdicts))
    return Attributed(
        verdicts=tuple(verdicts[key] for key in evidence.failing),
        reproduced=None if tally.n_replayed == 0 else 1.0 - tally.n_flipped / tally.n_replayed,
        isolated=isolated,
    )


def _by_rule(evidence: Evidence) -> dict[Any, Verdict]:
    """Return the verdicts that a recorded fact settles: a record that is lost, or carries another one's payload."""
    found: dict[Any, Verdict] = {}
    for key, stage in evidence.lost_at.items():
        found[key] = make_verdict(
            key,
            Responsibility.INTEGRATION,
            stage,
            belief=confidence.LOST_OR_CROSSED,
            explanation=words.lost(stage),
            basis=Basis.RULE,
            pattern="lost",
        )
    for key, (stage, other) in evidence.crossed_at.items():
        if key not in found:
            found[key] = make_verdict(
                key,
                Responsibility.INTEGRATION,
                stage,
                belief=confidence.LOST_OR_CROSSED,
                explanation=words.crossed(stage, other),
                basis=Basis.RULE,
                pattern="crossed",
            )
    return found
