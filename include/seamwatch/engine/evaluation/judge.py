"""Ask a judge model about a window's answers: cached, priced, within the judge's own budget."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pandas as pd

from seamwatch.adapters.base import Connections, ModelEndpoint
from seamwatch.adapters.models.factory import open_endpoint
from seamwatch.adapters.models.http import HttpModelEndpoint
from seamwatch.adapters.models.metered import MeteredEndpoint
from seamwatch.adapters.models.pricing import Prices
from seamwatch.core.evaluation.judge_answer import Verdict, read_verdict
from seamwatch.core.evaluation.judge_bias import JudgeBias, JudgedPair, length_of, measure_bias
from seamwatch.core.evaluation.judge_request import (
    Question,
    RequestSettings,
    control_question,
    harmless_question,
    pairwise_question,
    pointwise_question,
    request_body,
)
from seamwatch.core.evaluation.judge_selection import Shown, select_answers
from seamwatch.core.evaluation.judge_verdicts import (
    Judgement,
    NoVerdict,
    after_control,
    judge_alone,
    judge_pair,
    no_verdict,
)
from seamwatch.core.evaluation.results import as_frame
from seamwatch.core.replays import BudgetLimits, ModelAnswer, ModelCall
from seamwatch.engine.deps import Deps
from seamwatch.engine.references import load_function
from seamwatch.errors import AdapterError, DataContractError, SpecError
from seamwatch.plurals import agree, plural
from seamwatch.report.judge_texts import bias_sentences
from seamwatch.spec.judge import JudgeModel
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline
from seamwatch.store.budget import ROUNDING_USD
from seamwatch.vocabulary import EvaluationState

PURPOSE = "judge"
"""Of its calls, in their tag and in the store."""
_BATCH_ROUNDS = 4
"""Answers asked about at once, for each call that may be under way: between batches the budget is looked at."""
_CONTROL_KEY = "control"
"""In the tag of the call that shows whether a judge can be controlled."""
_FAILURES = 3
"""Different failures told; an endpoint that fails in more ways is understood by then."""


@dataclass(frozen=True, kw_only=True)
class JudgeRun:
    """What a judge said of the answers of a window."""

    results: pd.DataFrame
    """By record `state`, `score` and `reason`, in the order of the answers."""
    bias: JudgeBias
    missing: Mapping[NoVerdict, int]
    """How many answers have no verdict, by why."""
    n_calls: int
    """Requests that left, retries among them."""
    n_cached: int
    """Answers of the judge that were paid for before."""
    cost_usd: float | None
    """None where the price of a call is not known."""
    notes: tuple[str, ...]
    """What a reader of the results must know."""


@dataclass(kw_only=True)
class _Heard:
    """What came back so far."""

    judgements: dict[Hashable, Judgement] = field(default_factory=dict)
    pairs: list[JudgedPair] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    n_cached: int = 0
    follows_control: bool | None = None
    """Whether the judge is unsure where it is told to be; None: not asked yet."""


@dataclass(frozen=True, kw_only=True)
class OpenJudge:
    """The endpoint of a judge, as far as it can be opened without a store."""

    inner: ModelEndpoint
    prices: Prices
    path: str
    """Of its address; empty where it has none."""
    settings: RequestSettings

    def body(self, question: Question) -> str:
        """Return the body of the request that asks a question; DataContractError if none can be made."""
        return request_body(self.inner.protocol, self.path, question, self.settings)


def open_judge(project: Project, connections: Connections, pipeline: str, spec: JudgeModel) -> OpenJudge:
    """Return the endpoint of a judge; nothing is sent.

    Raises:
        ConnectionNotFound, AdapterError: If the connection is missing or cannot be used.
        DataContractError: If it names an unknown protocol, or one that no request can be made for.
        SpecError: If the function of a `python:` endpoint cannot be loaded.
    """
    inner, prices = open_endpoint(
        spec.endpoint, connections, load_callable=lambda name: load_function(project, name), pipeline=pipeline
    )
    opened = OpenJudge(
        inner=inner,
        prices=prices,
        path=urlsplit(inner.url).path if isinstance(inner, HttpModelEndpoint) else "",
        settings=RequestSettings(
            model=spec.model, max_output_tokens=spec.max_output_tokens, parameters=spec.parameters
        ),
    )
    opened.body(harmless_question(spec.rubric))
    return opened


class Judge:
    """A judge model, opened once for a window. Nothing is sent before it is asked."""

    def __init__(self, deps: Deps, pipeline: Pipeline, spec: JudgeModel) -> None:
        """Open the endpoint; errors are those of `open_judge`."""
        now = deps.clock()
        self._opened = open_judge(deps.project, deps.connections, pipeline.pipeline, spec)
        self.spec = spec
        self._store = deps.store
        self._pipeline = pipeline.pipeline
        self._day = _own_day(f"{now:%Y-%m-%d}", spec.name)
        self.endpoint = MeteredEndpoint(
            self._opened.inner,
            cache=deps.store,
            budget=deps.store,
            pipeline=pipeline.pipeline,
            run=f"judge {spec.name[:100]}@{now:%Y%m%dT%H%M%S.%f}",
            day=self._day,
            # Beyond the window: the same answer, asked about in the same words, is not paid for again.
            scope=f"{pipeline.pipeline}/judge/{spec.name}",
            limits=BudgetLimits(
                calls_per_run=spec.max_calls_per_day,
                calls_per_day=spec.max_calls_per_day,
                usd_per_run=spec.max_usd_per_day,
                usd_per_day=spec.max_usd_per_day,
            ),
            prices=self._opened.prices,
            max_output_tokens=spec.max_output_tokens,
        )

    def questions(self, shown: Shown) -> list[Question]:
        """Return what is asked about one answer: once, or of a pair in both orders."""
        if self.spec.pairwise is None:
            return [pointwise_question(self.spec.rubric, shown.parts)]
        return [pairwise_question(self.spec.rubric, shown.parts, is_swapped=swapped) for swapped in (False, True)]

    def ask(self, questions: Mapping[Hashable, Sequence[Question]]) -> dict[Hashable, list[ModelAnswer]]:
        """Return the answers to the questions of each record, in their order."""
        answers = iter(self.endpoint.ask([self.call(key, one) for key, some in questions.items() for one in some]))
        return {key: [next(answers) for _ in some] for key, some in questions.items()}

    def call(self, key: Hashable, question: Question) -> ModelCall:
        """Return the call that asks a question."""
        return ModelCall(key=str(key), body=self._opened.body(question), purpose=PURPOSE)

    def batch_size(self) -> int:
        """Return how many answers to ask about at once: no more than the day's calls are enough for."""
        n_calls, _ = self._store.spent(self._pipeline, day=self._day)
        size = _BATCH_ROUNDS * self.spec.endpoint.concurrency
        calls_each = (1 if self.spec.pairwise is None else 2) + self.spec.control
        left = (self.spec.max_calls_per_day - n_calls) // calls_each
        # Where none is left, what was paid for before is still found.
        return min(size, left) if left > 0 else size

    def overspent(self) -> list[str]:
        """Return the sentence that says by how much the day's money was passed, if it was."""
        _, usd = self._store.spent(self._pipeline, day=self._day)
        if usd <= self.spec.max_usd_per_day + ROUNDING_USD:
            return []
        return [
            f"judge {self.spec.name!r}: its calls cost ${usd:.4f}, more than max_usd_per_day "
            f"(${self.spec.max_usd_per_day:.4f}): an answer cost more than could be foreseen; it was not asked again"
        ]


def ask_judge(deps: Deps, pipeline: Pipeline, spec: JudgeModel, texts: pd.DataFrame) -> JudgeRun:
    """Return what a judge says of answers; what goes wrong outside is a note, and leaves answers without a verdict.

    Args:
        deps: What it needs.
        pipeline: Whose answers they are.
        spec: The judge.
        texts: By record, the columns `answer`, and `question`, `context`, `reference`, `against` where the judge is
            shown them, as they were recorded.

    Raises:
        StoreError: If the store cannot keep account of calls; none is made without.
    """
    chosen = select_answers(texts, seed=f"{pipeline.pipeline}/{spec.name}", most=spec.sample)
    heard, notes, judge = _Heard(), [], None
    try:
        judge = Judge(deps, pipeline, spec)
    except (AdapterError, DataContractError, SpecError) as error:
        notes.append(f"judge {spec.name!r} could not be asked: {error}")
        heard.judgements = {key: _failed(NoVerdict.NOT_REACHED) for key in chosen.ready}
    else:
        _ask(judge, chosen.ready, heard)
        notes += [*judge.overspent(), *(f"judge {spec.name!r}: {note}" for note in judge.endpoint.notes)]
    found = chosen.settled | heard.judgements
    bias = _bias(chosen.ready, heard)
    missing = Counter(one.missing for one in found.values() if one.missing is not None)
    return JudgeRun(
        results=as_frame([found[key] for key in texts.index], texts.index),
        bias=bias,
        missing=missing,
        n_calls=judge.endpoint.calls if judge else 0,
        n_cached=heard.n_cached,
        cost_usd=judge.endpoint.cost_usd if judge else 0.0,
        notes=(
            *notes,
            *_notes(spec, missing, heard, n_ready=len(chosen.ready)),
            *(f"judge {spec.name!r}: {said}" for said in bias_sentences(bias)),
        ),
    )


def _ask(judge: Judge, ready: Mapping[Hashable, Shown], heard: _Heard) -> None:
    """Ask about one answer after the other, until the budget is spent.

    Verdicts behind the first refusal of the budget do not count: which calls still fit depends on their length, and
    what is judged shall be a uniform sample.
    """
    left = list(ready)
    while left:
        batch = left[: judge.batch_size()]
        done = _ask_batch(judge, {key: ready[key] for key in batch}, heard)
        heard.judgements |= done
        left = left[len(done) :]
        if len(done) < len(batch):
            heard.judgements |= {key: _failed(NoVerdict.BUDGET) for key in left}
            return


def _ask_batch(judge: Judge, batch: Mapping[Hashable, Shown], heard: _Heard) -> dict[Hashable, Judgement]:
    """Return what the judge says of the answers of a batch, up to the first that the budget was not enough for."""
    questions = {key: judge.questions(shown) for key, shown in batch.items()}
    found: dict[Hashable, Judgement] = {}
    for key, given in judge.ask(questions).items():
        if _is_refused(given):
            break
        heard.n_cached += sum(answer.is_cached for answer in given)
        found[key] = _judged(given, questions[key], batch[key], heard)
    passed = [key for key, one in found.items() if one.state is EvaluationState.PASS]
    if not judge.spec.control or not passed or not _follows_control(judge, heard):
        return found
    controls = {key: [control_question(questions[key][0])] for key in passed}
    answers = judge.ask(controls)
    for place, key in enumerate(list(found)):
        given = answers.get(key, [])
        if _is_refused(given):
            return dict(list(found.items())[:place])
        if given:
            heard.n_cached += given[0].is_cached
            found[key] = _controlled(found[key], given[0], controls[key][0], heard)
    return found


def _follows_control(judge: Judge, heard: _Heard) -> bool:
    """Return whether the judge is unsure about a harmless text where it is told to be."""
    if heard.follows_control is None:
        question = control_question(harmless_question(judge.spec.rubric))
        (answer,) = judge.ask({_CONTROL_KEY: [question]})[_CONTROL_KEY]
        said = read_verdict(answer.text, question.verdicts, finish_reason=answer.finish_reason)
        heard.follows_control = said.word == "unsure" or not answer.is_ok
    return heard.follows_control


def _is_refused(given: Sequence[ModelAnswer]) -> bool:
    return any(answer.status == "budget" for answer in given)


def _controlled(judgement: Judgement, answer: ModelAnswer, question: Question, heard: _Heard) -> Judgement:
    if not answer.is_ok:
        return _unheard(answer, heard)
    return after_control(judgement, read_verdict(answer.text, question.verdicts, finish_reason=answer.finish_reason))


def _judged(given: Sequence[ModelAnswer], questions: Sequence[Question], shown: Shown, heard: _Heard) -> Judgement:
    """Return what the answers of a judge make of one answer."""
    unread = [answer for answer in given if not answer.is_ok]
    if unread:
        return _unheard(unread[0], heard)
    verdicts: list[Verdict] = [
        read_verdict(answer.text, question.verdicts, finish_reason=answer.finish_reason)
        for answer, question in zip(given, questions, strict=True)
    ]
    if len(verdicts) == 1:
        return judge_alone(verdicts[0], cut=shown.cut)
    heard.pairs.append(JudgedPair(straight=verdicts[0], swapped=verdicts[1]))
    return judge_pair(*verdicts)


def _unheard(answer: ModelAnswer, heard: _Heard) -> Judgement:
    heard.failures.append(answer.detail or answer.status)
    return _failed(NoVerdict.NOT_READABLE if answer.status == "garbage" else NoVerdict.NOT_REACHED)


def _failed(missing: NoVerdict) -> Judgement:
    return no_verdict(missing, _WHY[missing])


_WHY = {
    NoVerdict.BUDGET: "the judge's budget was spent before this answer",
    NoVerdict.NOT_REACHED: "the judge gave no answer",
    NoVerdict.NOT_READABLE: "the judge's response cannot be read",
}


_WHY_NO_VERDICT = {
    NoVerdict.INSTRUCTIONS: "a text holds instructions that a judge could obey",
    NoVerdict.STEERED: "it followed a text instead of its instructions",
    NoVerdict.TOO_LONG: "what was too long to be shown could decide",
    NoVerdict.NOT_REACHED: "it gave no answer",
    NoVerdict.NOT_READABLE: "what it said is not in the form asked for",
}


def _bias(ready: Mapping[Hashable, Shown], heard: _Heard) -> JudgeBias:
    decided = {key: one for key, one in heard.judgements.items() if one.missing is None}
    lengths = []
    for key in decided:
        parts = ready[key].parts
        other = length_of(parts["against"]) if "against" in parts else 0.0
        lengths.append(length_of(parts["answer"]) - other)
    return measure_bias(pairs=heard.pairs, lengths=lengths, scores=[one.score for one in decided.values()])


def _notes(spec: JudgeModel, missing: Mapping[NoVerdict, int], heard: _Heard, *, n_ready: int) -> list[str]:
    told = []
    if n := missing.get(NoVerdict.NOT_DRAWN):
        told.append(
            f"{plural(n, 'answer was', 'answers were')} not drawn: {spec.sample:,} of a window are judged, a "
            "uniform sample"
        )
    if n := missing.get(NoVerdict.BUDGET):
        told.append(
            f"its budget (max_calls_per_day, max_usd_per_day) was spent: {n:,} of "
            f"{plural(n_ready, 'answer')} {agree(n, 'was', 'were')} not judged; those that were are a uniform sample"
        )
    told += [
        f"{plural(n, 'answer has', 'answers have')} no verdict, since {why}"
        for kind, why in _WHY_NO_VERDICT.items()
        if (n := missing.get(kind))
    ]
    if heard.follows_control is False:
        told.append(
            "whether it obeys texts that it judges is not known, since it is not unsure about a harmless text either "
            "where the text asks it to be"
        )
    told += list(dict.fromkeys(heard.failures))[:_FAILURES]
    return [f"judge {spec.name!r}: {what}" for what in told]


def _own_day(day: str, judge: str) -> str:
    """Return the name of a judge's own counter for a day; it begins with the day, by which old counters go."""
    return f"{day} {hashlib.sha256(judge.encode()).hexdigest()[:8]}"
