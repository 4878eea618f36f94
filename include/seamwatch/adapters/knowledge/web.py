"""Documents that are pages of a web site, found by its sitemap or named one by one."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from seamwatch.adapters.connections import base_url
from seamwatch.adapters.knowledge.place import Place
from seamwatch.core.documents import Known, SourceListing, content_hash, matches_any, source_frame
from seamwatch.errors import KnowledgeError
from seamwatch.spec.knowledge import WebSource

_GONE = frozenset({404, 410})
_MOST_SITEMAPS, _MOST_BYTES = 1000, 50_000_000
"""What the sitemap protocol allows of one file, and more nested ones than any site here has."""
_DOCTYPE = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_BLOCKS = frozenset({"p", "div", "li", "br", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "table"})
_HIDDEN = frozenset({"script", "style", "template", "noscript", "head"})


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
        timeout = spec.timeout.total_seconds()
        self._client = httpx.Client(auth=auth, headers=headers, timeout=timeout, follow_redirects=False)

    def listing(self, since: str | None, known: Mapping[str, Known]) -> SourceListing:
        """Return the pages, or those that changed: one that its validators call unchanged costs a 304."""
        rows: dict[str, dict[str, Any]] = {}
        seen: set[str] = set()
        n_bare = 0
        for raw, modified in self._pages():
            before = known.get(raw)
            response = self._get(raw, _conditions(before))
            if isinstance(response, str):
                seen.add(raw)
                rows[raw] = {"changed_at": modified, "problem": response}
                continue
            if response.status_code in _GONE:
                continue
            seen.add(raw)
            if response.status_code == httpx.codes.NOT_MODIFIED and before is not None:
                if since is None:
                    row = {"version": before.version, "content_hash": before.content_hash}
                    rows[raw] = {**row, "changed_at": modified or _last_modified(response)}
                continue
            if response.status_code != httpx.codes.OK:
                rows[raw] = {"changed_at": modified, "problem": f"the page answers {response.status_code}"}
                continue
            found = content_hash(_text(response).encode(), self._hash_name)
            version = _version(response, found)
            n_bare += version.startswith("hash ")
            if since is not None and before is not None and before.content_hash == found:
                continue
            rows[raw] = {
                "version": version,
                "changed_at": modified or _last_modified(response),
                "content_hash": found,
            }
        gone = tuple(raw for raw in known if raw not in seen) if since is not None else ()
        bare = f"{n_bare} pages give neither ETag nor Last-Modified; each is read whole at every check"
        return SourceListing(
            documents=source_frame(rows),
            gone=gone,
            is_complete=since is None,
            watermark="visited",
            notes=(bare,) if n_bare else (),
        )

    def read(self, documents: Sequence[str], at: datetime | None = None) -> dict[str, str]:
        """Return the visible texts as they are now."""
        del at
        found = {}
        for raw in documents:
            response = self._get(raw, {})
            if not isinstance(response, str) and response.status_code == httpx.codes.OK:
                found[raw] = _text(response)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _pages(self) -> Iterator[tuple[str, datetime | None]]:
        """Yield the pages and when their sitemap says they changed."""
        if self._spec.pages:
            pages: Iterator[tuple[str, datetime | None]] = ((page, None) for page in self._spec.pages)
        else:
            assert self._spec.sitemap is not None
            pages = self._of_sitemap(self._spec.sitemap)
        for raw, modified in pages:
            plain = raw.lstrip("/")
            if matches_any(plain, self._spec.include) and not matches_any(plain, self._spec.exclude):
                yield raw, modified

    def _of_sitemap(self, path: str) -> Iterator[tuple[str, datetime | None]]:
        waiting, visited = [path], 0
        while waiting:
            at = waiting.pop(0)
            visited += 1
            if visited > _MOST_SITEMAPS:
                msg = f"{self._place.name}: more than {_MOST_SITEMAPS} sitemaps; name the one that counts in sitemap"
                raise KnowledgeError(msg)
            for entry in self._sitemap(at):
                name = entry.tag.rpartition("}")[2]
                facts = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in entry}
                where = self._path(facts.get("loc", ""))
                if where is None:
                    continue
                if name == "sitemap":
                    waiting.append(where)
                elif name == "url":
                    yield where, _iso(facts.get("lastmod"))

    def _sitemap(self, path: str) -> ElementTree.Element:
        response = self._get(path, {})
        if isinstance(response, str) or response.status_code != httpx.codes.OK:
            what = response if isinstance(response, str) else f"it answers {response.status_code}"
            msg = f"{self._place.name}: the sitemap {path} cannot be read: {what}; nothing is called gone"
            raise KnowledgeError(msg, retryable=True)
        content = response.content
        if content[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(_MOST_BYTES + 1)
        # No sitemap needs a document type; refusing it keeps entities out.
        if len(content) > _MOST_BYTES or _DOCTYPE.search(content):
            msg = f"{self._place.name}: the sitemap {path} is too large, or holds a document type, which is refused"
            raise KnowledgeError(msg)
        try:
            return ElementTree.fromstring(content)  # noqa: S314 - entities were refused above
        except ElementTree.ParseError as error:
            msg = f"{self._place.name}: the sitemap {path} is no XML (line {error.position[0]})"
            raise KnowledgeError(msg) from error

    def _path(self, address: str) -> str | None:
        """Return the path of an address of this site; None for any other host's."""
        whole = urlsplit(urljoin(f"{self._base}/", address))
        if whole.netloc != urlsplit(self._base).netloc:
            return None
        return whole.path + (f"?{whole.query}" if whole.query else "")

    def _get(self, path: str, headers: Mapping[str, str]) -> httpx.Response | str:
        """Return the answer of the site, redirects within it followed; or why there is none."""
        address = urljoin(f"{self._base}/", path)
        try:
            for _ in range(5):
                response = self._send(address, headers)
                if not response.is_redirect or response.status_code == httpx.codes.NOT_MODIFIED:
                    return response
                address = urljoin(address, response.headers["location"])
                if urlsplit(address).netloc != urlsplit(self._base).netloc:
                    return "the page leads to another site"
        except httpx.HTTPError as error:
            return f"the page does not answer ({type(error).__name__})"
        return "the page redirects without end"

    def _send(self, address: str, headers: Mapping[str, str]) -> httpx.Response:
        tries = Retrying(
            retry=retry_if_exception_type(httpx.TransportError),
            stop=stop_after_attempt(3),
            wait=wait_exponential(multiplier=0.2, max=2),
            reraise=True,
        )
        return tries(self._client.get, address, headers=dict(headers))


def _conditions(before: Known | None) -> dict[str, str]:
    """Return the headers by which a page that has not changed answers 304."""
    if before is None or before.content_hash is None or not before.version.startswith("{"):
        return {}
    held = json.loads(before.version)
    names = {"etag": "If-None-Match", "modified": "If-Modified-Since"}
    return {names[name]: value for name, value in held.items() if name in names}


def _version(response: httpx.Response, found: str) -> str:
    held = {"etag": response.headers.get("etag"), "modified": response.headers.get("last-modified")}
    known = {name: value for name, value in held.items() if value}
    return json.dumps(known, sort_keys=True) if known else f"hash {found}"


def _last_modified(response: httpx.Response) -> datetime | None:
    value = response.headers.get("last-modified")
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
    if "html" not in response.headers.get("content-type", ""):
        return response.text
    reader = _VisibleText()
    reader.feed(response.text)
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
