"""The declarative field map `include/mappings/<name>.yaml`: the reference of a common mapping without code.

```yaml
fields:
  product_name: {from: product_code, lookup: {A1: Router, B2: Phone}, default: Other}
  amount_eur: {from: amount_cents, cast: number, scale: 0.01, round: {digits: 2, mode: half_up}}
  tags: {from: labels.*.name, join: ", "}
  opened_on: {from: opened_at, date: {in: "%d/%m/%Y", out: "%Y-%m-%d"}}
  channel: {constant: email}
  title: {template: "{first_name} {last_name}"}
  queue: {from: triage_model.answer.queue, strip: true, case: lower}
  customer_id: crm_id # short for {from: crm_id}
```
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from seamwatch.spec.base import KeyForm, Scalar, Spec


class DateFormat(Spec):
    """How a date is read and written, in strptime's words; `iso` reads or writes ISO 8601."""

    in_: Annotated[str, Field(alias="in")] = "iso"
    out: str = "iso"


class Rounding(Spec):
    """To how many decimal places a number is rounded, and where a number exactly between two goes."""

    digits: Annotated[int, Field(ge=0, le=12)]
    """Decimal places."""
    mode: Literal["half_up", "half_even"] | None = None
    """`half_up` goes away from zero, as `numeric` columns do; `half_even` to the even digit, as Python's decimals and
    pandas do. Default: either neighbour of a number exactly between them is right, and it is said that a record shows
    which one it is; the reference makes the one of `half_up`."""


def _as_rounding(value: Any) -> Any:
    return {"digits": value} if isinstance(value, int | str) and not isinstance(value, bool) else value


class FieldMap(Spec):
    """What one field of the payload is made of. The steps run in the order they stand here."""

    from_: Annotated[str | None, Field(alias="from")] = None
    """`field`, `field.path` into JSON (a key may have dots; `*` takes every item of a list), or `stage.field` where two
    inputs share a name."""
    constant: Scalar = None
    template: str | None = None
    """Text with `{field}` in it."""
    join: str | None = None
    """What stands between the items of a list that becomes one text; null items are left out."""
    strip: bool = False
    case: Literal["lower", "upper", "title"] | None = None
    decimal: Literal[".", ","] | None = None
    """Sign before the fraction where a text is read as a number, the other one groups thousands; default: as the text
    shows it. A text that shows neither, as `1,234`, cannot be read; by `cast: integer` it is 1234."""
    cast: Literal["text", "integer", "number", "boolean", "json"] | None = None
    lookup: dict[str, Scalar] | None = None
    """Code table; keys are compared as text."""
    key_form: KeyForm = "exact"
    """Form in which codes are compared with the keys of the table."""
    scale: float | None = None
    """Factor of a change of unit; arithmetic is decimal, so 0.01 is a hundredth."""
    round: Annotated[Rounding, BeforeValidator(_as_rounding, json_schema_input_type=int | Rounding)] | None = None
    """Decimal places, or `{digits: 2, mode: half_up}`."""
    date: DateFormat | None = None
    default: Scalar = None
    """Instead of null, and of a code that the lookup lacks."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [n for n in ("from_", "constant", "template") if n in self.model_fields_set]
        if len(given) != 1:
            msg = "a field needs exactly one of from, constant, template"
            raise ValueError(msg)
        return self


def _as_field_map(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


class MappingSpec(Spec):
    """A whole field map; fields of the stage that it does not name are not checked."""

    description: str = ""
    fields: Annotated[
        dict[str, Annotated[FieldMap, BeforeValidator(_as_field_map, json_schema_input_type=str | FieldMap)]],
        Field(min_length=1),
    ]
