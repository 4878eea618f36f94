"""What the schedules of actions change: what an action writes is counted, what a person sets is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from delivery.outside_systems import ConfigurationService, FaultyGateway, GatewayKey, RoutingTable

from json_config_server import JsonConfigServer


@pytest.fixture
def server() -> Iterator[JsonConfigServer]:
    running = JsonConfigServer()
    yield running
    running.close()


@pytest.fixture
def gateway() -> Iterator[FaultyGateway]:
    running = FaultyGateway()
    yield running
    running.close()


def test_writes_to_a_table_are_counted_and_those_of_a_person_are_not(tmp_path: Path) -> None:
    table = RoutingTable(tmp_path)
    table.set_by_person("first")
    by_person = (table.value(), table.n_applied("first"), table.n_written())
    with sa.create_engine(f"sqlite:///{tmp_path / 'outside.db'}").begin() as connection:
        for model in ("first", "first", "second"):
            connection.execute(sa.text("update routes set model = :model"), {"model": model})

    assert by_person == ("first", 0, 0)
    assert (table.value(), table.n_applied("first"), table.n_written()) == ("second", 2, 3)
    table.close()


def test_a_second_write_of_the_same_value_to_a_service_is_counted(server: JsonConfigServer) -> None:
    service = ConfigurationService(server)
    service.set_by_person("elsewhere")
    httpx.get(f"{server.url}/routes")
    before = service.n_written()
    for _ in range(2):
        httpx.patch(f"{server.url}/routes", json={"parcels": {"model": "first"}})

    assert (before, service.n_applied("first"), service.n_written()) == (0, 2, 2)
    assert service.value() == "first"


def test_half_of_the_limits_is_a_write(gateway: FaultyGateway) -> None:
    key = GatewayKey(gateway)
    gateway.faults = ["half"]
    gateway.update("sk-support-0123456789abcdef", {"rpm_limit": 10, "tpm_limit": 1000})

    assert key.value() == {"rpm_limit": 10, "tpm_limit": None}
    assert key.n_applied({"rpm_limit": 10, "tpm_limit": 1000}) == 1
