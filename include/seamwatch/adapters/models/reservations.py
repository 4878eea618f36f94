"""How much money a call needs reserved before it leaves, learnt from what the calls before it came to."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from seamwatch.adapters.models.output_limits import output_limit
from seamwatch.adapters.models.pricing import Prices
from seamwatch.core.records.comparison import parse_json
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.vocabulary import Protocol

_ROUNDING = 1 + 1e-9
_LEAST_USD = 1e-8
"""Of a call whose price is not known yet: what keeps another one from running beside it."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one call may cost."""

    usd: float
    """The call is not made where less is left."""
    up_to_usd: float
    """Held while it is under way, or all that is left if that is less: with `inf` no other call runs beside it."""
    unknown_usd: float | None
    """Counted as spent where its cost stays unknown; None: all that was held."""
    model: str = ""
    """Model that was asked for."""
    is_limited: bool = False
    """Whether something limits the answer, so that a dearer one breaks it."""


class Reservations:
    """What the calls of one endpoint need.

    The tokens of a request are at most its bytes: no tokeniser makes more. Those of an answer are at most what the
    request says (or the pipeline file, where the request says nothing), once an answer of the model has kept to it.
    Without a limit, and for the first call, the model's whole context window is reserved, which no answer exceeds;
    where that is unknown, or more than what is left, all that is left: calls are then made one at a time. So it is also
    from the first answer on that cost more than its limit allows. The cap is passed by one call at most.
    """

    def __init__(self, prices: Prices, protocol: Protocol, max_output_tokens: int | None = None) -> None:
        """Keep prices, protocol and the limit of the pipeline file."""
        self._prices = prices
        self._protocol = protocol
        self._max_output_tokens = max_output_tokens
        self._asked: set[str] = set()
        self._keeping: set[str] = set()
        self._exceeding: set[str] = set()
        self._answering: dict[str, str] = {}
        """Model asked for to the one that answered, where only the latter has a price."""

    def need(self, call: ModelCall) -> Need:
        """Return what a call needs; nothing if no price is known of its model (such calls are counted only)."""
        if self._protocol is Protocol.CALLABLE:
            return Need(usd=0.0, up_to_usd=0.0, unknown_usd=0.0)
        request = parse_json(call.body)
        asked = self._prices.asked_model(request) or ""
        model = asked if self._prices.is_known(asked) else self._answering.get(asked, "")
        if not self._prices.is_known(model):
            if asked in self._asked:
                return Need(usd=0.0, up_to_usd=0.0, unknown_usd=0.0, model=asked)
            # The answer may name a model that has a price: the first call shows it, alone.
            return Need(usd=_LEAST_USD, up_to_usd=inf, unknown_usd=0.0, model=asked)
        limit = output_limit(request, self._protocol)
        window = self._prices.context_window(model)
        most_output = limit.tokens or self._max_output_tokens
        n_input = len(call.body.encode("utf-8", "surrogatepass")) + 1
        if window is not None:
            n_input = min(n_input, window)
            most_output = None if most_output is None else min(most_output, window)
        least_usd = self._prices.price_usd(model, n_input, (most_output or 1) * limit.n_answers)
        whole_usd = self._prices.price_usd(model, window or n_input, (window or 1) * limit.n_answers)
        if window is None and least_usd > 0:
            whole_usd = inf
        is_limited = most_output is not None
        if asked in self._exceeding:
            return Need(usd=least_usd, up_to_usd=inf, unknown_usd=None, model=asked, is_limited=is_limited)
        return Need(
            usd=least_usd,
            up_to_usd=least_usd if is_limited and asked in self._keeping else max(whole_usd, least_usd),
            unknown_usd=least_usd if is_limited else None,
            model=asked,
            is_limited=is_limited,
        )

    def learn(self, need: Need, answer: ModelAnswer, cost_usd: float | None) -> bool:
        """Take what a call came to; return whether it is the model's first that cost more than its limit allows."""
        name = need.model
        self._asked.add(name)
        if not self._prices.is_known(name) and answer.model is not None and self._prices.is_known(answer.model):
            self._answering[name] = answer.model
        if not need.is_limited or cost_usd is None or not answer.is_ok:
            return False
        if cost_usd <= need.usd * _ROUNDING:
            self._keeping.add(name)
            return False
        is_first = name not in self._exceeding
        self._exceeding.add(name)
        return is_first
