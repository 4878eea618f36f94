"""Random schedules of workers, kills, faults of Slack and changed pipeline files: each pipeline is told of once."""

from __future__ import annotations

import random
import shutil
import threading
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from faulty_slack import Fault
from review_channels import MONDAY, Channels, names_in, open_channels, other_store, write_pipelines
from seamwatch.adapters.base import Notifier
from seamwatch.engine.deliver import deliver_pending
from seamwatch.engine.deps import Deps
from seamwatch.vocabulary import DeliveryState

pytestmark = pytest.mark.integration
ALL = ("parcels", "letters", "returns")
FAULTS = (
    *[Fault(kind) for kind in ("taken_reset", "taken_cut", "reset", "late")],
    *[Fault("taken_status", "500"), Fault("status", "503"), Fault("limit", "1.5"), Fault("limit", "soon")],
    *[Fault("taken_garbage", "[]"), Fault("refuse", "invalid_auth"), Fault("refuse", "channel_not_found")],
)
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 20, 40, 80, 130, 300))


class Killed(BaseException):
    """A worker that is gone: nothing of it goes on, and nothing is tidied up."""


@dataclass
class Doomed:
    """A notifier whose worker may be killed before or after any of its calls."""

    notifier: Notifier
    rng: random.Random

    def __getattr__(self, name: str) -> object:
        call = getattr(self.notifier, name)

        def may_die(*args: object, **kwargs: object) -> object:
            dies = self.rng.choice(("before", "after", "not", "not", "not", "not"))
            if dies == "before":
                raise Killed
            answer = call(*args, **kwargs)
            if dies == "after":
                raise Killed
            return answer

        return may_die


class Schedule:
    """What happens to the digests of one week."""

    def __init__(self, channels: Channels, url: str, rng: random.Random) -> None:
        self.channels, self.url, self.rng = channels, url, rng
        self.n_kills = 0

    def play(self) -> None:
        acts = (self.work, self.work, self.work_together, self.wait, self.wait, self.move, self.retry, self.enqueue)
        self.enqueue()
        for _ in range(self.rng.randint(4, 10)):
            self.channels.faults += self.rng.choices((None, None, *FAULTS), k=self.rng.randint(0, 3))
            self.rng.choice(acts)()

    def settle(self) -> None:
        """Mend everything, and let some hours pass."""
        self.channels.faults.clear()
        for _ in range(6):
            self.channels.deliver(after=timedelta(hours=1))

    def work(self) -> None:
        self._deliver(self._doomed(self.channels.deps, self.rng.random()))

    def work_together(self) -> None:
        workers = [self._doomed(other_store(self.channels.deps, self.url), self.rng.random()) for _ in range(2)]
        threads = [threading.Thread(target=self._deliver, args=(one,)) for one in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for worker in workers:
            worker.store.close()

    def wait(self) -> None:
        self.channels.now[0] += self.rng.choice(PAUSES)

    def move(self) -> None:
        self.channels.move(self.rng.choice(ALL), self.rng.choice(("#incidents", "#returns", "#new")))

    def retry(self) -> None:
        self.channels.deps.store.weekly_digests.retry(now=self.channels.now[0])

    def enqueue(self) -> None:
        self.channels.close(*ALL)

    def _doomed(self, deps: Deps, seed: float) -> Deps:
        rng = random.Random(seed)
        return replace(deps, notifier=lambda conn_id: Doomed(self.channels.deps.notifier(conn_id), rng))  # type: ignore[arg-type, return-value]

    def _deliver(self, deps: Deps) -> None:
        self.channels.slack.take_late_calls()
        try:
            deliver_pending(deps, sleep=self.channels.sleep)
        except Killed:
            self.n_kills += 1


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template")
    write_pipelines(root)
    with open_channels(root):
        pass
    return root


@pytest.mark.parametrize("seed", range(6))
def test_ten_schedules_lose_and_double_nothing(template: Path, tmp_path: Path, seed: int) -> None:
    n_kills, problems = 0, list[str]()
    for number in range(10):
        root = tmp_path / str(number)
        shutil.copytree(template, root)
        with open_channels(root) as channels:
            schedule = Schedule(channels, f"sqlite:///{root / 'store.db'}", random.Random(f"{seed}/{number}"))
            schedule.play()
            schedule.settle()
            n_kills += schedule.n_kills
            assert channels.now[0] - MONDAY < timedelta(hours=12)
            told = Counter(name for one in channels.heads for name in names_in(one))
            unsent = [one for one in channels.digests if one.state in (DeliveryState.PENDING, DeliveryState.FAILED)]
            if told != Counter(ALL) or unsent:
                problems.append(f"schedule {seed}/{number}: told {dict(told)}, {len(unsent)} unsent")
    assert problems == []
    assert n_kills > 0
