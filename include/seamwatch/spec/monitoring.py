"""The `monitoring` of a pipeline file: what is watched beside objectives; every part has defaults that work."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from seamwatch.spec.base import Duration, Names, Ratio, Spec
from seamwatch.spec.schedule import DataAsset

_SWITCHES = {"yes": True, "on": True, "no": False, "off": False}
"""Words that switch a watch on or off besides `true` and `false`."""
UsdPerMtok = Annotated[float, Field(ge=0.0)]


class ModelPrice(Spec):
    """What a model costs per million tokens. What is not said is not known, and never free."""

    input_per_mtok: UsdPerMtok | None = None
    """Of tokens of the request; a call of which it is not known has no price."""
    output_per_mtok: UsdPerMtok | None = None
    """Of tokens of the answer; a call with an answer has no price where it is not known. Write 0 where it is free."""
    cached_input_per_mtok: UsdPerMtok | None = None
    """Of tokens of the request that came from a cache; default: `input_per_mtok`."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.input_per_mtok is None and self.output_per_mtok is None:
            msg = "a price needs input_per_mtok and output_per_mtok, in USD per million tokens; 0 where it is free"
            raise ValueError(msg)
        return self


class LatencyWatch(Spec):
    """Whether the pipeline takes longer than it did, and which stage carries it."""

    least_change: Annotated[float, Field(gt=0.0)] = 0.5
    """P95 must be longer by this share before anybody is notified."""
    ttft: str | None = None
    """`stage.field` with the time to first token in milliseconds."""


class CostWatch(Spec):
    """What the model calls cost, and what a jump is made of."""

    least_change: Annotated[float, Field(gt=0.0)] = 0.5
    """The cost per hour must grow by this share before anybody is notified."""
    prices: dict[str, ModelPrice] = {}
    """Own prices by model, before the public ones."""
    currency: str = "USD"
    """Of `cost_usd` columns and own prices."""
    usd_per_unit: Annotated[float, Field(gt=0.0)] | None = None
    """What one unit of another currency is in USD; never guessed."""
    sources: Names = ()
    """`stage.field`s among which the source of a jump is sought, as workflow, prompt version or tenant; default: the
    pipeline's segments and the model."""
    loop_calls: Annotated[int, Field(ge=2)] = 8
    """So many calls of one record with the same request, or with an ever growing one, are a loop."""
    calls_asset: DataAsset | None = None
    """Text of the Airflow `Asset(...)` whose events say that new calls were written: each starts a look for loops at
    once, beside the one every five minutes."""

    @model_validator(mode="after")
    def _known_currency(self) -> Self:
        if self.currency != "USD" and self.usd_per_unit is None:
            msg = (
                f"a currency other than USD needs usd_per_unit: what one {self.currency} is in USD; nothing is guessed"
            )
            raise ValueError(msg)
        return self


class DriftWatch(Spec):
    """Whether inputs and outputs look as they did."""

    reference: Duration = timedelta(days=28)
    """The days before that are the reference; the last `every`, or several that changed alike, is compared with
    them."""
    every: Duration = timedelta(days=1)
    """How often it is looked at."""
    false_alarms_per_90_days: Annotated[float, Field(gt=0.0)] = 1.0
    """Over all columns, tests and looks."""
    least_effect: Annotated[float, Field(gt=0.0)] = 0.1
    """Smaller shifts stand in the report only: standard deviations for numbers, Cohen's h for shares."""
    ignore: Names = ()
    """`stage.field`s that are meant to change, as ids and times."""
    sample: Annotated[int, Field(ge=100)] = 1000
    """Records of each look that are kept as reference: numbers and categories, and of texts their measures."""
    embedding: str | None = None
    """Connection and path of an embeddings endpoint, asked for the texts of the sample; default: none is asked."""


class InjectionWatch(Spec):
    """Whether untrusted text carries instructions to the model."""

    fields: Names = ()
    """`stage.field`s of untrusted text; default: every text of source and retrieval stages."""
    data_fields: Names = ()
    """`stage.field`s in which nobody asks the model for anything, as answers of tools; default: those of retrievals."""
    request_fields: Names = ()
    """`stage.field`s in which people ask for something, as tickets found by a retrieval; default: all other fields."""
    threshold: Ratio = 0.5
    """Score from which a text counts as an attack."""
    guard: str | None = None
    """Connection and path of a guard endpoint whose score is taken beside the own one."""
    markers: Names = ()
    """Texts that must never stand in an answer, as a secret of the system prompt (a canary)."""


class Monitoring(Spec):
    """What is watched beside objectives; `false` switches a watch off."""

    latency: LatencyWatch | None = LatencyWatch()
    cost: CostWatch | None = CostWatch()
    drift: DriftWatch | None = DriftWatch()
    injection: InjectionWatch | None = InjectionWatch()

    @model_validator(mode="before")
    @classmethod
    def _read_switches(cls, data: object) -> object:
        """Take `drift: false` for none and `drift: true` for the defaults; `off`, `no`, `on`, `yes` alike."""
        if not isinstance(data, dict):
            return data
        read = {
            key: _SWITCHES.get(value.lower(), value) if isinstance(value, str) else value for key, value in data.items()
        }
        return {key: ({} if value else None) if isinstance(value, bool) else value for key, value in read.items()}
