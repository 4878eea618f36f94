"""Pages of a real HTTP server: validators, visible text, sitemaps of any kind, and sites that misbehave."""

from __future__ import annotations

import gzip
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.adapters.connections import EnvironmentConnections
from seamwatch.adapters.knowledge import web
from seamwatch.adapters.knowledge.place import Place
from seamwatch.adapters.knowledge.web import WebDocuments, visible_text
from seamwatch.core.documents import Known, SourceListing, content_hash
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import WebSource


class Site:
    """A web site in a thread; counts what is asked for, and answers conditional requests."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: Counter[tuple[str, int]] = Counter()
        self.logins: set[str | None] = set()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = site.pages.get(self.path, (404, {}, b""))
                site.logins.add(self.headers.get("Authorization"))
                pairs = (("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since"))
                is_same = any(name in headers and headers[name] == self.headers.get(asked) for name, asked in pairs)
                if is_same:
                    # As many servers do, without Last-Modified.
                    status, headers, body = 304, {}, b""
                site.asked[self.path, status] += 1
                if status == 0:
                    return  # hang up
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def page(self, path: str, text: str, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (200, {"Content-Type": "text/html", **named}, f"<p>{text}</p>".encode())

    def sitemap(self, *paths: str, at: str = "/sitemap.xml", lastmod: str = "") -> None:
        when = f"<lastmod>{lastmod}</lastmod>" if lastmod else ""
        urls = "".join(f"<url><loc>{self.address(path)}</loc>{when}</url>" for path in paths)
        self.pages[at] = (
            200,
            {},
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode(),
        )

    def address(self, path: str) -> str:
        return path if "://" in path else self.url + path


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def opened(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(web, "_WAIT_S", 0.01)
    sources: list[WebDocuments] = []

    def open_one(*, url: str | None = None, hash_name: str = "sha256", **spec: Any) -> WebDocuments:
        place = Place(
            name="p.kb",
            project_dir=tmp_path,
            connections=EnvironmentConnections({"AIRFLOW_CONN_SITE": url or site.url}),
            database="dw",
            cache_dir=tmp_path / "cache",
        )
        given = WebSource.model_validate({"kind": "web", "connection": "site"} | spec)
        sources.append(WebDocuments(given, place, hash_name=hash_name))
        return sources[-1]

    yield open_one
    for source in sources:
        source.close()


def facts(listing: SourceListing) -> dict[str, Any]:
    return {str(raw): value for raw, value in listing.documents["content_hash"].items()}


def known_of(listing: SourceListing) -> dict[str, Known]:
    rows = listing.documents[listing.documents["version"].notna().to_numpy()]
    return {str(raw): Known(row["version"], row["content_hash"]) for raw, row in rows.iterrows()}


def mark(text: str) -> str:
    return content_hash(text.encode())


def test_a_page_that_did_not_change_keeps_the_time_it_told_before(site: Site, opened: Any) -> None:
    site.sitemap("/a")
    site.page("/a", "one", Last_Modified="Mon, 05 Jan 2026 08:00:00 GMT")
    source = opened()
    full = source.listing(None, {})
    again = source.listing(None, known_of(full))
    assert site.asked["/a", 304] == 1
    for listing in (full, again):
        assert listing.documents["changed_at"].tolist() == [datetime(2026, 1, 5, 8, tzinfo=UTC)]
        assert facts(listing) == {"/a": mark("one")}


def test_a_page_with_a_new_validator_and_the_same_text_is_not_read_whole_again(site: Site, opened: Any) -> None:
    site.sitemap("/a", "/b")
    site.page("/a", "one", ETag='"1"')
    site.page("/b", "one")
    source = opened()
    known = known_of(source.listing(None, {}))
    site.page("/a", "one", ETag='"2"')
    for _ in range(3):
        listing = source.listing("visited", known)
        known |= known_of(listing)
    assert {raw: one.content_hash for raw, one in known.items()} == {"/a": mark("one"), "/b": mark("one")}
    assert (site.asked["/a", 200], site.asked["/a", 304]) == (2, 2)
    assert facts(listing) == {}


def test_a_known_hash_of_another_kind_is_not_taken_over(site: Site, opened: Any) -> None:
    site.sitemap("/a")
    site.page("/a", "one", ETag='"1"')
    known = known_of(opened(hash_name="sha1").listing(None, {}))
    assert facts(opened(hash_name="git").listing(None, known)) == {"/a": content_hash(b"one", "git")}


def test_pages_of_other_sites_are_left_out_and_told_and_a_sitemap_of_only_those_is_an_error(
    site: Site, opened: Any
) -> None:
    port = site.url.rpartition(":")[2]
    site.sitemap("/a", "http://other.example/a", f"HTTP://127.0.0.1:{port}/b", "http://[broken", lastmod="2026-01-05")
    for path in ("/a", "/b"):
        site.page(path, "one", ETag='"1"')
    listing = opened().listing(None, {})
    assert sorted(facts(listing)) == ["/a", "/b"]
    assert listing.notes == ("2 addresses in the sitemap of other sites, left out",)
    site.sitemap("https://www.docs.example/a")
    with pytest.raises(KnowledgeError, match=r"lists pages of other sites only; .*the connection"):
        opened().listing(None, {})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html><body>Log in</body></html>", "is no sitemap"),
        (b"<urlset><url>", r"is no XML \(line 1\)"),
        (b"", r"is no XML"),
        (b"<urlset><x:url/></urlset>", r"is no XML"),
        (b"<?xml version='1.0' encoding='utf-7'?><urlset/>", r"is in no encoding|is no XML"),
        (b"<?xml version='1.0' encoding='nonesuch'?><urlset/>", r"is in no encoding|is no XML"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><urlset/>", "document type, which is refused"),
        ("<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a><urlset/>".encode("utf-16"), "which is refused"),
    ],
)
def test_what_is_no_sitemap_is_never_an_empty_one(site: Site, opened: Any, body: bytes, told: str) -> None:
    site.pages["/sitemap.xml"] = (200, {}, body)
    with pytest.raises(KnowledgeError, match=told):
        opened().listing(None, {})


def test_sitemaps_may_be_nested_and_compressed_and_a_part_is_never_taken_for_the_whole(site: Site, opened: Any) -> None:
    parts = "".join(f"<sitemap><loc>{site.url}/{name}</loc></sitemap>" for name in ("1.xml", "2.xml.gz", "sitemap.xml"))
    site.pages["/sitemap.xml"] = (200, {}, f"<sitemapindex>{parts}</sitemapindex>".encode())
    site.sitemap("/a?x=1&amp;y=2", at="/1.xml")
    site.sitemap("/b", at="/2.xml")
    site.pages["/2.xml.gz"] = (200, {}, gzip.compress(site.pages["/2.xml"][2]))
    for path in ("/a?x=1&y=2", "/b"):
        site.page(path, "one")
    assert sorted(facts(opened().listing(None, {}))) == ["/a?x=1&y=2", "/b"]
    del site.pages["/2.xml.gz"]
    with pytest.raises(KnowledgeError, match=r"the sitemap /2\.xml\.gz cannot be read: it answers 404") as told:
        opened().listing(None, {})
    assert told.value.retryable
    site.pages["/2.xml.gz"] = (200, {}, b"\x1f\x8bbroken")
    with pytest.raises(KnowledgeError, match=r"2\.xml\.gz is not compressed as it says"):
        opened().listing(None, {})


def test_redirects_stay_within_the_site_and_may_be_odd(site: Site, opened: Any) -> None:
    site.page("/new", "one")
    for path, status, headers in (
        ("/moved", 301, {"Location": "/new"}),
        ("/away", 302, {"Location": "http://127.0.0.1:1/x"}),
        ("/round", 302, {"Location": "/round"}),
        ("/nowhere", 302, {}),
        ("/choices", 300, {}),
        ("/broken", 302, {"Location": "http://[x"}),
        ("/unchanged", 304, {}),
        ("/closed", 403, {}),
    ):
        site.pages[path] = (status, headers, b"")
    paths = sorted(site.pages)
    rows = opened(pages=paths).listing(None, {}).documents
    assert rows["problem"].dropna().to_dict() == {
        "/away": "the page leads to another site",
        "/broken": "the page leads to an address that is none",
        "/choices": "the page answers 300",
        "/closed": "the page answers 403",
        "/nowhere": "the page answers 302",
        "/round": "the page redirects without end",
        "/unchanged": "the page answers 304",
    }
    assert rows.at["/moved", "content_hash"] == rows.at["/new", "content_hash"] == mark("one")


def test_a_login_is_not_sent_where_it_could_be_read(site: Site, opened: Any) -> None:
    address = site.url.replace("http://", "http://me:s3cret@")
    site.page("/a", "one")
    opened(url=address, pages=["/a"]).listing(None, {})
    assert None not in site.logins
    assert web.is_same_site("https://a.example/x", "https://A.example:443")
    assert web.is_same_site("https://a.example/x", "http://a.example:80")
    assert not web.is_same_site("http://a.example/x", "https://a.example")
    assert not web.is_same_site("https://a.example:8443/x", "https://a.example")


def test_a_page_that_hangs_up_is_tried_again_and_a_site_that_does_is_unreachable(site: Site, opened: Any) -> None:
    pages = [f"/{n}" for n in range(12)]
    for path in pages:
        site.page(path, "one")
    site.pages["/3"] = (0, {}, b"")
    rows = opened(pages=pages).listing(None, {}).documents
    assert rows["problem"].dropna().to_dict() == {"/3": "the page does not answer (RemoteProtocolError)"}
    assert site.asked["/3", 0] == 3
    for path in pages[2:]:
        site.pages[path] = (0, {}, b"")
    with pytest.raises(KnowledgeError, match=r"5 pages in a row do not answer; nothing is called gone") as told:
        opened(pages=pages).listing(None, {})
    assert told.value.retryable


def test_a_page_without_end_is_not_read_to_it(site: Site, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_MOST_BYTES", 1000)
    site.page("/a", "x" * 2000)
    site.pages["/z"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 100_000))
    rows = opened(pages=["/a", "/z"]).listing(None, {}).documents
    assert set(rows["problem"]) == {"the page is larger than it may be"}


def test_pages_that_are_gone_or_not_readable_are_not_taken_for_each_other(site: Site, opened: Any) -> None:
    pages = ["/a", "/b", "/c"]
    for path in pages:
        site.page(path, "one", ETag='"1"')
    source = opened(pages=pages)
    known = known_of(source.listing(None, {}))
    site.pages["/a"] = (410, {}, b"")
    site.pages["/b"] = (503, {}, b"")
    listing = source.listing("visited", known)
    assert (listing.gone, facts(listing)) == (("/a",), {"/b": None})
    assert source.read([*pages, "http://other.example/x"]) == {"/c": "one"}


def test_what_a_page_is_depends_on_what_is_seen_of_it() -> None:
    cases = {
        "<html><head><title>T</title></head><body><p>one</p></body></html>": "one",
        "<title>T</title><p>one": "one",
        "<head><title>T</title><meta charset=utf-8><body><p>one</p>": "one",
        "<head><title>T</title><p>one</p>": "one",
        "<p>one</p><script nonce=1>var a = '</p>two'</script>": "one",
        "<p>one</p><script nonce=2 src=x /></script>": "one",
        "<p>a <b>bold</b> move<br>next&nbsp;line</p>": "a bold move\n\nnext line",
        "<p>5 &lt; 6</p> tail": "5 < 6\n\ntail",
        "<style>p {}</style><noscript>turn it on</noscript><template><p>x</p></template>one": "one",
        "<!-- one -->two": "two",
        "": "",
    }
    assert {page: visible_text(page) for page in cases} == cases


@given(words=st.lists(st.text(st.sampled_from("ab<&"), min_size=1), min_size=1), nonce=st.integers())
def test_text_is_seen_whatever_surrounds_it(words: list[str], nonce: int) -> None:
    escaped = [word.replace("&", "&amp;").replace("<", "&lt;") for word in words]
    page = f"<head><script nonce='{nonce}'>{nonce}</script><body>" + "".join(
        f"<p class='{nonce}'>{one}" for one in escaped
    )
    assert visible_text(page) == "\n\n".join(words)
