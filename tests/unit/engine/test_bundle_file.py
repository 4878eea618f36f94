"""What a bundle's file holds comes back; what is no bundle, or leads out of its folder, is refused."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parcels import write_project
from seamwatch.engine.bundle_file import Evidence, definition, pack, unpack
from seamwatch.errors import DataContractError
from seamwatch.secret_redaction import SecretRedactor
from seamwatch.spec.load import load_project

FILES = {"include/pipelines/p.yaml": b"pipeline: p\n", "include/mappings/p.py": b"\xff\x00"}
EVIDENCE = Evidence(
    pipeline="p",
    window=["2026-01-05T00:00:00+00:00", "2026-01-06T00:00:00+00:00"],
    now="2026-01-06T02:00:00+00:00",
    tables={"t": {"relation": "t", "frame": ["\ud800é", 1, 1.0, None]}},
)


def _changed(change: Callable[[dict[str, Any], dict[str, bytes]], object]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(pack(FILES, EVIDENCE))) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(entries.pop("evidence.json"))
    change(document, entries)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in {**entries, "evidence.json": json.dumps(document).encode()}.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_what_was_packed_comes_back_and_always_in_the_same_bytes() -> None:
    content = pack(FILES, EVIDENCE)
    assert unpack(content, where="x") == (FILES, EVIDENCE)
    assert pack(dict(reversed(FILES.items())), EVIDENCE) == content


def test_secrets_of_connections_are_left_out() -> None:
    evidence = replace(EVIDENCE, store={"a": 'key s3cr"et-key', "b": "pw"})
    secrets = SecretRedactor()
    secrets.learn('s3cr"et-key', "pw")
    _, found = unpack(pack({}, evidence, secrets=secrets), where="x")
    assert found.store == {"a": "key [secret]", "b": "pw"}  # too short to be told from a word


@pytest.mark.parametrize(
    "change",
    [
        lambda document, _: document.pop("format"),
        lambda document, _: document.pop("tables"),
        lambda document, _: document.update(tables=[]),
        lambda document, _: document.update(window=["2026-01-05T00:00:00+00:00"]),
        lambda document, _: document.update(now="yesterday"),
        lambda _, entries: entries.update({"project/../../evil.py": b""}),
        lambda _, entries: entries.update({"project//etc/evil": b""}),
        lambda _, entries: entries.update({"project/C:\\evil": b""}),
        lambda _, entries: entries.update({"elsewhere.py": b""}),
    ],
)
def test_a_file_that_was_changed_by_hand_is_refused(
    change: Callable[[dict[str, Any], dict[str, bytes]], object],
) -> None:
    with pytest.raises(DataContractError, match="x is no bundle, or is damaged"):
        unpack(_changed(change), where="x")


def test_damage_is_told_so_wherever_it_strikes() -> None:
    content, rng = pack(FILES, EVIDENCE), random.Random(1)
    for _ in range(400):
        damaged = bytearray(content[: rng.choice((len(content), rng.randrange(len(content))))])
        for _ in range(rng.randrange(1, 4)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            found = unpack(bytes(damaged), where="x")
        except DataContractError as error:
            assert "x is no bundle" in str(error)  # noqa: PT017
        else:
            assert found == (FILES, EVIDENCE)  # a byte that says nothing, as the time of an entry


def test_a_newer_format_names_both_versions() -> None:
    content = _changed(lambda document, _: document.update(format=99, seamwatch="9.0"))
    with pytest.raises(DataContractError, match=r"format 99, written by Seamwatch 9\.0; this is .* reads 1"):
        unpack(content, where="x")


def test_the_definition_is_the_pipeline_its_suites_and_what_references_may_read(tmp_path: Path) -> None:
    write_project(tmp_path)
    for name in ("mappings/words.txt", "mappings/.env", "mappings/__pycache__/p.pyc", "pipelines/other.yaml"):
        (tmp_path / "include" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "include" / name).write_text("x: 1")
    found = definition(tmp_path, load_project(tmp_path).pipeline("parcels"))
    assert sorted(found) == [
        "expectations/parcels/orders.json",
        "include/mappings/parcels.py",
        "include/mappings/parcels_request.yaml",
        "include/mappings/words.txt",
        "include/pipelines/parcels.yaml",
    ]
