"""The data docs: those files are served, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugin_pages import Client

pytestmark = [
    pytest.mark.integration,
    # Of Airflow's own API server.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_data_docs_are_served_as_what_they_are(client: Client, project: Path) -> None:
    viewer = client("viewer")
    docs = sorted((project / "data" / "data_docs" / "parcels").rglob("*.html"))
    assert docs
    for file in docs:
        path = file.relative_to(project / "data" / "data_docs").as_posix()
        answer = viewer.get(f"/seamwatch/data-docs/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "../seamwatch.db",
        "..%2fseamwatch.db",
        "parcels/../../seamwatch.db",
        "parcels/%2e%2e/%2e%2e/seamwatch.db",
        "parcels/..%5c..%5cseamwatch.db",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "parcels",
        "parcels/",
        "parcels/none.html",
        "index.html",
        "",
    ],
)
def test_nothing_but_data_docs_can_be_reached(client: Client, project: Path, path: str) -> None:
    (project / "data" / "data_docs" / "index.html").touch()
    assert client("admin").get(f"/seamwatch/data-docs/{path}").status_code in (404, 307)


def test_a_link_out_of_the_folder_is_not_followed(client: Client, project: Path) -> None:
    (project / "data" / "data_docs" / "parcels" / "out.html").symlink_to(project / "include/pipelines/parcels.yaml")
    assert client("admin").get("/seamwatch/data-docs/parcels/out.html").status_code == 404
