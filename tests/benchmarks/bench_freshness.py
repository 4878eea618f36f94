"""How right and how fast the checks of knowledge bases are, and what attribution says of their faults.

`make bench-freshness` runs it, writes `build/bench/freshness.json` and renews `docs/BENCHMARKS.md`; `SHORT=1` takes
fewer bases, documents and days. Fails where a figure falls below its floor.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from freshness.answers import recount, serve
from freshness.bases import CHECKED, FIRST, KINDS, make_base, plant, watch
from freshness.incidents import measure_incidents
from write_page import Figure, write_figures

from seamwatch.core.detection.rates import wilson_interval
from seamwatch.core.documents import document_id
from seamwatch.engine.freshness import check_knowledge_base
from seamwatch.spec.knowledge import DocumentIds

SEED = 20_261_124
SHORT = os.environ.get("SHORT") == "1"
BASES, DOCUMENTS, PER_KIND = (2, 200, 4) if SHORT else (12, 600, 15)
SCALE_DOCUMENTS, CHUNKS_EACH, SCALE_CHANGES = (10_000 if SHORT else 100_000), 10, 100
ROUNDS = 1 if SHORT else 3
DAYS = 1 if SHORT else 8
_FLOOR = 0.99


def bench_reasons() -> dict[str, Figure]:
    """Return precision and recall of every reason, and how often the answers' SLI equals its recount."""
    right: Counter[str] = Counter()
    said: Counter[str] = Counter()
    planted: Counter[str] = Counter()
    equal = n_checked = 0
    for number in range(BASES):
        rng = np.random.default_rng([SEED, number])
        kind = ("files", "git")[number % 2]
        with tempfile.TemporaryDirectory() as folder:
            base = make_base(Path(folder), kind, DOCUMENTS, rng, has_hash=number % 4 < 2)
            answers = serve(base, 400, rng)
            is_incremental = number % 3 > 0
            if is_incremental:
                check_knowledge_base(base.deps, base.pipeline, "base", now=FIRST + timedelta(days=1))
            plant(base, PER_KIND, rng)
            # What left the index, or was put there under an older time, no watermark tells: a full sweep finds it.
            check = check_knowledge_base(base.deps, base.pipeline, "base", is_full=True, now=CHECKED)
            found = base.deps.store.document_findings("bench", "base")
            got = {(one, str(reason)) for one, reason in zip(found["document"], found["reason"], strict=True)}
            rules = DocumentIds()
            wanted = {(document_id(name, rules), reason) for name, reason in base.planted}
            for reason in KINDS:
                mine, theirs = {x for x in got if x[1] == reason}, {x for x in wanted if x[1] == reason}
                right[reason] += len(mine & theirs)
                said[reason] += len(mine)
                planted[reason] += len(theirs)
            assert check.answers is not None
            dated = found[found["since"].notna()]
            since = {str(one): at.timestamp() for one, at in zip(dated["document"], dated["since"], strict=True)}
            ghosts = {document_id(name, rules) for name, reason in base.planted if reason in ("ghost", "missing")}
            kept = {
                key: (at, [name for name in documents if document_id(name, rules) not in ghosts])
                for key, (at, documents) in answers.items()
            }
            mine_count = sum(one.n_answers for one in check.answers.documents if one.reason in ("stale", "duplicate"))
            theirs_count = sum(
                recount(base, {key: (at, [name])}, since) for key, (at, names) in kept.items() for name in names
            )
            n_checked += 1
            equal += mine_count == theirs_count
            base.close()
    figures = {}
    for reason in KINDS:
        figures[f"{reason}_precision"] = _share(right[reason], said[reason])
        figures[f"{reason}_recall"] = _share(right[reason], planted[reason])
    figures["answer_sli_equals_recount"] = _share(equal, n_checked)
    return figures


def bench_scale() -> dict[str, Figure]:
    """Return seconds of a full sweep, of an incremental check after 100 changes, and of a bare SQL anti-join."""
    full, incremental, joined = [], [], []
    for number in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            engine = _large_base(Path(folder))
            source = {
                "kind": "sql",
                "table": "documents",
                "document": "name",
                "content_hash": "hash",
                "changed_at": "changed_at",
            }
            deps, pipeline = watch(Path(folder), "sql", has_hash=True, source=source)
            check_knowledge_base(deps, pipeline, "base", now=FIRST + timedelta(days=1))
            rng = np.random.default_rng([SEED, 1, number])
            changed = [f"doc-{n}" for n in rng.choice(SCALE_DOCUMENTS, SCALE_CHANGES, replace=False)]
            with engine.begin() as connection:
                connection.execute(
                    sa.text("UPDATE documents SET hash = 'changed', changed_at = :at WHERE name = :name"),
                    [{"name": name, "at": (FIRST + timedelta(days=2)).isoformat(" ")} for name in changed],
                )
            started = time.perf_counter()
            check = check_knowledge_base(deps, pipeline, "base", now=FIRST + timedelta(days=1, hours=2))
            incremental.append(time.perf_counter() - started)
            assert (check.is_full, check.by_reason) == (False, {"stale": SCALE_CHANGES}), check
            started = time.perf_counter()
            with engine.connect() as connection:
                n = len(connection.execute(sa.text(_ANTI_JOIN)).all())
            joined.append(time.perf_counter() - started)
            assert n == SCALE_CHANGES
            started = time.perf_counter()
            swept = check_knowledge_base(deps, pipeline, "base", is_full=True, now=FIRST + timedelta(days=1, hours=3))
            full.append(time.perf_counter() - started)
            assert swept.by_reason == {"stale": SCALE_CHANGES}
            deps.store.close()
            engine.dispose()
    beside = {"full_sweep": statistics.median(full), "bare_sql_anti_join": statistics.median(joined)}
    return {
        "incremental_seconds": _seconds(incremental, beside),
        "full_sweep_seconds": _seconds(full, {"bare_sql_anti_join": beside["bare_sql_anti_join"]}),
    }


_ANTI_JOIN = """
SELECT d.name FROM documents d
LEFT JOIN (SELECT DISTINCT document, hash FROM chunks) c ON c.document = d.name AND c.hash = d.hash
WHERE c.document IS NULL
"""


def _large_base(folder: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{folder / 'dw.db'}")
    at, indexed = FIRST.isoformat(" "), (FIRST + timedelta(hours=1)).isoformat(" ")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE documents (name TEXT PRIMARY KEY, hash TEXT, changed_at TIMESTAMP)"))
        connection.execute(
            sa.text(
                "CREATE TABLE chunks (document TEXT, chunk INT, chunks INT, text TEXT, hash TEXT, "
                "indexed_at TIMESTAMP, model TEXT)"
            )
        )
        connection.execute(sa.text("CREATE TABLE served (id TEXT, served_at TIMESTAMP, documents TEXT)"))
        connection.execute(sa.text("CREATE INDEX of_changed ON documents (changed_at)"))
        numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :last) "
        connection.execute(
            # Written over the two years before, a document every ten minutes or so.
            sa.text(
                f"INSERT INTO documents {numbers} SELECT 'doc-' || i, 'h' || i, "
                "datetime(:at, '-' || (10 * (:last - i)) || ' minutes') FROM n"
            ),
            {"last": SCALE_DOCUMENTS - 1, "at": at},
        )
        connection.execute(
            sa.text(
                f"INSERT INTO chunks {numbers} SELECT 'doc-' || (i / :each), i % :each, :each, 'text', "
                "'h' || (i / :each), datetime(:at, '-' || (10 * (:documents - i / :each)) || ' minutes'), 'm' FROM n"
            ),
            {
                "last": SCALE_DOCUMENTS * CHUNKS_EACH - 1,
                "each": CHUNKS_EACH,
                "at": indexed,
                "documents": SCALE_DOCUMENTS - 1,
            },
        )
        connection.execute(sa.text("CREATE INDEX of_document ON chunks (document)"))
        connection.execute(sa.text("CREATE INDEX of_indexed ON chunks (indexed_at)"))
    return engine


def _share(n: int, of: int) -> Figure:
    low, high = wilson_interval(n, of) or (0.0, 1.0)
    return Figure(value=n / of if of else 0.0, low=low, high=high, unit="share", rival={})


def _seconds(rounds: list[float], rival: dict[str, float]) -> Figure:
    return Figure(value=statistics.median(rounds), low=min(rounds), high=max(rounds), unit="s", rival=rival)


def main() -> None:
    """Run all parts."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    figures: dict[str, Figure] = {}
    for name, part in (
        ("reasons", bench_reasons),
        ("scale", bench_scale),
        ("incidents", lambda: measure_incidents(DAYS, seed=SEED)),
    ):
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures |= part()
    command = f"{'SHORT=1 ' if SHORT else ''}make bench-freshness"
    about = (
        f"{BASES} bases of {DOCUMENTS} documents in folders and git, {PER_KIND} faults of each kind and as many "
        f"harmless edits; {SCALE_DOCUMENTS * CHUNKS_EACH:,} chunks of {SCALE_DOCUMENTS:,} documents with "
        f"{SCALE_CHANGES} changes; {DAYS} days of each fault, and as many healthy ones, of an assistant over HTTP"
    )
    write_figures("freshness", figures, command=command, seed=SEED, about=about, notes=_NOTES, renews_page=not SHORT)
    for name, figure in figures.items():
        print(f"{name}: {figure.value:.4g} ({figure.low:.4g} to {figure.high:.4g}) {figure.unit} {dict(figure.rival)}")
    below = [
        f"{name} is {figure.value:.4f}, at least {_FLOOR} is held"
        for name, figure in figures.items()
        if name.endswith(("_precision", "_recall", "_recount")) and figure.value < _FLOOR
    ]
    if below:
        sys.exit("; ".join(below))


_NOTES = """\
Half of the bases have an index that records content hashes; in the others only times and the chunks' texts tell, and
the check reads the texts of what its times make doubtful, and a document is there twice under two forms of its id (two
versions under one id are not told apart without a hash). Of three bases two were checked before the faults were
planted. The harmless edits are a file's time alone, an id in another case and path form, and a change that was indexed.

The incremental check reads what changed at the source and in the index since the last one, and judges those documents
alone; the anti-join names documents whose hash is not in the index, and nothing else: no reason, no time, no answers.
On a machine that does other work too the seconds say little; the full sweep beside the incremental check says more.

Incidents: an assistant over 43 policies answers 260 questions a day; in each faulty day one document is outdated, gone
at the source, missing from the index, or in it twice. What is behind a wrong answer is known by serving the question
from the index as it should be: right then, the knowledge base; else the model. Of samples 0.97
is wanted: the failing records of a faulty day fit the calls of a run, so once the sample shows a change all of them are
replayed; those of a healthy day are a sample and its like, and the model's."""


if __name__ == "__main__":
    main()
