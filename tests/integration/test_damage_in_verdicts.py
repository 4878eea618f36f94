"""What verdicts and headlines say of the damage, end to end: of the right stage, and of the fields that have it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from parcels import FIELD_MAP, QUEUES, WINDOW, answer_of, fill_database, make_deps, write_project
from seamwatch.core.results import Attribution
from seamwatch.engine.attribute import attribute_window

pytestmark = pytest.mark.integration

_FIRST = 100
"""Number of the first order that a fault strikes."""


def _attribute(root: Path, strike: Callable[[sa.Connection], None], *, field_map: str = FIELD_MAP) -> Attribution:
    write_project(root)
    (root / "include/mappings/parcels_request.yaml").write_text(field_map)
    url = f"sqlite:///{root / 'parcels.db'}"
    fill_database(url, "")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        strike(connection)
    engine.dispose()
    deps = make_deps(root, {"AIRFLOW_CONN_PARCELS_DB": url})
    return attribute_window(deps, deps.project.pipeline("parcels"), WINDOW)


def _rewrite(connection: sa.Connection, number: int, product: str, amount: float, *, text: str) -> None:
    """Make an order be carried on with another request, and a text of its own in the prompt."""
    said, paid = text.split()
    answer = answer_of(said, float(paid))
    queue = QUEUES[json.loads(answer)["queue"]]
    body = json.dumps({"model": "rules-1", "messages": [{"role": "user", "content": text}], "temperature": 0})
    for statement in (
        "UPDATE requests SET product = :product, amount = :amount WHERE id = :id",
        "UPDATE calls SET body = :body, answer = :answer WHERE id = :id",
        "UPDATE results SET queue = :queue WHERE id = :id",
        "UPDATE routing SET queue = :queue WHERE id = :id",
    ):
        values = {"product": product, "amount": amount, "body": body, "answer": answer, "queue": queue, "id": number}
        connection.execute(sa.text(statement), values)


def test_a_verdict_names_the_fields_of_its_own_stage_where_two_stages_must_be_repaired(tmp_path: Path) -> None:
    def strike(connection: sa.Connection) -> None:
        struck = sa.text("SELECT id, cents FROM orders WHERE code = 'B' AND cents < 50000 AND id >= :first")
        for number, cents in connection.execute(struck, {"first": _FIRST}).all():
            _rewrite(connection, number, "bill", cents / 100, text="bill 0.0")

    found = _attribute(tmp_path, strike)
    (cause,) = (one for one in found.causes if one.is_change and one.stage == "request")
    assert cause.fields == ("product",)
    assert cause.headline == (
        "Integration failure at request: product is wrong by its code table. The model is not at fault."
    )
    both = [verdict for verdict in found.verdicts if len(verdict.parts) > 1]
    assert len(both) > 20
    told = "request (product) and prompt (body.messages.0.content) are done as the reference says"
    assert {told in verdict.explanation for verdict in both} == {True}
    assert {verdict.fields for verdict in both} == {("product",)}


def test_an_outdated_table_keyed_by_an_input_is_named(tmp_path: Path) -> None:
    now = {"A": "router", "B": "phone", "C": "bill", "D": "router", "E": "phone", "F": "bill"}
    old = {"A": "phone", "B": "bill", "C": "router", "D": "bill", "E": "router", "F": "phone"}

    def strike(connection: sa.Connection) -> None:
        for number, code, cents in connection.execute(sa.text("SELECT id, code, cents FROM orders")).all():
            newer = "ABCDEF"["ABC".index(code) + 3 * (number % 2)]
            connection.execute(sa.text("UPDATE orders SET code = :code WHERE id = :id"), {"code": newer, "id": number})
            if number >= _FIRST:
                amount = round(cents * 0.01, 2)
                _rewrite(connection, number, old[newer], amount, text=f"{old[newer]} {amount}")

    table = ", ".join(f"{code}: {product}" for code, product in now.items())
    found = _attribute(tmp_path, strike, field_map=FIELD_MAP.replace("A: router, B: phone, C: bill", table))
    cause = found.leading
    assert cause is not None
    assert (cause.stage, cause.fields, cause.kind) == ("request", ("product",), "code_table")
    told = next(verdict.explanation for verdict in found.verdicts if verdict.stage == "request")
    shown = next(code for code in now if f"where orders.code is {code}," in told)
    assert f"{now[shown]} is expected and {old[shown]} recorded, for example." in told
