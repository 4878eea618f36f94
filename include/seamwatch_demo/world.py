"""The demo's world in one object: a model behind HTTP, an enterprise that uses it, and the tables that both leave."""

from __future__ import annotations

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import sqlalchemy as sa

from seamwatch_demo.classifier import load_or_fit
from seamwatch_demo.enterprise import MODEL_NAME, QUEUE_CODES, Integration
from seamwatch_demo.faults import FAULTS, Fault
from seamwatch_demo.gateway import Gateway
from seamwatch_demo.model_server import ModelServer
from seamwatch_demo.model_service import Health, ModelService
from seamwatch_demo.operations import CALL_PATH, USD_PER_MTOK, process_tickets
from seamwatch_demo.tickets import UNSEEN, Ticket, make_tickets
from seamwatch_demo.training import HEALTHY, code_version, train
from seamwatch_demo.warehouse import WRITTEN_AT, Rows, Warehouse

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
        self._pending: Rows = defaultdict(list)
        self._day: _Day | None = None
        url = sa.make_url(warehouse_url or f"sqlite:///{(folder / 'support_dw.db').absolute()}")
        models = load_or_fit(folder / f"models-{code_version()}.joblib", train)
        self.warehouse = Warehouse(url)
        if not self.warehouse.count("benchmark_tickets"):
            self.warehouse.append({"benchmark_tickets": self._benchmark()})
        self.model_server = ModelServer(ModelService(models=models, serving=HEALTHY), port=model_port).start()
        self.gateway = Gateway(master_key=f"sk-master-{secrets.token_hex(12)}")
        self.gateway_key = self.gateway.add_key("app-trial")

    def live_day(self, day: date, fault_name: str = "healthy", *, n_tickets: int = TICKETS_PER_DAY) -> Fault:
        """Append a day's data, with a fault from its hour of onset on, and return that fault.

        Raises:
            KeyError: If there is no such fault.
            IntegrityError: If the day was lived before.
        """
        fault = self.begin_day(day, fault_name, n_tickets=n_tickets)
        self.live_until(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) + _LABELS_SEEN_AFTER)
        return fault

    def begin_day(self, day: date, fault_name: str = "healthy", *, n_tickets: int = TICKETS_PER_DAY) -> Fault:
        """Get a day ready to be lived by `live_until`, part by part, and return its fault; KeyError if it is unknown.

        Tickets of the day before that were not lived yet never come in.
        """
        fault = FAULTS[fault_name]
        rng = np.random.default_rng([self._seed, day.toordinal()])
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        tickets = make_tickets(day, n_tickets, rng)
        onset, end = (midnight + timedelta(hours=hour) for hour in (fault.onset_hour, fault.end_hour))
        change = np.random.default_rng([self._seed, day.toordinal(), 1])  # a healthy day draws the same without it
        tickets = [fault.inflow(one, change) if onset <= one["updated_at"] < end else one for one in tickets]
        self._day = _Day(tickets=tickets, fault=fault, onset=onset, end=end)
        self._pending["human_labels"] += [
            {
                "ticket_id": ticket["ticket_id"],
                "labelled_at": ticket["updated_at"]
                + timedelta(minutes=float(rng.lognormal(np.log(_LABEL_DELAY_MIN), _LABEL_SPREAD))),
                "queue": QUEUE_CODES[ticket["true_queue"]],
            }
            for ticket in tickets
        ]
        return fault

    def live_until(self, moment: datetime) -> Counter[str]:
        """Let the tickets in that came until then; return how many rows every table got that were there by then.

        Raises:
            IntegrityError: If the day was lived before.
        """
        day = self._day
        assert day is not None, "no day was begun"
        tickets = [ticket for ticket in day.tickets if ticket["updated_at"] <= moment]
        day.tickets = day.tickets[len(tickets) :]
        for rows, integration, serving, health in _phases(tickets, day):
            self.switch_model(serving=serving, health=health)
            made = process_tickets(
                [_exported(ticket) for ticket in rows],
                integration,
                url=self.model_server.url,
                token=self.model_server.token,
            )
            for table, some in made.items():
                self._pending[table] += some
            if health != "up":
                self.switch_model(serving=serving, health="up")
        return self.deliver(moment)

    def repair_day(self, day: date) -> int:
        """Make all that the integration made of a day's tickets anew, with its code as it should be; return how many.

        The model is called again, for it was asked with what was made wrongly.
        """
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        exported = self.warehouse.between("crm_tickets", midnight, midnight + timedelta(days=1))
        self.switch_model()
        made = process_tickets(exported, Integration(), url=self.model_server.url, token=self.model_server.token)
        tables = {name: rows for name, rows in made.items() if name != "crm_tickets"}
        self.warehouse.replace(tables, [row["ticket_id"] for row in exported])
        return len(exported)

    def deliver(self, until: datetime) -> Counter[str]:
        """Write the rows that are there by then, people's labels too, and return how many by table; others wait."""
        due = {table: [row for row in rows if row[WRITTEN_AT[table]] <= until] for table, rows in self._pending.items()}
        for table, rows in self._pending.items():
            self._pending[table] = [row for row in rows if row[WRITTEN_AT[table]] > until]
        self.warehouse.append(due)
        return Counter({table: len(rows) for table, rows in due.items() if rows})

    def switch_model(self, *, serving: str = HEALTHY, health: Health = "up") -> None:
        """Put a version of the model, and a state of its provider, in force by the server's own switch."""
        response = httpx.post(
            f"{self.model_server.url}/switch",
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
        admin = {**model, "password": self.model_server.admin_token, "extra": {}}
        gateway = {
            "conn_type": "http",
            "host": "127.0.0.1",
            "port": self.gateway.server_port,
            "schema": "http",
            "password": self.gateway.master_key,
        }
        return {
            "AIRFLOW_CONN_SUPPORT_MODEL_SWITCH": json.dumps(admin),
            "AIRFLOW_CONN_SUPPORT_GATEWAY": json.dumps(gateway),
            "AIRFLOW_CONN_SUPPORT_GATEWAY_KEY": json.dumps({"conn_type": "http", "password": self.gateway_key}),
            "AIRFLOW_CONN_SUPPORT_DW": json.dumps(_database_connection(self.warehouse.url)),
            "AIRFLOW_CONN_SUPPORT_MODEL": json.dumps(model),
        }

    def stop(self) -> None:
        """Stop the model server and close the database."""
        self.model_server.stop()
        self.gateway.close()
        self.warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _benchmark(self) -> list[Ticket]:
        tickets = make_tickets(_BENCHMARK_DAY, _BENCHMARK_SIZE, np.random.default_rng([self._seed, 0]), prefix="B")
        return [{**_exported(ticket), "queue": QUEUE_CODES[ticket["true_queue"]]} for ticket in tickets]


@dataclass
class _Day:
    """A day that is being lived."""

    tickets: Sequence[Ticket]
    """Those that are still to come in."""
    fault: Fault
    onset: datetime
    end: datetime


def _phases(tickets: Sequence[Ticket], day: _Day) -> Iterator[tuple[list[Ticket], Integration, str, Health]]:
    """Yield the tickets before, under and after a fault, and beside it, with what is in force meanwhile."""
    fault = day.fault
    before = [t for t in tickets if t["updated_at"] < day.onset]
    under = [t for t in tickets if day.onset <= t["updated_at"] < day.end]
    struck = [t for t in under if fault.channel in (None, t["channel"])]
    beside = [t for t in under if fault.channel not in (None, t["channel"])]
    after = [t for t in tickets if t["updated_at"] >= day.end]
    parts: tuple[tuple[list[Ticket], Integration, str, Health], ...] = (
        (before, Integration(), HEALTHY, "up"),
        (struck, fault.integration, fault.serving, fault.health),
        (beside, Integration(), fault.serving, fault.health),
        (after, Integration(), HEALTHY, "up"),
    )
    for rows, integration, serving, health in parts:
        if rows:
            yield rows, integration, serving, health


def _exported(ticket: Ticket) -> Ticket:
    """Return what the CRM exports of a ticket."""
    return {name: value for name, value in ticket.items() if name not in UNSEEN}


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
