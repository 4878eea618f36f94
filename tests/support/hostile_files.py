"""Pipeline files as nobody should write them: mistyped, cut, binary, huge, endless, or no files at all.

Each is one entry `include/pipelines/<name>.yaml`. Some of them are sound after all; what counts is what becomes of the
pipelines beside them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from parcels import PIPELINE

GOOD = PIPELINE.replace("ENDPOINT", '"python:parcels:model"')
Maker = Callable[[Path], None]


@dataclass(frozen=True, kw_only=True)
class HostileFile:
    """One entry of the folder of pipelines."""

    name: str
    """Of the entry, without its ending; letters, digits and underscores."""
    make: Maker
    """Makes it at a path."""


def hostile_files() -> list[HostileFile]:
    """Return at least 200 of them, always the same, each with a name of its own."""
    made: list[tuple[str, Maker]] = [
        *((f"value_{name}", _text(text)) for name, text in _wrong_values()),
        *((f"syntax_{name}", _text(text)) for name, text in _broken_syntax()),
        *((f"shape_{name}", _text(text)) for name, text in _wrong_shapes()),
        *((f"bytes_{name}", _bytes(content)) for name, content in _no_text()),
        *((f"entry_{name}", make) for name, make in _no_files()),
        *((f"cut_{n}", _text(GOOD[: len(GOOD) * n // 24])) for n in range(24)),
        *((f"damaged_{n}", _bytes(_damaged(n))) for n in range(30)),
    ]
    return [HostileFile(name=name, make=make) for name, make in made]


def _text(text: str) -> Maker:
    """Return a maker of a file whose pipeline is named after it, so that nothing but its mistake stops it."""

    def make(path: Path) -> None:
        path.write_text(text.replace("pipeline: parcels", f"pipeline: {path.stem}", 1), encoding="utf-8", newline="")

    return make


def _bytes(content: bytes) -> Maker:
    return lambda path: _write(path, content)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


VALUES = {
    "null": "null",
    "true": "true",
    "list": "[a]",
    "nested": "[[1, {a: b}]]",
    "map": "{a: 1}",
    "number": "7",
    "digits": "9" * 5000,
    "negative": "-1e309",
    "nan": ".nan",
    "day": "2026-02-30",
    "hour": "2026-01-01T25:61:00",
    "duration": "99999999999999999999w",
    "iso": "P999999999D",
    "words": "'" + "long " * 2000 + "'",
    "signs": '"\\0\\e[31m\\u202e"',
}
KEYS = ("pipeline", "description", "schedule", "start_date", "database", "key", "settle", "owners", "slack", "stages")
DEEPER = ("segments", "slos", "monitoring", "knowledge_bases", "error_budget", "isolation", "bundle", "outcome")


def _wrong_values() -> Iterator[tuple[str, str]]:
    """Yield a value of every kind at keys of every kind."""
    for number, key in enumerate((*KEYS, *DEEPER)):
        # Every key meets five of the fifteen kinds, and every kind a third of the keys.
        for kind in list(VALUES)[number % 3 :: 3]:
            yield f"{key}_{kind}", f"{_without(key)}{key}: {VALUES[kind]}\n"
    for name, old, new in (
        ("stage_name_list", "name: result,", "name: [a],"),
        ("stage_name_number", "name: result,", "name: 5,"),
        ("stage_itself", "table: results,", "table: results, input: result,"),
        ("stage_name_long", "name: result,", f"name: {'r' * 240},"),
        ("kind_list", "kind: sink", "kind: [sink]"),
        ("sample_digits", "sample: 60", f"sample: {'6' * 5000}"),
        ("accuracy_infinite", "baseline_accuracy: 0.95", "baseline_accuracy: .inf"),
        ("late_without_unit", "compare: {queue: queue}}", "compare: {queue: queue}, late_after: 7}"),
        ("compare_deep", "compare: {queue: queue}}", "compare: {queue: {column: {column: queue}}}}"),
        ("day_last", "key: id", "key: id\nstart_date: 9999-12-31\nschedule: '@daily'"),
        ("day_first", "key: id", "key: id\nstart_date: 0001-01-01\nschedule: '@daily'"),
        ("cron_never", "key: id", "key: id\nschedule: 0 0 30 2 *"),
        ("cron_long", "key: id", f"key: id\nschedule: {'1,' * 3000}1 * * * *"),
        ("cron_random", "key: id", "key: id\nschedule: R R * * *"),
        ("timeout_huge", "key: id", "key: id\nslos: [{kind: latency, threshold: 100000000000w}]"),
    ):
        assert old in GOOD, old
        yield name, GOOD.replace(old, new, 1)


def _without(key: str) -> str:
    """Return the good file without the lines of a key."""
    rows, is_left_out = [], False
    for row in GOOD.splitlines():
        if not row.startswith(" "):
            is_left_out = row.startswith(f"{key}:")
        if not is_left_out:
            rows.append(row)
    return "\n".join(rows) + "\n"


def _broken_syntax() -> Iterator[tuple[str, str]]:
    yield from {
        "empty": "",
        "comment": "# nothing\n",
        "blanks": " \n" * 50,
        "word": "pipeline\n",
        "list": "- pipeline: parcels\n",
        "number": "5\n",
        "tab": GOOD.replace("\n", "\n\t", 1),
        "tab_within": GOOD.replace("  - {name: orders", "\t- {name: orders"),
        "two_documents": f"{GOOD}---\n{GOOD}",
        "end_and_more": f"{GOOD}...\nkey: id\n",
        "quote": GOOD.replace('"@U0REL"', '"@U0REL'),
        "mention": GOOD.replace('"@U0REL"', "@U0REL"),
        "group": GOOD.replace('"!subteam^S0INT"', "!subteam^S0INT"),
        "percent": GOOD.replace("key: id", "key: %id"),
        "colon": GOOD.replace("Routes parcels", "Routes: parcels"),
        "comma": GOOD.replace("time: created_at}", "time: created_at"),
        "alias_unknown": GOOD.replace("key: id", "key: *id"),
        "alias_of_itself": f"{GOOD}segments: &s [*s]\n",
        "anchor_of_all": f"--- &all\n{GOOD}monitoring: *all\n",
        "merge_number": f"{GOOD}<<: 5\n",
        "merge_itself": f"{GOOD}bundle: &b {{<<: *b}}\n",
        "tag_python": f"{GOOD}segments: !!python/object/apply:os.system ['true']\n",
        "tag_binary": f"{GOOD}segments: !!binary aGVsbG8=\n",
        "tag_set": f"{GOOD}segments: !!set {{a, b}}\n",
        "tag_own": f"{GOOD}segments: !own x\n",
        "directive": f"%YAML 9.9\n---\n{GOOD}",
        "key_list": f"{GOOD}? [a, b]\n: c\n",
        "key_map": f"{GOOD}? {{a: b}}\n: c\n",
        "key_null": f"{GOOD}null: 1\n",
        "key_empty": f"{GOOD}'': 1\n",
        "key_twice": f"{GOOD}key: other\n",
        "carriage_returns": GOOD.replace("\n", "\r"),
        "windows": GOOD.replace("\n", "\r\n"),
        "separators": GOOD.replace("\n", "\u2028"),
        "no_break_spaces": GOOD.replace(": ", ":\u00a0"),
        "curly_quotes": GOOD.replace('"', "\u201d"),
        "mark_within": GOOD.replace("key: id", "\ufeffkey: id"),
        "nul": GOOD.replace("key: id", "key: i\x00d"),
        "bell": GOOD.replace("key: id", "key: i\x07d"),
        "escape": GOOD.replace("key: id", "key: \x1b[31mid"),
        "conflict": f"<<<<<<< HEAD\n{GOOD}=======\n{GOOD}>>>>>>> other\n",
        "template": GOOD.replace("key: id", "key: {{ id }}"),
        "json_cut": '{"pipeline": "parcels", "stages": [',
    }.items()


def _wrong_shapes() -> Iterator[tuple[str, str]]:
    levels = "\n".join(f"{'  ' * n}a:" for n in range(2000))
    bomb = [
        "l0: &l0 [x, x, x, x, x, x, x, x, x]",
        *(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)),
    ]
    merges = ["m0: &m0 {a: 1}", *(f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}], b{n}: 1}}" for n in range(1, 60))]
    stage = "  - {{name: s{n}, kind: mapping, table: t, input: s{before}}}"
    many = "\n".join(stage.format(n=n, before=n - 1) for n in range(1, 9000))
    first = "stages:\n  - {name: s0, kind: source, table: t}\n"
    head = "pipeline: parcels\ndatabase: d\nkey: id\n"
    yield from {
        "deep_lists": "a: " + "[" * 100_000,
        "deep_closed": "a: " + "[" * 20_000 + "]" * 20_000,
        "deep_maps": "a: " + "{a: " * 50_000,
        "deep_blocks": levels,
        "deep_dashes": "- " * 100_000,
        "deep_keys": "? " * 50_000,
        "bomb": "\n".join(bomb),
        "bomb_beside": f"{GOOD}{chr(10).join(bomb)}\n",
        "bomb_of_maps": "\n".join(line.replace("[", "{a: [").replace("]", "]}") for line in bomb),
        "merges": "\n".join(merges),
        "anchors": "\n".join(f"a{n}: &a{n} x" for n in range(40_000)),
        "many_keys": GOOD + "".join(f"k{n}: 1\n" for n in range(30_000)),
        "many_stages": head + first + many,
        "circle_of_stages": head + first + many + "\n  - {name: s9000, kind: mapping, table: t, input: s9000}\n",
        "many_problems": head + "stages:\n" + "  - {nmae: a, knid: b}\n" * 20_000,
        "many_segments": f"{GOOD}segments: [{', '.join(['a.b'] * 40_000)}]\n",
        "many_objectives": f"{GOOD}slos: [{', '.join(['{kind: cost}'] * 20_000)}]\n",
        "many_owners": GOOD.replace("owners: {", "owners: {" + "".join(f"r{n}: x, " for n in range(20_000))),
        "long_key": f"{GOOD}{'k' * 500_000}: 1\n",
        "long_value": GOOD.replace("Routes parcels", "Routes " + "parcels " * 100_000),
        "too_long": GOOD + "#" * 2_000_000,
        "long_number": f"{GOOD}isolation: {{repeats: {'1' * 900_000}}}\n",
    }.items()


def _no_text() -> Iterator[tuple[str, bytes]]:
    rng = random.Random(7)
    good = GOOD.encode()
    yield from {
        "random": rng.randbytes(5000),
        "random_long": rng.randbytes(3_000_000),
        "zeros": bytes(100_000),
        "latin_1": good.replace(b"Routes", b"R\xf6utes"),
        "cut_sign": good + b"# \xe2\x82",
        "surrogate": good + b"# \xed\xa0\x80",
        "overlong": good + b"# \xc0\x80",
        "mark": b"\xef\xbb\xbf" + good,
        "two_marks": b"\xef\xbb\xbf\xef\xbb\xbf" + good,
        "utf_16": GOOD.encode("utf-16"),
        "utf_16_without_mark": GOOD.encode("utf-16-le"),
        "utf_32": GOOD.encode("utf-32"),
        "gzip": b"\x1f\x8b\x08\x00" + rng.randbytes(400),
        "archive": b"PK\x03\x04" + rng.randbytes(400),
        "sqlite": b"SQLite format 3\x00" + rng.randbytes(400),
        "picture": b"\x89PNG\r\n\x1a\n" + rng.randbytes(400),
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00",
    }.items()


def _no_files() -> Iterator[tuple[str, Maker]]:
    yield "folder", lambda path: path.mkdir()
    yield "pipe", os.mkfifo
    yield "link_to_nothing", lambda path: path.symlink_to(path.with_name("nowhere"))
    yield "link_to_itself", lambda path: path.symlink_to(path)
    yield "link_to_folder", lambda path: path.symlink_to(path.parent)
    yield "link_to_endless", lambda path: path.symlink_to("/dev/zero")
    yield "link_to_nil", lambda path: path.symlink_to(os.devnull)
    yield "unreadable", _unreadable


def _unreadable(path: Path) -> None:
    _text(GOOD)(path)
    path.chmod(0)


def _damaged(seed: int) -> bytes:
    """Return the good file with some of its bytes changed, lost or doubled."""
    rng = random.Random(seed)
    content = bytearray(GOOD.encode())
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(content))
        match rng.randrange(4):
            case 0:
                content[at] = rng.randrange(256)
            case 1:
                del content[at : at + rng.randint(1, 60)]
            case 2:
                content[at:at] = content[at : at + rng.randint(1, 200)]
            case _:
                content[at:at] = rng.choice(
                    [b"{", b"[", b": ", b"- ", b"&a ", b"*a ", b"'", b'"', b"|", b"\n", b"#", b"\t"]
                )
    return bytes(content)
