"""The demo's world in one object: a model behind HTTP, an enterprise that uses it, and the tables that both leave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import sqlalchemy as sa

from seamwatch.demo.classifier import load_or_fit
from seamwatch.demo.enterprise import MODEL_NAME, QUEUE_CODES, Integration
from seamwatch.demo.faults import FAULTS, Fault
from seamwatch.demo.model_server import ModelServer
from seamwatch.demo.model_service import Health, ModelService
from seamwatch.demo.operations import CALL_PATH, USD_PER_MTOK, process_tickets
from seamwatch.demo.tickets import Ticket, make_tickets
from seamwatch.demo.training import HEALTHY, code_version, train
from seamwatch.demo.warehouse import Warehouse

TICKETS_PER_DAY = 400
_BENCHMARK_DAY, _BENCHMARK_SIZE = date(2026, 9, 15), 300
_LABELS_SEEN_AFTER = timedelta(hours=1)
"""How long after a day's end its tables are looked at: labels that come later are not there yet."""
_LABEL_DELAY_MIN, _LABEL_SPREAD = 45.0, 0.9
"""Median delay of a label in minutes, and the spread of its logarithm."""


class DemoWorld:
    """A support desk with an AI that sorts its tickets. Live days in it, faulty ones too; stop it in the end.

    Run the window of a day before the next one is lived: a degraded model is in service until then, as it would be.
    """

    def __init__(self, folder: Path, *, seed: int = 7, warehouse_url: str | None = None, model_port: int = 0) -> None:
        """Train or load the models, start their server, and create the tables with a benchmark set.

        Args:
            folder: Holds `support_dw.db` and the trained models; created if missing.
            seed: Of everything that chance decides. The same seed, day and fault give the same tickets and answers.
            warehouse_url: SQLAlchemy URL of another database for the tables.
            model_port: Port of the model server; 0 takes a free one.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._seed = seed
        self._pending_labels: list[dict[str, Any]] = []
        url = sa.make_url(warehouse_url or f"sqlite:///{(folder / 'support_dw.db').absolute()}")
        models = load_or_fit(folder / f"models-{code_version()}.joblib", train)
        self.warehouse = Warehouse(url)
        if not self.warehouse.count("benchmark_tickets"):
            self.warehouse.append({"benchmark_tickets": self._benchmark()})
        self.model_server = ModelServer(ModelService(models=models, serving=HEALTHY), port=model_port).start()

    def live_day(self, day: date, fault_name: str = "healthy", *, n_tickets: int = TICKETS_PER_DAY) -> Fault:
        """Append a day's data, with a fault from its hour of onset on, and return that fault.

        Raises:
            KeyError: If there is no such fault.
            IntegrityError: If the day was lived before.
        """
        fault = FAULTS[fault_name]
        rng = np.random.default_rng([self._seed, day.toordinal()])
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        tickets = make_tickets(day, n_tickets, rng)
        for rows, integration, serving, health in _phases([_exported(ticket) for ticket in tickets], fault, midnight):
            self.switch_model(serving=serving, health=health)
            self.warehouse.append(
                process_tickets(rows, integration, url=self.model_server.url, token=self.model_server.token)
            )
        if fault.health != "up":
            self.switch_model(serving=fault.serving, health="up")
        self._pending_labels += [
            {
                "ticket_id": ticket["ticket_id"],
                "labelled_at": ticket["updated_at"]
                + timedelta(minutes=float(rng.lognormal(np.log(_LABEL_DELAY_MIN), _LABEL_SPREAD))),
                "queue": QUEUE_CODES[ticket["true_queue"]],
            }
            for ticket in tickets
        ]
        self.deliver_labels(midnight + timedelta(days=1) + _LABELS_SEEN_AFTER)
        return fault

    def deliver_labels(self, until: datetime) -> int:
        """Write the labels that people gave until then, and return how many; the others stay on their way."""
        due = [label for label in self._pending_labels if label["labelled_at"] <= until]
        self._pending_labels = [label for label in self._pending_labels if label["labelled_at"] > until]
        self.warehouse.append({"human_labels": due})
        return len(due)

    def switch_model(self, *, serving: str = HEALTHY, health: Health = "up") -> None:
        """Put a version of the model, and a state of its provider, in force by the server's own switch."""
        response = httpx.post(
            f"{self.model_server.url}/admin/state",
            json={"serving": serving, "health": health},
            headers={"Authorization": f"Bearer {self.model_server.admin_token}"},
        )
        response.raise_for_status()

    def connections(self) -> dict[str, str]:
        """Return the environment that names the world's connections: `AIRFLOW_CONN_*` as JSON."""
        model = {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": self.model_server.port,
            "schema": "http",
            "password": self.model_server.token,
            "extra": {"path": CALL_PATH, "protocol": "openai_chat", "prices": {MODEL_NAME: USD_PER_MTOK}},
        }
        return {
            "AIRFLOW_CONN_SUPPORT_DW": json.dumps(_database_connection(self.warehouse.url)),
            "AIRFLOW_CONN_SUPPORT_MODEL": json.dumps(model),
        }

    def stop(self) -> None:
        """Stop the model server and close the database."""
        self.model_server.stop()
        self.warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _benchmark(self) -> list[Ticket]:
        tickets = make_tickets(_BENCHMARK_DAY, _BENCHMARK_SIZE, np.random.default_rng([self._seed, 0]), prefix="B")
        return [{**_exported(ticket), "queue": QUEUE_CODES[ticket["true_queue"]]} for ticket in tickets]


def _phases(
    tickets: list[Ticket], fault: Fault, midnight: datetime
) -> Iterator[tuple[list[Ticket], Integration, str, Health]]:
    """Yield the tickets before, under and after a fault, with what is in force meanwhile."""
    onset, end = midnight + timedelta(hours=fault.onset_hour), midnight + timedelta(hours=fault.end_hour)
    before = [t for t in tickets if t["updated_at"] < onset]
    under = [t for t in tickets if onset <= t["updated_at"] < end]
    after = [t for t in tickets if t["updated_at"] >= end]
    if before:
        yield before, Integration(), HEALTHY, "up"
    yield under, fault.integration, fault.serving, fault.health
    if after:
        yield after, Integration(), HEALTHY, "up"


def _exported(ticket: Ticket) -> Ticket:
    """Return what the CRM exports of a ticket."""
    return {name: value for name, value in ticket.items() if name != "true_queue"}


def _database_connection(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"conn_type": "sqlite", "host": url.database}
    connection = {
        "conn_type": "postgres" if url.get_backend_name() == "postgresql" else url.get_backend_name(),
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password,
        "schema": url.database,
        "extra": {"sqlalchemy_query": dict(url.query)} if url.query else None,
    }
    return {name: value for name, value in connection.items() if value}
