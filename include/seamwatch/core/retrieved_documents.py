"""What a retrieval served to a record, and what it would have served with the documents as they are at the source."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd

from seamwatch.core.document_names import find_document, parts_of
from seamwatch.core.documents import Served, document_id
from seamwatch.core.freshness_results import DocumentAnswers
from seamwatch.core.records.comparison import canonical_json, is_null, parse_json
from seamwatch.core.retrieved_entries import NO_PLACES, Entry, is_plain_list, read_entries, value_at, with_value
from seamwatch.spec.knowledge import DocumentIds
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import FreshnessReason as Reason

_FRONT_MATTER = re.compile(r"\A---\s*\n.*?\n---\s*\n", re.DOTALL)
_TOKEN = re.compile(r"\w+")
_WHOLE = 2000
_SLACK = 1.5
"""A document up to so many times as long as what was served of it is served whole."""


def served_documents(
    documents: Any, contents: Any, rules: DocumentIds, names: Mapping[str, str] | None = None
) -> tuple[Served, ...]:
    """Return what a record was served, best first; empty where nothing, or nothing legible, is recorded.

    Args:
        documents: As recorded, in any shape that `core.retrieved_entries` opens.
        contents: The texts, where `documents` does not hold them: a JSON list in the same order, or one text.
        rules: How ids are made alike.
        names: By recorded name the shared id of the document that it stands for; without it the first name of an entry
            is its document.
    """
    entries = _split(read_entries(documents), names)
    texts = parse_json(contents) if not is_null(contents) else None
    beside = [str(text) for text in texts] if isinstance(texts, list) and len(texts) == len(entries) else None
    if beside is None and isinstance(contents, str) and len(entries) == 1:
        beside = [contents]
    found = []
    for place, entry in enumerate(entries):
        if not entry.names:
            continue
        known = find_document(entry.names, names) if names is not None else None
        raw, document = known or (entry.names[0], document_id(entry.names[0], rules))
        text = entry.text if entry.text is not None else beside[place] if beside is not None else None
        found.append(
            Served(
                document=document,
                raw=raw,
                text=text,
                version=entry.version,
                place=place,
                entry=entry.whole,
                places=entry.places,
                is_known=names is None or known is not None,
            )
        )
    return tuple(found)


def recorded_names(documents: Any) -> list[tuple[str, ...]]:
    """Return by entry of what was served everything that may name its document, the most likely first."""
    found = []
    for entry in read_entries(documents):
        parts = parts_of(entry.names[0]) if entry.whole is None and entry.names else ()
        found.append((*entry.names, *parts))
    return [names for names in found if names]


def _split(entries: list[Entry], names: Mapping[str, str] | None) -> list[Entry]:
    """Return the entries with a text that lists several known documents taken apart."""
    if names is None:
        return entries
    found: list[Entry] = []
    for entry in entries:
        parts = parts_of(entry.names[0]) if entry.whole is None and entry.names else ()
        is_list = bool(parts) and entry.names[0] not in names and all(part in names for part in parts)
        found += [Entry(names=(part,)) for part in parts] if is_list else [entry]
    return found


def without_front_matter(text: str) -> str:
    """Return a document without the YAML that stands before its text."""
    return _FRONT_MATTER.sub("", text, count=1)


@lru_cache(maxsize=4096)
def current_passage(like: str, text: str, *, length: int | None = None) -> str:
    """Return the passage of a document that stands where `like` stood in an earlier version of it.

    Args:
        like: What was served of the earlier version, or a question where nothing was.
        text: The document as it is now.
        length: Characters of the passage, about; default: as many as `like` has.

    The document itself if it is hardly longer; else the run of paragraphs that has most words in common with `like`
    for its length (Dice coefficient of the words, counted).
    """
    text = without_front_matter(text).strip()
    most = _SLACK * (len(like) if length is None else length)
    if len(text) <= most:
        return text
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    wanted = _words(like)
    best, found = -1.0, text
    for start in range(len(paragraphs)):
        for end in range(start + 1, len(paragraphs) + 1):
            passage = "\n\n".join(paragraphs[start:end])
            if end > start + 1 and len(passage) > most:
                break
            words = _words(passage)
            # A question is short: what counts is how much of it a passage holds, not how much else that has.
            against = wanted.total() + (words.total() if length is None else wanted.total())
            score = 2 * (wanted & words).total() / max(against, 1)
            if score > best:
                best, found = score, passage
    return found


def _words(text: str) -> Counter[str]:
    return Counter(_TOKEN.findall(text.casefold()))


def holds(text: str, chunks: Iterable[str]) -> bool:
    """Return whether every chunk stands in a document's text, blanks apart: it was indexed as it is."""
    whole = " ".join(text.split())
    return all(" ".join(chunk.split()) in whole for chunk in chunks)


@dataclass(frozen=True, kw_only=True)
class Context:
    """The knowledge base behind a retrieval, as far as failing records were served from it."""

    stage: Stage
    rules: DocumentIds
    suspects: Mapping[Any, Mapping[str, Reason]]
    """By record, the documents that were not as they should be when it was served, and what was wrong with them."""
    current: Mapping[str, str | None]
    """By document, its text at the source; None where it is gone."""
    raw: Mapping[str, str] = field(default_factory=dict)
    """By document, its id at the source."""
    versions: Mapping[str, str | None] = field(default_factory=dict)
    """By document, the content hash at the source."""
    questions: Mapping[Any, str] = field(default_factory=dict)
    """By record, the text that the retrieval was asked with."""
    instead: Mapping[Any, tuple[Served, ...]] = field(default_factory=dict)
    """By record, what it would be served in the place of what is left out, best first."""
    names: Mapping[str, str] = field(default_factory=dict)
    """By name as recorded, the shared id of the document that it stands for."""
    documents: tuple[DocumentAnswers, ...] = ()
    """The suspects with their clocks, and how many failing records each has."""

    def repaired(self, rows: pd.DataFrame, documents: Collection[str] | None) -> pd.DataFrame:
        """Return the payloads with some documents as they are at the source.

        Args:
            rows: Payloads of the retrieval, index key.
            documents: Which; None stands for all suspects of each record.

        Only records with such a suspect are returned, and of them those whose served texts are recorded.
        """
        assert self.stage.documents is not None
        made = {}
        for key, row in zip(rows.index, rows.to_dict("records"), strict=True):
            suspects = self.suspects.get(key, {})
            chosen = {d: reason for d, reason in suspects.items() if documents is None or d in documents}
            payload = self._payload(key, row, chosen) if chosen else None
            if payload is not None:
                made[key] = payload
        index = pd.Index(list(made), name=rows.index.name, dtype=rows.index.dtype if not made else None)
        return pd.DataFrame(list(made.values()), index=index, columns=rows.columns, dtype=object)

    def name_of(self, document: str) -> str:
        """Return the id by which people know a document: the source's own."""
        return self.raw.get(document, document)

    def versions_of(self, key: Any, row: Mapping[str, Any], document: str) -> tuple[str | None, str | None]:
        """Return a document's text as a record was served it, and as it would be; None where there is none.

        Args:
            key: The record.
            row: Its payload at the retrieval.
            document: As `name_of` names it.
        """
        document = next((shared for shared, raw in self.raw.items() if raw == document), document)
        reason = self.suspects.get(key, {}).get(document)
        before = self._served(row)
        after = before if reason is None else self._change(key, before, {document: reason})
        return _joined(before, document), _joined(after, document)

    def _served(self, row: Mapping[Any, Any]) -> tuple[Served, ...]:
        contents = row.get(self.stage.contents) if self.stage.contents else None
        return served_documents(row.get(self.stage.documents), contents, self.rules, self.names or None)

    def _payload(self, key: Any, row: Mapping[Any, Any], chosen: Mapping[str, Reason]) -> dict[Any, Any] | None:
        before = self._served(row)
        recorded = row[self.stage.documents]
        # A shape that cannot be written again is not repaired: a replay on what was there would acquit the document.
        is_told = is_null(recorded) or is_plain_list(recorded)
        if not is_told or any(one.text is None for one in before if one.document in chosen):
            return None
        after = self._change(key, before, chosen)
        has_objects = any(one.entry is not None for one in before) or not before
        entries: list[Any] = [_entry(one) if has_objects else one.raw for one in after]
        payload = dict(row)
        payload[self.stage.documents] = _alike(recorded, entries)
        contents = self.stage.contents
        if contents is not None and not is_null(row.get(contents)):
            texts = [one.text for one in after]
            if isinstance(parse_json(row[contents]), list):
                payload[contents] = _alike(row[contents], texts)
            else:
                # One text for all: what was there stays, unless it is the one document's own.
                rest = [] if all(one.text is not None for one in before) else [str(row[contents])]
                payload[contents] = "\n\n".join([*filter(None, texts), *rest])
        return payload

    def _change(self, key: Any, before: Sequence[Served], chosen: Mapping[str, Reason]) -> list[Served]:
        after: list[Served] = []
        given: set[tuple[str, str | None]] = set()
        for one in before:
            reason = chosen.get(one.document)
            if reason is Reason.GHOST or (reason is not None and self.current.get(one.document) is None):
                continue
            new = one if reason in (None, Reason.MISSING) else self._as_current(one)
            if reason is Reason.DUPLICATE and (new.document, new.text) in given:
                continue
            given.add((new.document, new.text))
            after.append(new)
        after += self._instead(key, after, len(before) - len(after))
        for document, reason in chosen.items():
            text = self.current.get(document)
            if reason is Reason.MISSING and text is not None:
                after.insert(0, self._missed(key, document, text, before))
        return after

    def _instead(self, key: Any, after: Sequence[Served], n: int) -> list[Served]:
        """Return what takes the places that became free: what was left out had kept it from being served."""
        there = {(one.document, one.text) for one in after}
        return [one for one in self.instead.get(key, ()) if (one.document, one.text) not in there][:n]

    def _as_current(self, one: Served) -> Served:
        text = self.current[one.document]
        assert text is not None
        assert one.text is not None
        passage = one.text if holds(text, [one.text]) else current_passage(one.text, text)
        return Served(
            document=one.document,
            raw=one.raw,
            text=passage,
            version=self.versions.get(one.document) if one.version is not None else None,
            place=one.place,
            entry=one.entry,
            places=one.places,
        )

    def _missed(self, key: Any, document: str, text: str, before: Sequence[Served]) -> Served:
        """Return a document that was not in the index: whole where it is no longer than all that was served.

        Of a longer one the passage that shares most words with what the retrieval was asked, as long as that of the
        longest one served.
        """
        lengths = [len(one.text) for one in before if one.text]
        passage = without_front_matter(text).strip()
        if len(passage) > max(_WHOLE, _SLACK * sum(lengths)):
            passage = current_passage(self.questions.get(key, ""), text, length=max(lengths, default=_WHOLE))
        template = next((one for one in before if one.entry is not None), None)
        has_version = any(one.version is not None for one in before)
        return Served(
            document=document,
            raw=self.raw.get(document, document),
            text=passage,
            version=self.versions.get(document) if has_version else None,
            entry=None if template is None else _blank(template.entry),
            places=NO_PLACES if template is None else template.places,
        )


def _joined(served: Iterable[Served], document: str) -> str | None:
    texts = [one.text for one in served if one.document == document and one.text is not None]
    return "\n\n".join(texts) if texts else None


def _entry(one: Served) -> Any:
    """Return an entry as it was recorded, with what changed in its place."""
    if one.entry is None:
        return {"id": one.raw, "text": one.text}
    entry: Any = one.entry
    if one.places.name is not None and value_at(entry, one.places.name) is None:
        entry = with_value(entry, one.places.name, one.raw)
    if one.places.text is not None:
        entry = with_value(entry, one.places.text, one.text)
    if one.places.version is not None and one.version is not None:
        entry = with_value(entry, one.places.version, one.version)
    return entry


def _blank(entry: Any) -> Any:
    """Return an entry of the same shape without what it says."""
    return {name: _blank(value) for name, value in entry.items()} if isinstance(entry, Mapping) else None


def _alike(recorded: Any, value: list[Any]) -> Any:
    """Return the list in the form in which one was recorded: text or objects, alone or within an object."""
    known = parse_json(recorded)
    if isinstance(known, Mapping) and isinstance(known.get("documents"), list):
        whole: Any = {**known, "documents": value}
    else:
        whole = value
    return canonical_json(whole) if isinstance(recorded, str) or is_null(recorded) else whole
