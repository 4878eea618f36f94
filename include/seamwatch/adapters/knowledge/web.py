"""Documents that are pages of a web site, found by its sitemap or named one by one."""

from __future__ import annotations

import gzip
import io
import json
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.parsers import expat

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from seamwatch.adapters.connections import base_url
from seamwatch.adapters.deadline import DeadlinePassed, within
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, content_hash, matches_any, source_frame
from seamwatch.errors import KnowledgeError
from seamwatch.plurals import plural
from seamwatch.spec.knowledge import WebSource

_GONE = frozenset({404, 410})
_MOST_SITEMAPS, _MOST_BYTES = 1000, 50_000_000
"""What the sitemap protocol allows of one file, and more nested ones than any site here has."""
_CONDITIONS = {"etag": "If-None-Match", "modified": "If-Modified-Since"}
_TRANSFER = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers of how an answer was sent, not of what it holds."""
_SILENT_PAGES = 5
"""So many in a row that do not answer are a site that does not."""
_WAIT_S = 0.2
_PORTS = {"http": 80, "https": 443}
_BLOCKS = frozenset({"p", "div", "li", "br", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "table"})
_HIDDEN = frozenset({"script", "style", "template", "noscript", "title"})


class WebDocuments:
    """Pages of one site; ids are paths. What counts of a page is its visible text: a nonce in it is no change."""

    def __init__(self, spec: WebSource, place: Place, *, hash_name: str) -> None:
        """Take the site; nothing is read yet.

        Raises:
            ConnectionNotFound, AdapterError: If its connection is not known or has no address.
        """
        self._spec, self._place, self._hash_name = spec, place, hash_name
        info = place.connections.get(spec.connection)
        self._base = base_url(info)
        auth = (info.login, info.password or "") if info.login else None
        headers = {"User-Agent": "seamwatch", "Accept-Encoding": "gzip"}
        if info.password and not info.login:
            headers["Authorization"] = f"Bearer {info.password}"
        # httpx tells every request at INFO with its address, which may hold a key, to whoever listens to all loggers.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._timeout_s = spec.timeout.total_seconds()
        self._client = httpx.Client(auth=auth, headers=headers, timeout=self._timeout_s, follow_redirects=False)

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return the pages, or those that changed: one that its validators call unchanged costs a 304.

        Raises:
            KnowledgeError: If the sitemap cannot be read, or the site ceases to answer (retryable).
        """
        rows: dict[str, dict[str, Any]] = {}
        seen: set[str] = set()
        notes: list[str] = []
        n_bare = n_silent = 0
        for raw, modified in self._pages(notes):
            held = self._held(known.get(raw))
            try:
                response = self._get(raw, held)
            except _Unread as error:
                n_silent = n_silent + 1 if error.is_silent else 0
                if n_silent == _SILENT_PAGES:
                    msg = f"{self._place.name}: {n_silent} pages in a row do not answer; nothing is called gone"
                    raise KnowledgeError(msg, retryable=True) from error
                seen.add(raw)
                rows[raw] = {"version": "unread", "changed_at": modified, "problem": str(error)}
                continue
            n_silent = 0
            if response.status_code in _GONE:
                continue
            seen.add(raw)
            row = self._row(response, held)
            n_bare += row["version"].startswith("hash ")
            before = known.get(raw)
            if since is None or before is None or before != (row["version"], row.get("content_hash")):
                rows[raw] = row if modified is None else {**row, "changed_at": modified}
        if n_bare:
            notes.append(
                f"{plural(n_bare, 'page gives', 'pages give')} neither ETag nor Last-Modified: read whole at "
                "every check"
            )
        gone = tuple(raw for raw in known if raw not in seen) if since is not None else ()
        return SourceListing(
            documents=source_frame(rows),
            gone=gone,
            is_complete=since is None,
            watermark="visited",
            notes=tuple(notes),
        )

    def _row(self, response: httpx.Response, held: Mapping[str, str]) -> dict[str, Any]:
        """Return the page of an answer, as a source listing holds it."""
        modified = _http_date(response.headers.get("last-modified") or held.get("modified"))
        if response.status_code == httpx.codes.NOT_MODIFIED and held:
            return {"version": _version(held), "changed_at": modified, "content_hash": held["found"]}
        if response.status_code != httpx.codes.OK:
            return {"version": "unread", "problem": f"the page answers {response.status_code}"}
        found = content_hash(_text(response).encode("utf-8", "surrogatepass"), self._hash_name)
        validators = {"etag": response.headers.get("etag"), "modified": response.headers.get("last-modified")}
        told = {name: value for name, value in validators.items() if value}
        version = _version({**told, "hash": self._hash_name}) if told else f"hash {found}"
        return {"version": version, "changed_at": _http_date(told.get("modified")), "content_hash": found}

    def _held(self, before: Known | None) -> dict[str, str]:
        """Return the validators of the page as it is known, and its hash as `found`; nothing if they cannot be used."""
        if before is None or before.content_hash is None or not before.version.startswith("{"):
            return {}
        held: dict[str, str] = json.loads(before.version)
        # The hash that is asked for may be another one than the last time.
        return {**held, "found": before.content_hash} if held.get("hash") == self._hash_name else {}

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the visible texts as they are now."""
        del at
        found = {}
        for raw in documents:
            try:
                response = self._get(raw, {})
            except _Unread:
                continue
            if response.status_code == httpx.codes.OK:
                found[raw] = _text(response)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _pages(self, notes: list[str]) -> Iterator[tuple[str, datetime | None]]:
        """Yield the pages and when their sitemap says they changed; what is left out is noted."""
        if self._spec.pages:
            pages: Iterator[tuple[str, datetime | None]] = ((page, None) for page in self._spec.pages)
        else:
            assert self._spec.sitemap is not None
            pages = self._of_sitemap(self._spec.sitemap, notes)
        for raw, modified in pages:
            plain = raw.lstrip("/")
            if matches_any(plain, self._spec.include) and not matches_any(plain, self._spec.exclude):
                yield raw, modified

    def _of_sitemap(self, path: str, notes: list[str]) -> Iterator[tuple[str, datetime | None]]:
        pages: dict[str, datetime | None] = {}
        n_elsewhere = 0
        waiting, visited = [path], {path}
        while waiting:
            for name, address, modified in self._sitemap(waiting.pop(0)):
                where = self._path(address)
                if where is None:
                    n_elsewhere += 1
                elif name == "url":
                    pages[where] = _iso(modified)
                elif name == "sitemap" and where not in visited:
                    visited.add(where)
                    waiting.append(where)
            if len(visited) > _MOST_SITEMAPS:
                msg = f"{self._place.name}: more than {_MOST_SITEMAPS} sitemaps; name the one that counts in sitemap"
                raise KnowledgeError(msg)
        if n_elsewhere and not pages:
            msg = (
                f"{self._place.name}: the sitemap {path} lists pages of other sites only; "
                "put the address that it uses into the connection"
            )
            raise KnowledgeError(msg)
        if n_elsewhere:
            notes.append(f"{plural(n_elsewhere, 'address', 'addresses')} in the sitemap of other sites, left out")
        yield from pages.items()

    def _sitemap(self, path: str) -> Iterator[tuple[str, str, str | None]]:
        """Yield the entries of a sitemap: `url` or `sitemap`, its address, and when it changed."""
        where = f"{self._place.name}: the sitemap {path}"
        try:
            response = self._get(path, {})
            what = f"it answers {response.status_code}"
        except _Unread as error:
            response, what = None, str(error)
        if response is None or response.status_code != httpx.codes.OK:
            msg = f"{where} cannot be read: {what}; nothing is called gone"
            raise KnowledgeError(msg, retryable=True)
        try:
            root = _tree(response.content)
        except _Refused as error:
            msg = f"{where} {error}; nothing is called gone"
            raise KnowledgeError(msg) from error
        for entry in root:
            facts = {_name(child): (child.text or "").strip() for child in entry}
            yield _name(entry), facts.get("loc", ""), facts.get("lastmod")

    def _path(self, address: str) -> str | None:
        """Return the path of an address of this site; None for any other host's."""
        try:
            whole = urljoin(f"{self._base}/", address)
            if not is_same_site(self._base, whole) and not is_same_site(whole, self._base):
                return None
        except ValueError:
            return None
        parts = urlsplit(whole)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _get(self, path: str, held: Mapping[str, str]) -> httpx.Response:
        """Return the answer of the site, redirects within it followed.

        Raises:
            _Unread: If there is none.
        """
        headers = {_CONDITIONS[name]: value for name, value in held.items() if name in _CONDITIONS}
        try:
            address = urljoin(f"{self._base}/", path)
            for _ in range(5):
                if not is_same_site(address, self._base):
                    raise _Unread("the page leads to another site")
                response = self._send(address, headers)
                if not response.has_redirect_location:
                    return response
                address = urljoin(address, response.headers["location"])
        except httpx.HTTPError as error:
            raise _Unread(f"the page does not answer ({type(error).__name__})", is_silent=True) from error
        except (httpx.InvalidURL, ValueError) as error:
            raise _Unread("the page leads to an address that is none") from error
        raise _Unread("the page redirects without end")

    def _send(self, address: str, headers: Mapping[str, str]) -> httpx.Response:
        tries = Retrying(
            retry=retry_if_exception_type(httpx.TransportError),
            stop=stop_after_attempt(3),
            wait=wait_exponential(multiplier=_WAIT_S, max=2),
            reraise=True,
        )
        try:
            return within(self._timeout_s, lambda: tries(self._send_once, address, headers))
        except DeadlinePassed as error:
            msg = f"the page does not answer whole within {self._timeout_s:g} s"
            raise _Unread(msg, is_silent=True) from error

    def _send_once(self, address: str, headers: Mapping[str, str]) -> httpx.Response:
        """Return the answer with its content, which is not read on where it is too large."""
        with self._client.stream("GET", address, headers=dict(headers)) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > _MOST_BYTES:
                    raise _Unread("the page is larger than it may be")
        plain = [(name, value) for name, value in response.headers.items() if name not in _TRANSFER]
        return httpx.Response(response.status_code, headers=plain, content=b"".join(parts))


class _Unread(Exception):
    """Why a page could not be read, for people."""

    def __init__(self, reason: str, *, is_silent: bool = False) -> None:
        super().__init__(reason)
        self.is_silent = is_silent


class _Refused(Exception):
    """What is wrong with a sitemap, for people."""


def is_same_site(address: str, base: str) -> bool:
    """Return whether an address is of the site, and no less secure: a login may be sent to it.

    Raises:
        ValueError: If it is no address.
    """
    one, other = urlsplit(address), urlsplit(base)
    if one.hostname is None or one.hostname != other.hostname or one.scheme not in _PORTS:
        return False
    ports = [parts.port or _PORTS.get(parts.scheme) for parts in (one, other)]
    if one.scheme == other.scheme:
        return ports[0] == ports[1]
    return (one.scheme, other.scheme) == ("https", "http") and ports == [443, 80]


def _tree(content: bytes) -> ElementTree.Element:
    """Return the root of a sitemap; _Refused if it is none."""
    try:
        if content[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _Refused("is not compressed as it says") from error
    if len(content) > _MOST_BYTES:
        raise _Refused("is larger than it may be")
    try:
        guard = expat.ParserCreate(namespace_separator="}")
        guard.StartDoctypeDeclHandler = _refuse_doctype
        guard.Parse(content, True)
        root = ElementTree.fromstring(content)  # noqa: S314 - entities were refused above
    except expat.ExpatError as error:  # what it takes, the parser proper takes too
        raise _Refused(f"is no XML (line {error.lineno})") from error
    except (ValueError, LookupError) as error:
        raise _Refused("is in no encoding that XML parsers know") from error
    if _name(root) not in ("urlset", "sitemapindex"):
        raise _Refused(f"is no sitemap, but <{_name(root)[:40]}>")
    return root


def _refuse_doctype(*_: Any) -> None:
    # No sitemap needs a document type; refusing it keeps entities out, in every encoding.
    raise _Refused("holds a document type, which is refused")


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _version(held: Mapping[str, str]) -> str:
    return json.dumps({name: value for name, value in held.items() if name != "found"}, sort_keys=True)


def _http_date(value: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(value) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _iso(value: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _text(response: httpx.Response) -> str:
    """Return the visible text of a page; the body of anything that is no HTML."""
    kind = response.headers.get("content-type", "")
    return visible_text(response.text) if "html" in kind else response.text


def visible_text(page: str) -> str:
    """Return what a reader sees of HTML, a paragraph each for its blocks."""
    reader = _VisibleText()
    reader.feed(page)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return "\n\n".join(line for line in lines if line)


class _VisibleText(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in _HIDDEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
