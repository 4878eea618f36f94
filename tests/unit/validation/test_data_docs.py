"""Data Docs: pages that need no network, run nothing that stands in the data, and share one tree."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from seamwatch.validation.run import validate_query
from seamwatch.validation.suites import SuiteFile

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
SUITE = SuiteFile(
    path=Path("expectations/support/calls.json"),
    name="calls",
    expectations=({"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "queue", "value_set": ["a"]}},),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> sa.URL:
    path = tmp_path_factory.mktemp("stage") / "calls.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE calls (id INTEGER, queue TEXT)")
        connection.executemany("INSERT INTO calls VALUES (?, ?)", [(1, EVIL), (2, "a"), (3, "long " * 10_000)])
    return sa.make_url(f"sqlite:///{path}")


def write_page(database: sa.URL, folder: Path, label: str = "support.calls", run_name: str = "20260131") -> str:
    outcome = validate_query(
        database,
        "SELECT * FROM calls",
        suite=SUITE,
        key_column="id",
        stage="calls",
        label=label,
        data_docs_dir=folder,
        run_name=run_name,
    )
    assert outcome.data_docs is not None
    return outcome.data_docs


def test_page_is_linked_from_both_indexes(database: sa.URL, tmp_path: Path) -> None:
    write_page(database, tmp_path, label="claims.export")
    assert write_page(database, tmp_path, run_name="20260130") == "support/calls/20260130.html"
    assert write_page(database, tmp_path, run_name="20260131") == "support/calls/20260131.html"
    root = (tmp_path / "index.html").read_text()
    assert re.findall(r'href="(.*?)"', root) == ["claims/index.html", "support/index.html"]
    inner = (tmp_path / "support" / "index.html").read_text()
    assert re.findall(r'href="(.*?)"', inner) == ["../index.html", "calls/20260131.html", "calls/20260130.html"]


def test_every_link_of_a_page_leads_somewhere(database: sa.URL, tmp_path: Path) -> None:
    page = tmp_path / write_page(database, tmp_path)
    links = [link for link in re.findall(r'href="(.*?)"', page.read_text()) if not link.startswith("#")]
    assert links
    assert [link for link in links if not (page.parent / link).is_file()] == []


def test_page_loads_nothing_and_runs_nothing(database: sa.URL, tmp_path: Path) -> None:
    text = (tmp_path / write_page(database, tmp_path)).read_text()
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not re.search(r'<script|<link|src="http', text)
    assert "<img" not in text
    assert not re.search(r"<[^>]* onclick=", text)
    assert "&lt;img src=x" in text, "the value is shown as what it is"


def test_page_tells_what_was_found_and_cuts_gigantic_values(database: sa.URL, tmp_path: Path) -> None:
    text = (tmp_path / write_page(database, tmp_path)).read_text()
    assert "<title>support.calls 20260131</title>" in text
    assert "long long" in text
    assert len(text) < 60_000


def test_label_cannot_lead_out_of_the_folder(database: sa.URL, tmp_path: Path) -> None:
    page = write_page(database, tmp_path / "docs", label="../../x.y/../z", run_name="../a b")
    assert (tmp_path / "docs" / page).resolve().is_relative_to(tmp_path / "docs")
    assert [path.name for path in tmp_path.iterdir()] == ["docs"]


def test_pages_can_be_read_by_a_web_server(database: sa.URL, tmp_path: Path) -> None:
    page = tmp_path / write_page(database, tmp_path)
    assert page.stat().st_mode & 0o044 == 0o044


def test_two_processes_writing_at_once_leave_whole_files(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from seamwatch.validation.docs import _write
for n in range(300):
    _write(Path(sys.argv[1]) / "page.html", sys.argv[2] * 50_000)
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), letter]) for letter in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if (tmp_path / "page.html").exists():
            seen.add((tmp_path / "page.html").read_text())
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {"a" * 50_000, "b" * 50_000}
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
