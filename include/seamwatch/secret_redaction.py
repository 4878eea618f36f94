"""No secret leaves in a text: what was read as one is remembered, and replaced in whatever form it occurs.

Whoever reads a connection or a URL tells `SECRETS`; whoever writes a text that leaves (an error, a log, a report, a
bundle, a line on the console) lets `SECRETS` look through it. Beside what was told, it knows the shapes of secrets that
nobody told: keys of well-known services, authorisation headers, passwords in URLs.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import traceback
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

HIDDEN = "***"
HIDDEN_IN_DATA = "[secret]"
"""In the JSON of results and bundles."""
_SHORTEST = 3
"""Anything shorter occurs in every text."""
_LONG = 8
"""From this length on a secret is replaced inside of words too."""
_PIECE = 40
"""A secret of twice that length (a private key) is replaced piece by piece, so that a part of it is found as well."""
_LEAST_PIECE = 6
_GAP = re.compile(r"(?:\\+[nrt]|%0[AaDd]|\s)+")
"""What may stand between two characters of a secret: texts are wrapped, and secrets are pasted with line breaks."""
_NAMES = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key)"
_IS_SECRET_NAME = re.compile(
    r"pass|pwd|secret|token|key|credential|auth|signature|^sig$|^sas|cookie|keyfile|private", re.IGNORECASE
)
_QUERY_NAMES = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|key|sig|signature|credential|auth)"
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL), HIDDEN),
    # The example of our own messages stays readable; a port and a path are no password.
    (
        re.compile(
            r"((?<![\w+.-])[A-Za-z][\w+.-]{0,30}://)(?!user:password@)[^\s/@:?#]{0,256}:(?!\d+(?:[/?#]|$))\S{0,512}@"
        ),
        rf"\1{HIDDEN}@",
    ),
    (re.compile(rf"([?&;][\w.%-]{{0,60}}{_QUERY_NAMES}=)[^&\s#'\"<>]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"""({_NAMES}=)('[^']*'|"[^"]*"|[^\s&;,'"]+)""", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"""({_NAMES}\\?["']\s*:\s*\\?["'])[^"'\\]+""", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(bearer|basic)(\s+)(?=\S{0,99}\d|\S{20})[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1\2{HIDDEN}"),
    (re.compile(r"\bxox[a-z](?:\.xox[a-z])?-[\w-]{6,}|\bxapp-[\w-]{6,}"), HIDDEN),
    (re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]+"), f"hooks.slack.com/{HIDDEN}"),
    (re.compile(r"\b(?:sk|pk|rk)[-_][\w-]{16,}"), HIDDEN),
    (re.compile(r"\b(?:gh[a-z]_|github_pat_|glpat-|hf_|dapi|npm_|pypi-)[A-Za-z0-9_-]{16,}"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
)
"""Shapes of secrets, and what stands for them."""


class SecretRedactor:
    """Remembers secrets, and replaces them in texts."""

    def __init__(self) -> None:
        """Know no secret yet."""
        self._values: dict[str, None] = {}
        self._written: dict[str, None] = {}
        self._forms: set[str] = set()
        self._searches: dict[bool, re.Pattern[str] | None] = {}
        """For data and for messages; made when they are needed."""

    def learn(self, *values: object, login: str | None = None) -> None:
        """Remember secrets; with a login also in the form of basic authentication. What is too short is passed over."""
        for value in values:
            if not isinstance(value, str) or len(value.strip()) < _SHORTEST:
                continue
            written = _written(value, login)
            found = {piece for form in written for piece in _pieces(_GAP.sub("", form))} | set(_lines(value))
            if not found <= self._forms:
                self._values[value.strip()] = None
                self._written |= dict.fromkeys(written)
                self._forms |= found
                self._searches = {}

    def learn_url(self, url: str) -> None:
        """Remember the password of a URL and what its options with telling names hold."""
        try:
            parts = urlsplit(url)
            if parts.password:
                self.learn(unquote(parts.password), parts.password, login=unquote(parts.username or ""))
            self.learn_options(dict(parse_qsl(parts.query)))
        except ValueError:
            self.learn(url)  # it cannot be told what of it is secret

    def learn_options(self, options: Mapping[Any, Any]) -> None:
        """Remember what stands under telling names, at any depth, every header, and the secrets of URLs."""
        for name, value in options.items():
            is_secret = _IS_SECRET_NAME.search(str(name)) is not None or str(name).lower() == "headers"
            for text in _texts(value):
                if is_secret:
                    self.learn(text, text.rpartition(" ")[2])
                elif "://" in text:
                    self.learn_url(text)
            for inner in _mappings(value):
                self.learn_options(inner)

    @property
    def values(self) -> tuple[str, ...]:
        """Return the secrets as they were read."""
        return tuple(self._values)

    @property
    def written(self) -> tuple[str, ...]:
        """Return the secrets in every form in which a text may hold them: for a masker that is not this one."""
        return tuple(self._written)

    def redact(self, text: str) -> str:
        """Return a message without secrets, those that were told and those that look like one."""
        return _without_shapes(self._without_known(text, is_data=False))

    def redact_record(self, text: str) -> str:
        """Return text of a record as `redact` does, short secrets left: a password of `demo` says nothing there."""
        return _without_shapes(self._without_known(text, is_data=True))

    def redact_document(self, document: Any) -> Any:
        """Return JSON data without the long secrets that were told, of which nothing else changes."""
        if isinstance(document, str):
            return self._without_known(document, is_data=True, instead=HIDDEN_IN_DATA)
        if isinstance(document, Mapping):
            return {self.redact_document(name): self.redact_document(part) for name, part in document.items()}
        if isinstance(document, list | tuple):
            return [self.redact_document(part) for part in document]
        return document

    def _without_known(self, text: str, *, is_data: bool, instead: str = HIDDEN) -> str:
        if is_data not in self._searches:
            forms = [form for form in self._forms if len(form) >= (_LONG if is_data else _SHORTEST)]
            longest_first = sorted(forms, key=len, reverse=True)
            self._searches[is_data] = re.compile("|".join(map(re.escape, longest_first))) if forms else None
        search = self._searches[is_data]
        return text if search is None else _replaced(text, search, instead)


def _replaced(text: str, search: re.Pattern[str], instead: str) -> str:
    """Return the text with what is found in it replaced, white space and escaped line breaks inside of it or not."""
    spans = [(gap.start(), gap.end()) for gap in _GAP.finditer(text)]
    compact = _GAP.sub("", text)
    # Where each stretch without gaps begins: in the compact text, and in the text.
    starts, places, n_left_out = [0], [0], 0
    for start, end in spans:
        n_left_out += end - start
        starts.append(end - n_left_out)
        places.append(end)
    parts: list[str] = []
    done = at = 0
    while (found := search.search(compact, at)) is not None:
        first, last = (_place(starts, places, index) for index in (found.start(), found.end() - 1))
        length = found.end() - found.start()
        if length < _LONG and not _stands_alone(text, first, last + 1, length):
            at = found.start() + 1
            continue
        parts += (text[done:first], instead) if first > done or not parts else ()
        done, at = last + 1, found.end()
    return "".join((*parts, text[done:])) if parts else text


def _place(starts: list[int], places: list[int], index: int) -> int:
    """Return where a character of the compact text stands in the text."""
    stretch = bisect_right(starts, index) - 1
    return places[stretch] + index - starts[stretch]


def _stands_alone(text: str, start: int, end: int, length: int) -> bool:
    """Return whether what was found is a word of its own: a short password may be a part of any word."""
    beside = text[max(start - 1, 0) : start] + text[end : end + 1]
    return end - start == length and not any(char.isalnum() or char == "_" for char in beside)


def _without_shapes(text: str) -> str:
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def secret_shapes(text: str) -> Iterator[tuple[int, int]]:
    """Yield where in a text something stands that has the shape of a secret: start and end of the secret alone."""
    for shape, instead in _SHAPES:
        kept = 2 if r"\2" in instead else 1 if r"\1" in instead else 0
        for found in shape.finditer(text):
            yield found.end(kept) if kept else found.start(), found.end()


SECRETS = SecretRedactor()
"""Of this process: what any connection held stays secret to its end."""


def redact_logs() -> None:
    """Let no log record of this process be made with a secret in its message or in the traceback of its error."""
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def make_redacted(*args: Any, **named: Any) -> logging.LogRecord:
        record = make(*args, **named)
        try:
            message = record.getMessage()
        except Exception:  # a message that does not fit its arguments is the logger's to complain of
            return record
        record.msg, record.args = SECRETS.redact(message), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = SECRETS.redact("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
        return record

    make_redacted.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_redacted)


def _written(value: str, login: str | None) -> list[str]:
    """Return the secret as it is, and as URLs, JSON, HTML, Python and headers write it."""
    found: dict[str, None] = {}
    for secret in dict.fromkeys((value, value.strip())):
        data = secret.encode("utf-8", "surrogatepass")
        basic = [f"{login}:{secret}".encode("utf-8", "surrogatepass")] if login is not None else []
        found |= dict.fromkeys(
            (
                secret,
                *(quote(data, safe="/"), quote(data, safe=""), quote_plus(data)),
                *(json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]),
                *(repr(secret)[1:-1], repr(data)[2:-1]),
                *(html.escape(secret), html.escape(secret).replace("&#x27;", "&#39;")),
                *(base64.b64encode(raw).decode().rstrip("=") for raw in (data, *basic)),
                *(base64.urlsafe_b64encode(raw).decode().rstrip("=") for raw in (data, *basic)),
            )
        )
    return list(found)


def _lines(value: str) -> Iterator[str]:
    """Yield the parts of a secret between blanks and line breaks, for a text that holds one of them only."""
    for line in value.split():
        if line != value.strip() and len(line) >= _LEAST_PIECE:
            yield from _pieces(line)


def _pieces(form: str) -> Iterable[str]:
    """Return the form, or its parts where it is long; nothing of what is too short."""
    if len(form) < _SHORTEST:
        return []
    starts = range(0, max(len(form) - _PIECE, 1), _PIECE)
    return [form[at : None if at == starts[-1] else at + _PIECE] for at in starts]


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a value; those inside of mappings have names of their own, unless these are headers."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _mappings(value: Any) -> Iterator[Mapping[Any, Any]]:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _mappings(inner)
