"""What the requests of a release have in common: the lines of their texts and the values of their parameters.

A line or value belongs to the template where nearly all requests have it; what only some of them have is content.
Nothing is known of any protocol but how messages name their role, so that a request of whatever shape has a template.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seamwatch.core.records.json_documents import leaves
from seamwatch.core.records.response_text import open_document
from seamwatch.core.records.unknown import Unknown
from seamwatch.core.records.values import strict_text

COMMON = 0.95
"""Share of the requests from which on what they have is part of the template."""
_MODEL = re.compile(r"model|model_?id|deployment|deployment_?id", re.IGNORECASE)
"""Paths at the top of a request that name the model."""
_MESSAGE = " message"
_ROLE = re.compile(rf"[^.]+\.(\w+){_MESSAGE}")


@dataclass(frozen=True, kw_only=True)
class TemplatePart:
    """One place of the request."""

    lines: Mapping[str, int]
    """The lines that nearly all requests have, in order, each with its number from 1."""
    n_present: int
    """Requests that have the place at all."""
    is_text: bool
    """Whether it holds texts of several lines or values that differ; else it is a parameter with one value."""
    role: str | None
    """Of a message, as `system`; None elsewhere."""


@dataclass(frozen=True, kw_only=True)
class RequestTemplate:
    """What nearly all requests of a release have in common."""

    n_requests: int
    parts: Mapping[str, TemplatePart]
    """By dotted path within the body; empty path where the body is a text itself."""


@dataclass(frozen=True, kw_only=True)
class TemplateChange:
    """A line or a parameter in which two templates differ."""

    path: str
    line: int | None
    """Its number in the second template, or in the first where it was taken out; None of a parameter."""
    before: str | None
    """None: it was added."""
    after: str | None
    """None: it was taken out."""
    role: str | None
    is_model: bool = False
    """Whether the parameter names the model."""


def read_template(requests: Sequence[Any]) -> RequestTemplate:
    """Return what nearly all requests have in common; those that cannot be read, or are not there, are left out.

    Args:
        requests: Bodies as they were recorded: objects, JSON text, or a text that was sent as it is.
    """
    bodies = [parts for request in requests if (parts := dict(request_parts(request)))]
    paths = dict.fromkeys(path for body in bodies for path in body)
    common = {path: _part(path, [body[path] for body in bodies if path in body], len(bodies)) for path in paths}
    return RequestTemplate(n_requests=len(bodies), parts=common)


def request_parts(request: Any) -> Iterator[tuple[str, str]]:
    """Yield path and text of every value of a request; one that is no document is a text at the empty path.

    A message is named by its role (`messages.system message.content`), so that one that was added moves no other.
    """
    document = open_document(request)
    if document is None:
        return
    if isinstance(document, Unknown):
        text = strict_text(request) if isinstance(request, str | bytes) else None
        if text is not None:
            yield "", text
        return
    try:
        found = list(leaves(_by_role(document)))
    except RecursionError:
        return
    for path, value in found:
        yield path, strict_text(value) or ""


def _by_role(document: Any) -> Any:
    """Return the body with every list of messages at its top as an object of them by role."""
    if not isinstance(document, Mapping):
        return document
    return {name: _messages(value) if isinstance(value, list) else value for name, value in document.items()}


def _messages(items: list[Any]) -> Any:
    if not all(isinstance(item, Mapping) and isinstance(item.get("role"), str) for item in items):
        return items
    seen: Counter[str] = Counter()
    found = {}
    for item in items:
        role = item["role"]
        seen[role] += 1
        number = f" {seen[role]}" if seen[role] > 1 else ""
        found[f"{role}{_MESSAGE}{number}"] = {name: value for name, value in item.items() if name != "role"}
    return found


def _role(path: str) -> str | None:
    """Return the role of the message that a path lies in; `system` where the path says so itself."""
    found = _ROLE.match(path)
    if found is not None:
        return found[1]
    return "system" if path.lower().startswith(("system", "instructions")) else None


def _part(path: str, texts: Sequence[str], n_requests: int) -> TemplatePart:
    role = _role(path)
    least = COMMON * n_requests
    numbers: dict[str, Counter[int]] = {}
    for text in texts:
        known = set()
        for number, line in enumerate(text.splitlines() or [""], start=1):
            if line not in known and (line.strip() or "\n" not in text):
                known.add(line)
                numbers.setdefault(line, Counter())[number] += 1
    common = {line: found.most_common(1)[0][0] for line, found in numbers.items() if found.total() >= least}
    return TemplatePart(
        lines=dict(sorted(common.items(), key=lambda one: one[1])),
        n_present=len(texts),
        is_text=role is not None or any("\n" in text for text in texts) or not common,
        role=role,
    )


def compare_templates(first: RequestTemplate, second: RequestTemplate) -> list[TemplateChange]:
    """Return the lines and parameters in which two templates differ, in the order of the second one.

    A place where either release's requests differ among each other is compared by the lines that they share; where a
    parameter is one value in one release and many in the other, nothing is said.
    """
    found: list[TemplateChange] = []
    for path in dict.fromkeys((*second.parts, *first.parts)):
        before, after = first.parts.get(path), second.parts.get(path)
        if _is_content(before, first) or _is_content(after, second):
            continue
        known = after or before
        if known is not None:
            found += _changes(path, before, after, known.role)
    return found


def _is_content(part: TemplatePart | None, template: RequestTemplate) -> bool:
    """Return whether only some requests have a place, or nearly all have it without a line in common."""
    return part is not None and (part.n_present < COMMON * template.n_requests or not part.lines)


def _changes(
    path: str, before: TemplatePart | None, after: TemplatePart | None, role: str | None
) -> Iterator[TemplateChange]:
    old, new = (dict(part.lines) if part is not None else {} for part in (before, after))
    if not any(part.is_text for part in (before, after) if part is not None):
        values = [next(iter(lines), None) for lines in (old, new)]
        if values[0] != values[1]:
            is_model = _MODEL.fullmatch(path) is not None
            yield TemplateChange(path=path, line=None, before=values[0], after=values[1], role=role, is_model=is_model)
        return
    lines = list(old), list(new)
    for what, low, high, start, end in difflib.SequenceMatcher(None, *lines, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        n_both = min(high - low, end - start)
        for at in range(n_both):
            was, now = lines[0][low + at], lines[1][start + at]
            yield TemplateChange(path=path, line=new[now], before=was, after=now, role=role)
        for was in lines[0][low + n_both : high]:
            yield TemplateChange(path=path, line=old[was], before=was, after=None, role=role)
        for now in lines[1][start + n_both : end]:
            yield TemplateChange(path=path, line=new[now], before=None, after=now, role=role)


def content_of(request: Any, template: RequestTemplate) -> dict[str, tuple[str, ...]]:
    """Return by path the lines of a request that are no part of its template."""
    found = {}
    for path, text in request_parts(request):
        part = template.parts.get(path)
        known = part.lines if part is not None else {}
        found[path] = tuple(line for line in text.splitlines() if line.strip() and line not in known)
    return found
