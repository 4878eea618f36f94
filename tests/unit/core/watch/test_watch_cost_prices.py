"""Calls and what they cost: recorded prices, tokens by tariff, tiers, cached tokens, numbers that cannot be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from genai_prices import Usage, calc_price

from seamwatch.adapters.models.pricing import Prices
from seamwatch.adapters.models.tariffs import Tariffs
from seamwatch.core.replays import ModelAnswer
from seamwatch.core.watch.cost_prices import CALL_COLUMNS, SUM_TIER, UNPRICED_TIER, Rates, Tariff, price_calls
from seamwatch.spec.monitoring import ModelPrice

AT = datetime(2026, 3, 2, 9, 17, tzinfo=UTC)
TARIFF = Tariff(tiers=((-1, Rates(fresh=1.0, cached=0.1, output=5.0)), (100, Rates(fresh=2.0, cached=0.2, output=7.0))))


def tariff_of(model: str, at: datetime) -> Tariff | None:
    assert at.minute in (0, 30)
    return TARIFF if model == "known" else None


def calls(*rows: tuple[Any, ...]) -> pd.DataFrame:
    frame = pd.DataFrame([(row[0], AT, *row[1:]) for row in rows], columns=list(CALL_COLUMNS))
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True))


def test_tokens_are_priced_by_tier_and_cached_ones_once() -> None:
    none = float("nan")
    priced, absurd = price_calls(
        calls(
            ("known", 100, 40, 10, none, False),
            ("known", 101, 0, 10, none, False),
            ("known", 50, 80, 0, none, False),  # more cached than there are: all are
        ),
        tariff_of,
    )
    assert priced["usd"].tolist() == pytest.approx([60 + 4 + 50, 202 + 70, 5])
    assert priced["tier"].tolist() == [0, 1, 0]
    assert (absurd.tokens, absurd.usd) == (0, 0)


def test_a_recorded_cost_counts_and_is_split_where_tokens_tell_how() -> None:
    none = float("nan")
    priced, _ = price_calls(
        calls(
            ("known", 100, 0, 10, 300.0, False),
            ("other", 100, 0, 10, 3.0, False),
            ("known", none, none, none, 2.0, False),
        ),
        tariff_of,
    )
    assert priced["usd"].tolist() == pytest.approx([300.0, 3.0, 2.0])
    assert priced["usd_fresh"].tolist() == pytest.approx([200.0, 0.0, 0.0])
    assert priced["usd_output"].tolist() == pytest.approx([100.0, 0.0, 0.0])
    assert priced["usd_rest"].tolist() == pytest.approx([0.0, 3.0, 2.0])
    assert priced["tier"].tolist() == [0, SUM_TIER, SUM_TIER]


def test_what_has_no_price_or_cannot_be_is_left_out_and_counted() -> None:
    none = float("nan")
    priced, absurd = price_calls(
        calls(
            ("other", 100, 0, 10, none, False),
            (None, 100, 0, 10, none, False),
            ("known", -5, 0, 10, none, False),
            ("known", 10, 0, 1e12, none, False),
            ("known", 10, 0, 1, -3.0, False),
            ("known", none, none, none, none, True),
            ("known", none, none, none, none, False),
        ),
        tariff_of,
    )
    assert priced["usd"].tolist() == [0.0] * 7
    assert priced["state"].tolist() == ["unpriced"] * 5 + ["free", "unpriced"]
    assert priced["tier"].tolist() == [UNPRICED_TIER] * 7
    assert (absurd.tokens, absurd.usd) == (2, 1)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4.1", "gemini-2.5-pro", "claude-sonnet-4-5", "gemini-2.5-flash"])
def test_public_tariffs_are_those_of_genai_prices(model: str) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(60):
        n_in = int(rng.integers(0, 400_000))
        rows.append((model, n_in, int(rng.integers(0, n_in + 1)), int(rng.integers(0, 9000)), float("nan"), False))
    rows += [(model, 200_000, 0, 10, float("nan"), False), (model, 200_001, 0, 10, float("nan"), False)]
    priced, _ = price_calls(calls(*rows), Tariffs({}))
    for usd, (_, n_in, n_cached, n_out, *_) in zip(priced["usd"], rows, strict=True):
        usage: Any = Usage(input_tokens=n_in, cache_read_tokens=n_cached or None, output_tokens=n_out)
        wanted = calc_price(usage, model_ref=model, genai_request_timestamp=AT.replace(minute=0))
        assert usd == pytest.approx(float(wanted.total_price), rel=1e-9, abs=1e-12)


def test_own_prices_come_first_and_agree_with_those_of_replays() -> None:
    own = {"gpt-4o-mini": ModelPrice(input_per_mtok=1.0, output_per_mtok=2.0, cached_input_per_mtok=0.5)}
    priced, _ = price_calls(calls(("gpt-4o-mini", 1000, 400, 100, float("nan"), False)), Tariffs(own))
    answer = ModelAnswer(status="ok", model="gpt-4o-mini", input_tokens=1000, output_tokens=100, cached_tokens=400)
    assert priced["usd"].iloc[0] == pytest.approx(Prices(own).cost_usd(answer))
    euros, _ = price_calls(calls(("gpt-4o-mini", 1000, 400, 100, float("nan"), False)), Tariffs(own, usd_per_unit=1.1))
    assert euros["usd"].iloc[0] == pytest.approx(1.1 * priced["usd"].iloc[0])
    assert Tariffs({})("no-such-model", AT) is None


def test_a_price_that_is_not_said_is_not_known_and_never_zero() -> None:
    own = {"asked": ModelPrice(input_per_mtok=2.0), "answers": ModelPrice(output_per_mtok=8.0)}
    rows = [("asked", 1000, 0, 0, float("nan"), False), ("asked", 1000, 0, 1, float("nan"), False)]
    rows += [("answers", 0, 0, 10, float("nan"), False), ("answers", 1, 0, 10, float("nan"), False)]
    rows += [("asked", 1000, 0, 100, 0.5, False)]
    priced, _ = price_calls(calls(*rows), Tariffs(own))
    assert list(priced["state"]) == ["priced", "unpriced", "priced", "unpriced", "priced"]
    assert list(priced["usd"]) == pytest.approx([0.002, 0.0, 0.00008, 0.0, 0.5])
