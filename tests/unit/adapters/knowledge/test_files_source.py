"""Documents in a folder: odd entries and names, bad dates, and walks against a brute-force account."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge.files import FilesDocuments
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, content_hash
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import FilesSource

FIRST = datetime(2026, 1, 5, 8, tzinfo=UTC)


def opened(folder: Path, *, hash_name: str = "sha256", **spec: Any) -> FilesDocuments:
    place = Place(
        name="p.kb",
        project_dir=folder,
        connections=EnvironmentConnections({}),
        database="dw",
        cache_dir=folder / "cache",
    )
    return FilesDocuments(
        FilesSource.model_validate({"kind": "files", "path": "kb"} | spec), place, hash_name=hash_name
    )


def write(path: Path, content: str | bytes, hours: float = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    at = (FIRST + timedelta(hours=hours)).timestamp()
    os.utime(path, (at, at))


def facts(listing: SourceListing) -> dict[str, Any]:
    return {str(raw): value for raw, value in listing.documents["content_hash"].items()}


def known_of(listing: SourceListing) -> dict[str, Known]:
    return {str(raw): Known(row["version"], row["content_hash"]) for raw, row in listing.documents.iterrows()}


def mark(text: str) -> str:
    return content_hash(text.encode())


def test_what_is_no_file_is_no_document_and_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    write(tmp_path / "kb/a.md", "a")
    write(tmp_path / "secret/b.md", "b")
    os.mkfifo(tmp_path / "kb/pipe.md")  # reading it would wait for ever
    (tmp_path / "kb/same.md").symlink_to("a.md")
    (tmp_path / "kb/lost.md").symlink_to("nowhere.md")
    (tmp_path / "kb/round.md").symlink_to("round.md")
    (tmp_path / "kb/up").symlink_to(tmp_path / "secret", target_is_directory=True)
    (tmp_path / "kb/out.md").symlink_to(tmp_path / "secret/b.md")
    source = opened(tmp_path)
    listing = source.listing(None, {})
    assert facts(listing) == {"a.md": mark("a"), "same.md": mark("a"), "lost.md": None, "round.md": None}
    assert listing.documents.at["lost.md", "problem"] == "it is a link that leads nowhere"
    asked = [
        "same.md",
        "out.md",
        "up/b.md",
        "../secret/b.md",
        str(tmp_path / "secret/b.md"),
        "a\0",
        "x" * 5000,
        "",
        ".",
    ]
    assert source.read(asked) == {"same.md": "a"}


def test_a_file_that_cannot_be_read_is_told_the_rest_is_listed_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "kb/a.md", "a")
    write(tmp_path / "kb/b.md", "b")
    whole = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "a.md":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    source = opened(tmp_path)
    with monkeypatch.context() as broken:  # a superuser may read whatever the file's mode says
        broken.setattr(Path, "read_bytes", refuse)
        listing = source.listing(None, {})
        assert source.read(["a.md", "b.md"]) == {"b.md": "b"}
    assert facts(listing) == {"a.md": None, "b.md": mark("b")}
    assert listing.documents.at["a.md", "problem"] == "Permission denied"
    again = source.listing(listing.watermark, known_of(listing))
    assert facts(again) == {"a.md": mark("a")}


def test_a_folder_that_cannot_be_listed_is_never_a_part_taken_for_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "kb/a.md", "a")
    write(tmp_path / "kb/closed/b.md", "b")
    whole = os.scandir

    def refuse(folder: str) -> Any:
        if "closed" in folder:
            raise PermissionError(13, "Permission denied")
        return whole(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(KnowledgeError, match=r"p\.kb: .*closed.* cannot be listed \(Permission denied\)") as told:
        opened(tmp_path).listing(None, {})
    assert told.value.retryable
    with pytest.raises(KnowledgeError, match=r"a\.md is no folder; correct source\.path"):
        opened(tmp_path, path="kb/a.md").listing(None, {})


def test_a_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "kb").mkdir()
    name = os.path.join(os.fsencode(tmp_path / "kb"), b"caf\xe9.md")
    with open(name, "wb") as file:
        file.write(b"a")
    listing = opened(tmp_path).listing(None, {})
    assert listing.documents["problem"].to_dict() == {"caf�.md": "its name is no UTF-8 text; rename it"}


@pytest.mark.parametrize("hash_name", ["sha256", "sha1", "md5", "git"])
@pytest.mark.parametrize("before", ["sha256", "sha1", "md5", "git"])
def test_a_known_hash_of_another_kind_is_not_taken_over(tmp_path: Path, before: str, hash_name: str) -> None:
    write(tmp_path / "kb/a.md", "a")
    known = known_of(opened(tmp_path, hash_name=before).listing(None, {}))
    for since in (None, "walked"):
        found = {raw: one.content_hash for raw, one in known.items()} | facts(
            opened(tmp_path, hash_name=hash_name).listing(since, known)
        )
        assert found == {"a.md": content_hash(b"a", hash_name)}


def test_a_file_that_is_known_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "kb/a.md", "a")
    source = opened(tmp_path)
    known = known_of(source.listing(None, {}))
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} is read"))
    assert facts(source.listing(None, known)) == {"a.md": mark("a")}
    assert facts(source.listing("walked", known)) == {}


def test_dates_of_expiry_are_read_in_every_form_and_bad_ones_are_told(tmp_path: Path) -> None:
    cases = {
        "2026-03-01": "2026-03-01T23:59:59.999999+00:00",
        "'2026-03-01'": "2026-03-01T23:59:59.999999+00:00",
        "9999-12-31": "9999-12-31T23:59:59.999999+00:00",
        "2026-03-01T10:00:00": "2026-03-01T10:00:00+00:00",
        "2026-03-01T10:00:00+02:00": "2026-03-01T08:00:00+00:00",
        "": None,
        "2026-02-30": "its front matter holds a date that there is not",
        "[" * 3000: "its front matter is no YAML",
        "soon": "review is no date; write it as 2026-01-31",
        "[2026-03-01]": "review is no date; write it as 2026-01-31",
        "true": "review is no date; write it as 2026-01-31",
        "20260301": "review is no date; write it as 2026-01-31",
        "0001-01-01T00:00:00+14:00": "review is no date; write it as 2026-01-31",
    }
    for n, value in enumerate(cases):
        write(tmp_path / f"kb/{n:02}.md", f"---\r\ntitle: x\r\nreview: {value}\r\n---\r\ntext")
    for n, text in enumerate((b"---\nreview: \xff\n---\n", b"---\n{}\n---\n\xff", b"no front matter", b"")):
        write(tmp_path / f"kb/z{n}.md", text)
    rows = opened(tmp_path, expires="review").listing(None, {}).documents
    assert rows["content_hash"].notna().all()
    for n, told in enumerate(cases.values()):
        row = rows.loc[f"{n:02}.md"]
        found = row["problem"] or (row["expires_at"].isoformat() if row["expires_at"] == row["expires_at"] else None)
        assert found == told
    assert rows.loc[[f"z{n}.md" for n in range(4)], "problem"].tolist() == [
        "its front matter is no YAML", None, None, None,
    ]  # fmt: skip


_STATES = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(["a.md", "x/b.md", "x/y/c.md"]), st.sampled_from("12")), st.booleans()),
    min_size=1,
    max_size=5,
)


@given(states=_STATES)
@settings(max_examples=40, deadline=None)
def test_walks_add_up_to_the_folder(tmp_path_factory: pytest.TempPathFactory, states: Sequence[Any]) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "kb").mkdir()
    source = opened(folder)
    watermark: str | None = None
    known: dict[str, Known] = {}
    for n, (texts, is_full) in enumerate(states):
        for path in list((folder / "kb").rglob("*.md")):
            if texts.get(path.relative_to(folder / "kb").as_posix()) != path.read_text():
                path.unlink()
        for name, text in texts.items():
            if not (folder / "kb" / name).exists():
                write(folder / "kb" / name, text, hours=n)
        listing = source.listing(None if is_full else watermark, known)
        kept = {} if listing.is_complete else {raw: one for raw, one in known.items() if raw not in listing.gone}
        known, watermark = kept | known_of(listing), listing.watermark
        assert {raw: one.content_hash for raw, one in known.items()} == {raw: mark(text) for raw, text in texts.items()}
