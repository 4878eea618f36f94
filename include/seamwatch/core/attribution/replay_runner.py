"""The replays of a window: which requests were asked how often, what came back, and what that says of each record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.attribution import confidence
from seamwatch.core.attribution.accusing_marks import MarkWeight, spread, weigh_mark
from seamwatch.core.attribution.chance import Draws, Kind, Law, estimate_law, likelihoods, posterior
from seamwatch.core.attribution.evidence import Evidence
from seamwatch.core.attribution.reference_doubt import contradicted
from seamwatch.core.interventions import EVERYTHING, Ask, Repairs, Trial, World, is_field, run_trial
from seamwatch.core.reasons import CallFailure
from seamwatch.core.records.call_endings import call_failure
from seamwatch.core.records.comparison import is_null
from seamwatch.core.replays import ModelAnswer
from seamwatch.core.results import ReferenceDoubt
from seamwatch.spec.pipeline import Isolation
from seamwatch.vocabulary import Gap, OutcomeState

_FEWEST_PROBES, _PROBED_SHARE = 4, 0.04
"""Requests that are asked twice for no other reason than to see whether the model answers by chance."""
_PRIOR_RECORDS = 0.5
"""Records of each kind that a stratum is taken to have before any of it is replayed."""
_FIRST_RECORDED = 6
"""Records of a stratum that are asked their recorded request before it is looked what that shows."""
_TELLING = 0.8
"""How likely its kind must be, by the others of its stratum, of a record that the budget allowed one request of two."""
_RECORDED: Repairs = {}
_CONTROLS, _MOST_CONTROLS = 6, 3
"""Right records whose request is made by a reference that contradicts them, to see whether it spoils them; and how
often so many are tried where today's model has most of them wrong as recorded, too."""
_Arm = frozenset[tuple[str, frozenset[str]]]


@dataclass(frozen=True, kw_only=True)
class UsualOutcomes:
    """What an experiment says of each record. One without an answer is no evidence, for nor against."""

    right: pd.Index[Any]
    wrong: pd.Index[Any]
    unknown: Mapping[Any, Gap]
    """Records that were not asked, or whose answer could not be judged, and why."""


class ReplayRunner:
    """Asks the model in isolation, as often as it takes to tell the usual answer from chance."""

    def __init__(self, evidence: Evidence, ask: Ask | None, settings: Isolation) -> None:
        """Ask nothing yet.

        Args:
            evidence: Of the window.
            ask: Calls a model; None where no endpoint can be reached.
            settings: `confidence` to reach and `repeats`, the most replays of one request.
        """
        self.evidence = evidence
        self.ask = ask
        self.everything: Repairs = dict.fromkeys(evidence.world.references, EVERYTHING)
        self.gaps: dict[Any, Gap] = {}
        """What kept a record's clean request, or the recorded one, from being judged even once."""
        self.isolated: dict[str, ModelAnswer] = {}
        """By key, the last model's answer to the clean request."""
        self.doubts: dict[str, ReferenceDoubt] = {}
        """By stage before a model, references that make right records wrong."""
        self._settings = settings
        self._draws: dict[_Arm, dict[Any, Draws]] = defaultdict(dict)
        self._attempts: Counter[tuple[_Arm, Any]] = Counter()
        self._free: set[tuple[_Arm, Any]] = set()
        self._has_probed = False
        self._unanswered: dict[_Arm, dict[Any, Gap]] = defaultdict(dict)
        self._controls: dict[str, bool | Gap] = {}
        self._arms_of_law = (_arm(self.everything), _arm(_RECORDED))
        self._law: Law | None = None
        """As last estimated; None once more was drawn that it is estimated from."""
        self._marked_again: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
        """By model stage and pattern of what looked like a failure, whether answers of today look so again."""

    @property
    def law(self) -> Law:
        """Return how far the model answers by chance, as far as it was seen."""
        if self._law is None:
            self._law = estimate_law(d for arm in self._arms_of_law for d in self._draws[arm].values())
        return self._law

    @property
    def n_replayed(self) -> int:
        """Return how many records were asked their clean request, and judged."""
        return sum(draws.n > 0 for draws in self._draws[_arm(self.everything)].values())

    @property
    def reproduced(self) -> float | None:
        """Return the share of replayed recorded requests whose wrong outcome came again; None if none was replayed."""
        clean, recorded = self._draws[_arm(self.everything)], self._draws[_arm(_RECORDED)]
        as_recorded = [*recorded.values(), *(d for key, d in clean.items() if not self._is_suspect(key))]
        n = sum(draws.n for draws in as_recorded)
        return sum(draws.n_wrong for draws in as_recorded) / n if n else None

    @property
    def proven_marks(self) -> dict[Any, tuple[str, CallFailure]]:
        """Return what looked like a failure of the provider and is one: the same requests are answered without it.

        It proves what no right record does, where nearly all of a window have the mark: what a request is usually
        answered with is no failure, and what it is hardly ever answered with again is.
        """
        proven = set()
        for mark, again in self._marked_again.items():
            n = again.total()
            if weigh_mark(n, n, again[True], n) is MarkWeight.ACCUSES:
                proven.add(mark)
        unproven = self.evidence.provider_unproven
        return {key: found for key, found in unproven.items() if (found[0], found[1].pattern) in proven}

    def is_asked(self, key: Any) -> bool:
        """Return whether anything was learnt from a replay of the record."""
        return key in self._draws[_arm(self.everything)] or key in self._draws[_arm(_RECORDED)]

    def trust_in_model(self, key: Any) -> float:
        """Return the trust in what replays say of the record: less where another model answers now than then."""
        answer = self.isolated.get(str(key))
        then = self.evidence.recorded_model(key)
        is_other = answer is not None and answer.model is not None and then is not None and answer.model != then
        return confidence.OTHER_MODEL if is_other else 1.0

    def replay(self, keys: pd.Index[Any], strata: Mapping[Any, Hashable]) -> None:
        """Ask for the records until it is decided what kind each is, or its requests were asked `repeats` times.

        All are first asked the clean request, at once, so that calls run side by side; those that turn right and had
        another request are then asked the recorded one, of a sample in steps: once enough of a stratum were wrong again
        on it, the next one need not be asked. What is still open after that is asked again.
        """
        self._draw(keys, self.everything, purpose="clean")
        self._draw(self._next_recorded(self._worth_recorded(keys, strata), strata), _RECORDED)
        if not self._has_probed:
            self._probe(keys)
        while True:
            again_clean, again_recorded = self._undecided(strata)
            if not len(again_clean) and not len(again_recorded):
                return
            self._draw(again_clean, self.everything, purpose="clean")
            self._draw(self._next_recorded(again_recorded, strata), _RECORDED)

    def kinds(self, strata: Mapping[Any, Hashable]) -> dict[Any, dict[Kind, float]]:
        """Return the probability of each kind for every replayed record that could be judged.

        What the other records of its stratum are is each record's prior: a fault that is behind forty records with
        the same discrepancy is probably behind the next one.
        """
        law = self.law
        clean, recorded = self._draws[_arm(self.everything)], self._draws[_arm(_RECORDED)]
        found = {
            key: likelihoods(draws, recorded.get(key, Draws()) if self._is_suspect(key) else None, law)
            for key, draws in clean.items()
            if draws.n and (self.gaps.get(key, Gap.BUDGET_SPENT) is Gap.BUDGET_SPENT or not draws.n_right)
        }
        counts: dict[Hashable, dict[Kind, float]] = defaultdict(lambda: dict.fromkeys(Kind, _PRIOR_RECORDS))
        # Right on the clean request, and not asked the recorded one: it counts as those say that were asked both.
        is_half_asked = {
            key: self._is_suspect(key) and clean[key].n_right > 0 and not recorded.get(key, Draws()).n for key in found
        }
        for half in (False, True):
            shares = {
                key: posterior(likelihood, counts[strata.get(key)] if half else dict.fromkeys(Kind, 1.0))
                for key, likelihood in found.items()
                if is_half_asked[key] is half
            }
            for key, kinds in shares.items():
                for kind, share in kinds.items():
                    counts[strata.get(key)][kind] += share
        likely = {key: posterior(likelihood, counts[strata.get(key)]) for key, likelihood in found.items()}
        # Which of them the budget kept from their recorded request is chance: the others tell what these are.
        untold = {
            key for key, by in likely.items() if is_half_asked[key] and key in self.gaps and max(by.values()) < _TELLING
        }
        return {key: by for key, by in likely.items() if key not in untold}

    def usually_right(self, keys: pd.Index[Any], repairs: Repairs) -> pd.Index[Any]:
        """Return the records whose outcome is known to be usually right with these repairs."""
        return self.usual_outcomes(keys, repairs).right

    def usual_outcomes(self, keys: pd.Index[Any], repairs: Repairs) -> UsualOutcomes:
        """Return which records are usually right with these repairs, which wrong, and of which it is not known."""
        if not len(keys):
            return UsualOutcomes(right=keys, wrong=keys, unknown={})
        arm = _arm(repairs)
        self._draw(pd.Index([key for key in keys if not self._attempts[arm, key]]), repairs)
        known = self._draws[arm]
        for _ in range(self._settings.repeats):
            law = self.law
            open_keys = [
                key
                for key in keys
                if key in known
                and self._may_ask(arm, key)
                and _doubt(law.log_odds(known[key].n_right, known[key].n_wrong)) > 1.0 - self._settings.confidence
            ]
            if not open_keys:
                break
            self._draw(pd.Index(open_keys), repairs)
        law = self.law
        odds = {key: law.log_odds(known[key].n_right, known[key].n_wrong) for key in keys if key in known}
        reasons = self._unanswered[arm]
        return UsualOutcomes(
            right=keys[[key in odds and odds[key] > 0 for key in keys]],
            wrong=keys[[key in odds and odds[key] <= 0 for key in keys]],
            unknown={key: reasons.get(key, Gap.BUDGET_SPENT) for key in keys if key not in odds},
        )

    def gap_of(self, key: Any, repairs: Repairs) -> Gap | None:
        """Return what kept a record from being judged with these repairs, as far as it was asked; None if it was."""
        arm = _arm(repairs)
        return None if key in self._draws[arm] else self._unanswered[arm].get(key, Gap.BUDGET_SPENT)

    def is_harmless(self, stage: str) -> bool | Gap:
        """Return whether right records stay right with what a stage's reference makes; the gap where it is not known.

        Asked of a stage before a model whose reference contradicts right records about as often as wrong ones. It is
        harmless also where a replay has shown that its payload turns a failing record right.
        """
        if stage not in self._controls:
            self._controls[stage] = self._try_on_right_records(stage)
        return self._controls[stage]

    def _try_on_right_records(self, stage: str) -> bool | Gap:
        clean, recorded = self._draws[_arm(self.everything)], self._draws[_arm(_RECORDED)]
        if any(
            draws.n_right > draws.n_wrong and recorded[key].n_wrong > recorded[key].n_right
            for key, draws in clean.items()
            if key in recorded and self.evidence.stages_of(key) & self.evidence.before_model == {stage}
        ):
            return True
        right = self.evidence.right
        assert right is not None
        n_right, n_spoiled, n_failed = 0, 0, 0
        gaps: list[Gap] = []
        left = contradicted(right.world, stage, right.keys)
        for _ in range(_MOST_CONTROLS):
            chosen = spread(left, _CONTROLS)
            left = left[~left.isin(chosen)]
            trial = run_trial(right.world, chosen, {stage: EVERYTHING}, self.ask, purpose="control")
            spoiled = self._right_as_recorded(right.world, trial.keys_with(OutcomeState.WRONG))
            failed = trial.keys_with_gap(Gap.REFERENCE_FAILED)
            n_right += len(trial.keys_with(OutcomeState.RIGHT))
            n_spoiled, n_failed = n_spoiled + len(spoiled) + len(failed), n_failed + len(failed)
            gaps += [gap for gap in trial.outcomes["gap"] if not is_null(gap)]
            if 2 * (n_right + n_spoiled) >= _CONTROLS or not len(left):
                break
        n_known = n_right + n_spoiled
        if not n_known:
            return next(iter(gaps), Gap.REFERENCE_IN_DOUBT)
        if 2 * n_spoiled < n_known:
            return True
        failing = self.evidence.failing
        self.doubts[stage] = ReferenceDoubt(
            stage=stage,
            n_right=n_known,
            n_spoiled=n_spoiled,
            n_failed=n_failed,
            n_wrong=len(failing),
            n_contradicted=len(contradicted(self.evidence.world, stage, failing)),
        )
        return False

    def _right_as_recorded(self, world: World, keys: pd.Index[Any]) -> pd.Index[Any]:
        """Return the records whose recorded request is answered rightly today too: there the model has not changed."""
        if not len(keys):
            return keys
        models = self.evidence.models
        return run_trial(world, keys, _RECORDED, self.ask, fresh=models, purpose="control").keys_with(
            OutcomeState.RIGHT
        )

    def _worth_recorded(self, keys: Iterable[Any], strata: Mapping[Any, Hashable]) -> list[Any]:
        """Return the records that are right on another request than was recorded; in a sample, those still open."""
        clean = self._draws[_arm(self.everything)]
        right = [key for key in keys if self._is_suspect(key) and key in clean and clean[key].n_right]
        if self._settings.mode == "exhaustive":
            return right
        kinds = self.kinds(strata)
        return [key for key in right if key not in kinds or max(kinds[key].values()) < self._settings.confidence]

    def _next_recorded(self, keys: Iterable[Any], strata: Mapping[Any, Hashable]) -> pd.Index[Any]:
        """Return which of the records are asked their recorded request now: in a sample a few, then twice as many."""
        wanted: pd.Index[Any] = pd.Index(list(keys))
        if self._settings.mode == "exhaustive":
            return wanted
        asked = self._draws[_arm(_RECORDED)]
        n_asked = Counter(strata.get(key) for key in asked)
        room = Counter({mark: max(_FIRST_RECORDED, n) for mark, n in n_asked.items()})
        is_now = np.ones(len(wanted), dtype=bool)
        for n, key in enumerate(wanted):
            if key not in asked:
                mark = strata.get(key)
                is_now[n] = room.setdefault(mark, _FIRST_RECORDED) > 0
                room[mark] -= 1
        return wanted[is_now]

    def _probe(self, keys: Iterable[Any]) -> None:
        """Ask some clean requests of suspects twice: only there does it matter whether the model answers by chance.

        Those that came out wrong are asked first: a slip would have made them so.
        """
        clean = self._draws[_arm(self.everything)]
        suspects = [key for key in keys if self._is_suspect(key) and key in clean and clean[key].n]
        if not suspects:
            return
        self._has_probed = True
        n = max(_FEWEST_PROBES, round(_PROBED_SHARE * len(suspects)))
        wrong = [key for key in suspects if clean[key].n_wrong][: n // 2]
        right = [key for key in suspects if clean[key].n_right][: n - len(wrong)]
        self._draw(pd.Index([*wrong, *right]), self.everything, purpose="clean")

    def _undecided(self, strata: Mapping[Any, Hashable]) -> tuple[pd.Index[Any], pd.Index[Any]]:
        """Return the records whose clean request, and those whose recorded request, is worth another call."""
        clean_arm, recorded_arm = _arm(self.everything), _arm(_RECORDED)
        clean: list[Any] = []
        recorded: list[Any] = []
        for key, kinds in self.kinds(strata).items():
            if max(kinds.values()) >= self._settings.confidence:
                continue
            p_clean_right = kinds.get(Kind.BEFORE, 0.0) + kinds[Kind.CHANCE]
            doubt_clean = min(p_clean_right, 1.0 - p_clean_right) if self._may_ask(clean_arm, key) else -1.0
            doubt_recorded = -1.0
            if self._is_suspect(key) and self._may_ask(recorded_arm, key):
                doubt_recorded = min(kinds[Kind.CHANCE], 1.0 - kinds[Kind.CHANCE])
            if max(doubt_clean, doubt_recorded) < 0:
                continue
            (clean if doubt_clean >= doubt_recorded else recorded).append(key)
        return pd.Index(clean), pd.Index(recorded)

    def _is_suspect(self, key: Any) -> bool:
        """Return whether the clean request may differ from the recorded one."""
        return bool(self.evidence.stages_of(key) & self.evidence.before_model)

    def _is_clean(self, arm: _Arm) -> bool:
        """Return whether every stage with a reference is as it should be under these repairs."""
        whole = {stage for stage, repair in arm if not any(is_field(name) for name in repair)}
        return set(self.everything) <= whole

    def _may_ask(self, arm: _Arm, key: Any) -> bool:
        return (arm, key) not in self._free and self._attempts[arm, key] < self._settings.repeats

    def _draw(self, keys: pd.Index[Any], repairs: Repairs, *, purpose: str = "replay") -> None:
        """Ask each of the requests once more and keep what came of it."""
        arm = _arm(repairs)
        by_attempt: dict[int, list[Any]] = defaultdict(list)
        for key in keys:
            by_attempt[self._attempts[arm, key]].append(key)
        for attempt, members in by_attempt.items():
            trial = run_trial(
                self.evidence.world,
                pd.Index(members),
                repairs,
                self.ask,
                fresh=self.evidence.models if repairs in (self.everything, _RECORDED) else (),
                attempt=attempt,
                purpose=purpose,
            )
            self._keep(arm, trial, is_clean=repairs == self.everything)

    def _keep(self, arm: _Arm, trial: Trial, *, is_clean: bool) -> None:
        asked: Collection[Any] = set().union(*(answers.keys() for answers in trial.answers.values()))
        known = self._draws[arm]
        rests_on_clean = self._is_clean(arm)
        if arm in self._arms_of_law:
            self._law = None
            self._count_marks(trial, is_recorded=arm == _arm(_RECORDED))
        for key, state, gap in zip(trial.outcomes.index, trial.outcomes["state"], trial.outcomes["gap"], strict=True):
            self._attempts[arm, key] += 1
            if key not in asked:
                self._free.add((arm, key))
            # An endpoint that refuses a request which is clean says nothing of the record.
            if state == OutcomeState.PENDING or (rests_on_clean and not is_null(gap)):
                self._free.add((arm, key))
                self._unanswered[arm].setdefault(key, Gap.TRUTH_PENDING if is_null(gap) else gap)
                if key not in known and (is_clean or arm == _arm(_RECORDED)):
                    self.gaps.setdefault(key, gap or Gap.TRUTH_PENDING)
                continue
            self._keep_cured(arm, trial, key, state)
            draws = known.setdefault(key, Draws())
            draws.n_right += state == OutcomeState.RIGHT
            draws.n_wrong += state == OutcomeState.WRONG
        if is_clean and self.evidence.models:
            for key, answer in trial.answers.get(self.evidence.models[-1], {}).items():
                if answer.is_ok:
                    self.isolated.setdefault(str(key), answer)

    def _count_marks(self, trial: Trial, *, is_recorded: bool) -> None:
        """Count whether answers look like a failure again; of another request than was recorded, they tell nothing."""
        for stage, answers in trial.answers.items():
            for key, answer in answers.items():
                at, failure = self.evidence.provider_unproven.get(key, (None, None))
                is_same = is_recorded or not self._is_suspect(key)
                if is_same and at == stage and failure is not None and answer.is_ok:
                    again = call_failure(None, answer.text, answer.finish_reason, has_body=True)
                    self._marked_again[at, failure.pattern][again is not None] += 1

    def _keep_cured(self, arm: _Arm, trial: Trial, key: Any, state: OutcomeState) -> None:
        """Keep the answer that current documents turned right: it is what the model says by itself."""
        if state != OutcomeState.RIGHT or not any(stage in self.evidence.world.knowledge for stage, _ in arm):
            return
        answer = trial.answers.get(self.evidence.models[-1], {}).get(key) if self.evidence.models else None
        if answer is not None and answer.is_ok:
            self.isolated[str(key)] = answer


def _arm(repairs: Repairs) -> _Arm:
    return frozenset(repairs.items())


def _doubt(log_odds: float) -> float:
    """Return the chance that the likelier of the two is not the case, both being as likely before."""
    return 1.0 / (1.0 + exp(abs(log_odds)))
