"""A model that judges answers by a rubric: what it is asked, where, and what that may cost."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from seamwatch.spec.base import Name, Names, Scalar, Spec
from seamwatch.spec.endpoint import EndpointAddress


class Pairwise(Spec):
    """The judge compares two answers instead of judging one; it is asked twice, in both orders."""

    against: str
    """`stage.field` with the other answer, one that is known to be good enough: a person's, or that of the release in
    use. An answer is right where the judge finds it as good, or better, in both orders."""


class JudgeModel(Spec):
    """A judge model. Not trusted on its own: how often it errs is measured against people's labels."""

    kind: Literal["judge"]
    name: Name = "judge"
    """Unique among the pipeline's evaluators."""
    endpoint: EndpointAddress
    """How the judge is called, as at a model stage: mostly `connection` or `connection/path`."""
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Its name, where requests of the endpoint's protocol name one."""
    rubric: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
    """When an answer is right, in words; the only instructions besides those on the form of the verdict."""
    answer: str | None = None
    """`stage.field` that is judged; default: as for every evaluator."""
    question: str | None = None
    """`stage.field` that was answered."""
    context: Names = ()
    """`stage.field`s with what the answer had to rest on, as `kb_lookup.contents`."""
    reference: str | None = None
    """`stage.field` with an answer that is known to be right."""
    pairwise: Pairwise | None = None
    """Compare with another answer; none means: each answer is judged alone."""
    control: bool = True
    """Ask once more about each answer that passed, with the order to be unsure whatever the texts say: a judge that is
    not follows a text instead of its instructions, and the answer has no verdict. A judge that cannot follow this
    order with a harmless text either is not controlled, and that is said."""
    parameters: dict[str, Scalar] = {}
    """Further keys of every request, as `temperature`, that the endpoint knows."""
    max_output_tokens: Annotated[int, Field(ge=50, le=100_000)] = 1_000
    """Longest verdict, thoughts of the judge among it; a verdict cut short there is none."""
    sample: Annotated[int, Field(ge=1)] = 500
    """Most answers of a window that are judged: of more, a uniform sample."""
    max_calls_per_day: Annotated[int, Field(ge=0)] = 2_000
    """Calls of this judge in one UTC day, beside those for replays."""
    max_usd_per_day: Annotated[float, Field(ge=0)] = 5.0
    """Money of this judge in one UTC day; one without a known price is limited by its calls only."""

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if self.pairwise is not None and self.reference is not None:
            msg = "pairwise and reference exclude each other: the answer compared with is that of pairwise.against"
            raise ValueError(msg)
        return self
