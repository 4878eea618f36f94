"""Which document a recorded name stands for: the id itself, or one with a fragment, a chunk's number or a place.

A name is a document only where source or index knows one: each form that it may have is looked up, the surest first,
and a name of which no form is known stays unknown. Places before an id (the folder of a container, a bucket) are taken
off where the pipeline file names them, or where several documents are known without the same one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from seamwatch.core.documents import document_id
from seamwatch.spec.knowledge import DocumentIds, DocumentSourceSpec

_TAILS = (
    re.compile(r"#.*$", re.DOTALL),
    re.compile(r"\?.*$", re.DOTALL),
    re.compile(r"(?:::|\|).*$", re.DOTALL),
    re.compile(r"[:@]\d+(?:[-:]\d+)*$"),
    re.compile(r"[\s/_.:\-]+(?:chunk|split|node|passage)s?[\s/_.:=\-]*\d+$", re.IGNORECASE),
    re.compile(r"\s*[\[(]\d+[\])]$"),
)
"""What may stand behind the id of a document: an anchor, a query, the number of a chunk, page or line."""
_AFTER_ENDING = re.compile(r"(.*\.[A-Za-z]\w{0,4})[\s/_:\-]+(?:p|page|part|section)?[\s/_.:=\-]*\d+", re.IGNORECASE)
"""A number behind a file's ending."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_LIST = re.compile(r"\s*[,;|\n]\s*")
_LEAST_DOCUMENTS = 2
"""Known without the same place before them, before that place is taken for one."""
_ENDINGS = (".md", ".txt", ".html", ".pdf", ".rst", ".docx")


@dataclass(frozen=True, kw_only=True)
class Names:
    """Which documents some recorded names stand for."""

    documents: Mapping[str, str]
    """By name as recorded, the shared id; a name that is not in it is known to nobody."""
    hints: tuple[str, ...] = ()
    """What a person could write, so that names which are not known would be."""


def find_document(names: Iterable[str], documents: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the first of an entry's names that stands for a document, and that document's shared id."""
    return next(((name, documents[name]) for name in names if name in documents), None)


def places_of(source: DocumentSourceSpec) -> tuple[str, ...]:
    """Return what stands before the ids of a source's documents in a full path: its folder, its bucket."""
    given = source.folder if source.kind == "git" and source.folder else getattr(source, "path", None)
    if not given:
        return ()
    parts = [part for part in given.rpartition("@")[2].rpartition("://")[2].split("/") if part not in ("", ".", "..")]
    return tuple(dict.fromkeys("/".join(parts[start:]) for start in (0, -1))) if parts else ()


def name_forms(raw: str, rules: DocumentIds, places: Collection[str] = ()) -> tuple[str, ...]:
    """Return the shared ids that a name may stand for, the surest first.

    Args:
        raw: As recorded.
        rules: How ids are made alike.
        places: As `places_of` gives them.
    """
    bases = [raw, *_without_host(raw)]
    bases += [form for base in tuple(bases) for form in _without_place(base, places)]
    forms = [form for base in dict.fromkeys(bases) for form in (base, *_without_tail(base))]
    return tuple(dict.fromkeys(shared for form in forms if (shared := document_id(form, rules))))


def parts_of(raw: str) -> tuple[str, ...]:
    """Return the names in a text that lists several (`a.md, b.md`, `{a.md,b.md}`); empty for one alone."""
    text = raw.strip().removeprefix("{").removesuffix("}")
    parts = tuple(part.strip().strip("\"'") for part in _LIST.split(text))
    parts = tuple(part for part in parts if part)
    return parts if len(parts) > 1 or (parts and parts[0] != raw) else ()


def _without_host(raw: str) -> Iterator[str]:
    if raw.lower().startswith(("http://", "https://", "file://")):
        try:
            yield urlsplit(raw).path
        except ValueError:
            return


def _without_place(raw: str, places: Collection[str]) -> Iterator[str]:
    text = "/" + raw.replace("\\", "/")
    for place in places:
        at = -1
        while (at := text.find(f"/{place}/", at + 1)) >= 0:
            yield text[at + len(place) + 2 :]


def _without_tail(raw: str) -> Iterator[str]:
    for tail in _TAILS:
        found = tail.search(raw)
        if found and found.start() > 0:
            yield raw[: found.start()]
    found = _AFTER_ENDING.fullmatch(raw)
    if found:
        yield found[1]


def container_forms(raw: str, rules: DocumentIds) -> tuple[tuple[str, str], ...]:
    """Return for a full path or address each place that may stand before a document, and the document then."""
    text = raw.replace("\\", "/")
    scheme = _SCHEME.match(text)
    if not (scheme or text.startswith("/") or _DRIVE.match(raw)):
        return ()
    found = []
    for form in (text, *_without_tail(text)):
        at = scheme.end() if scheme else 0
        while (at := form.find("/", at + 1)) >= 0:
            if shared := document_id(form[at + 1 :], rules):
                found.append((form[: at + 1], shared))
    return tuple(dict.fromkeys(found))


def resolve_names(
    forms: Mapping[str, Collection[str]],
    containers: Mapping[str, Collection[tuple[str, str]]],
    known: Collection[str],
) -> Names:
    """Return which documents names stand for.

    Args:
        forms: By name, as `name_forms` gives them.
        containers: By name, as `container_forms` gives them.
        known: Shared ids of those documents among all these forms that source or index knows.

    One place for all names, and only where at least two documents are known without it: one alone may be another
    document of the same last name, and is a hint.
    """
    documents = {
        raw: found for raw, ids in forms.items() if (found := next((one for one in ids if one in known), None))
    }
    by_place: dict[str, dict[str, str]] = defaultdict(dict)
    for raw, pairs in containers.items():
        if raw not in documents:
            for place, shared in pairs:
                if shared in known:
                    by_place[place].setdefault(raw, shared)
    hints = []
    if by_place:
        place = max(by_place, key=lambda one: (len(set(by_place[one].values())), len(one), one))
        if len(set(by_place[place].values())) >= _LEAST_DOCUMENTS:
            documents |= by_place[place]
        else:
            hints.append(f"one would be known without {place!r} before it: set ids.strip_prefix to it")
    return Names(documents=documents, hints=(*hints, *_ending_hints(forms, documents, known)))


def ending_forms(raw: str, rules: DocumentIds) -> tuple[str, ...]:
    """Return the shared ids of files that a name without an ending may mean; looked up for a hint only."""
    return tuple(document_id(raw + ending, rules) for ending in _ENDINGS)


def _ending_hints(
    forms: Mapping[str, Collection[str]], documents: Mapping[str, str], known: Collection[str]
) -> Iterator[str]:
    lost = [ids for raw, ids in forms.items() if raw not in documents]
    counts = {ending: sum(any(f"{one}{ending}" in known for one in ids) for ids in lost) for ending in _ENDINGS}
    for ending, count in counts.items():
        if count:
            yield f"{count} would be known with {ending!r} behind them: set ids.strip_suffix to it"
