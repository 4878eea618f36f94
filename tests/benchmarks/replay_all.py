"""How the processor time of an attribution grows with its records, where every failing one is replayed.

`PYTHONPATH=include python tests/benchmarks/replay_all.py 1500 3000 12000` prints it for any sizes, with a digest of the
verdicts.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

# The notifier of `attribution.ask` is that of the tests.
sys.path.append(str(Path(__file__).parents[1] / "support"))

from attribution.ask import make_store_template
from attribution.incident import Injected, Plan, make_incident, write_incident
from attribution.rivals import answers_of, look
from attribution.server import Played
from write_page import Figure

from seamwatch.core.attribution.evidence import gather
from seamwatch.core.attribution.records import attribute_records
from seamwatch.core.replays import ModelAnswer, ModelCall
from seamwatch.spec.pipeline import Isolation, Stage

_SEED = 20_261_129


def attribute(n: int) -> tuple[float, int, str]:
    """Return seconds of processor time, calls and a digest of the verdicts, for `n` records that carry another's form.

    Which of its many foreign fields a record's outcome needs differs, and is searched for each. The model answers
    within the process: reading the window and sending calls over HTTP are not measured.
    """
    plan = Plan(
        family="large",
        shape="claims",
        seed=_SEED,
        n=n,
        faults=(Injected(name="form_crossed", onset=0.0, severity=1.0),),
        flip_rate=0.05,
    )
    incident = make_incident(plan)
    with tempfile.TemporaryDirectory() as folder:
        write_incident(incident, Path(folder))
        seen = look(incident, Path(folder), make_store_template(Path(folder)))
    [stage] = incident.shape.models
    assert stage.task is not None
    player = Played(task=stage.task, law=incident.laws_today[stage.name], protocol=stage.protocol)
    known: dict[tuple[str, int], ModelAnswer] = {}

    def ask(_: Stage, calls: Sequence[ModelCall]) -> list[ModelAnswer]:
        for call in calls:
            if (call.body, call.attempt) not in known:
                [known[call.body, call.attempt]] = answers_of(player, [call])
        return [known[call.body, call.attempt] for call in calls]

    began = time.process_time()
    evidence = gather(seen.world, seen.judged[seen.judged.isin(seen.failing)], {})
    found = attribute_records(evidence, ask, Isolation(mode="exhaustive"))
    taken = time.process_time() - began
    return taken, player.calls, hashlib.sha256(repr(found.verdicts).encode()).hexdigest()[:16]


def measure_replay_all(*, few: int, many: int) -> dict[str, Figure]:
    """Return the seconds for `many` records, and how much more a record takes there than among `few`."""
    (first, _, _), (seconds, n_calls, _) = attribute(few), attribute(many)
    growth = seconds / many / (first / few)
    beside = {f"{few:,} records": first, "calls": float(n_calls)}
    return {
        "replay_all_cpu_seconds": Figure(
            seconds, seconds, seconds, f"s of processor time, {many:,} records all replayed", beside
        ),
        "replay_all_growth": Figure(growth, growth, growth, f"times the time of a record among {few:,}", {}),
    }


def main() -> None:
    warnings.simplefilter("ignore")
    for n in map(int, sys.argv[1:]):
        seconds, n_calls, digest = attribute(n)
        print(f"{n} records: {seconds:.1f} s of processor time, {n_calls} calls, verdicts {digest}", flush=True)


if __name__ == "__main__":
    main()
