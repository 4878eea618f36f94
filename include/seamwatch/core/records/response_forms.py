"""What a recorded value is: a body of a known shape, an answer's own text, or neither.

One value alone does not say whether prose is an answer or what a proxy wrote in the place of a body. The column does:
where it holds bodies, prose is unreadable; where it holds text, prose is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from seamwatch.core.records.comparison import at_path, is_null, read_json, strict_text
from seamwatch.core.records.response_errors import Certainty, read_error_text
from seamwatch.core.records.response_messages import plain_text
from seamwatch.core.records.response_shapes import Reading, find_finish, find_model, looks_like_body, read_shape
from seamwatch.core.records.response_streams import assemble_events, assemble_text, is_stream
from seamwatch.core.records.response_text import SAMPLE, as_text, open_text, own_text
from seamwatch.core.records.unknown import Unknown
from seamwatch.vocabulary import Protocol, UnknownReason

OWN_FORM = frozenset({Protocol.JSON, Protocol.CALLABLE})
"""Protocols that promise no shape: whatever JSON comes is the answer, or holds it at the path that a person named."""
_SAMPLED = 400
"""Values of a column that are looked at to tell what it holds."""
_LEAST_BODIES = 0.25
"""Share of bodies from which on prose in the same column is no answer: a mixed column proves nothing of its prose."""
_CUT = re.compile(
    r"""["']object["']\s*:\s*["'](?:chat\\?\.completion|text_completion|response)|["'](?:choices|candidates)["']\s*:\s*\[
    |["'](?:stop_reason|stopReason|finish_reason|finishReason|usageMetadata)["']\s*:|["']type["']\s*:\s*["']message["']
    |\b(?:choices|candidates)=\[""",
    re.VERBOSE,
)
"""What only an envelope holds; where it cannot be opened, it was cut or garbled."""
_CUT_WITHIN = 4000
_STARTS = re.compile(r"\s*(?:[\[{(\"']|\w+[(=])")
_NO_TEXT = re.compile(
    r"""\s*(?:<[\w. ]+\ at\ 0x[0-9a-fA-F]+>                                  # an object of a program
    |H4sI[A-Za-z0-9+/=\s]{16,}                                                # compressed, in base64
    |[\[<({*]+\s*(?:redacted|filtered|masked|hidden|removed|omitted|scrubbed|truncated)\b[^\[\]<>]{0,40}[\]>)}*]+
    |\*{3,})\s*""",
    re.VERBOSE | re.IGNORECASE,
)
"""What loggers write in the place of a value, which no model says."""
_SPECIAL = re.compile(
    r"""[\[{("'\\<*`~:\ufeff\x00-\x1f]|[bBuU]["']|\w+[\w.]*[(=]|(?:data|event|id|retry):
    |Error\ code:|An\ error\ occurred|[45]\d\d\ [A-Z]|litellm|H4sI""",
    re.VERBOSE,
)
"""How anything begins that is more than prose."""
_NO_BODY = frozenset({"null", "None"})
"""How programs write down that no body came."""
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\ufffd]")


class Form(Enum):
    """What a column, or an endpoint, gives."""

    BODIES = "bodies"
    """Bodies of a known protocol: anything else is unreadable."""
    DOCUMENTS = "documents"
    """Any JSON, and it is the answer: a plain JSON endpoint."""
    TEXT = "text"
    """The answer itself, mostly: a body that stands there all the same is read as one."""


class Kind(Enum):
    """What a value is that has no known shape."""

    NULL = "null"
    BLANK = "blank"
    PROSE = "prose"
    DOCUMENT = "document"
    BROKEN = "broken"
    """An envelope, a stream or a placeholder that cannot be opened: never an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unrecognised:
    """A value that has no known shape."""

    kind: Kind
    text: str
    document: Any = None
    guess: Reading | None = None
    """What it says if it is an error body, which it looks like."""


def live_form(protocol: Protocol) -> Form:
    """Return what an endpoint that speaks this protocol gives."""
    return Form.DOCUMENTS if protocol in OWN_FORM else Form.BODIES


def column_form(protocol: Protocol, values: Sequence[Any], answer_path: str | None = None) -> Form:
    """Return what a column of recorded responses holds, by a sample of its values, evenly spread.

    Errors count only where nothing else is there: programs that log an answer's text log an error's body too.
    """
    step = max(1, len(values) // _SAMPLED)
    n_bodies = n_errors = n_others = 0
    for value in values[::step]:
        found = recognise(protocol, value, answer_path)
        if isinstance(found, Unrecognised):
            is_error = found.guess is not None and found.guess.certainty is Certainty.LIKELY
            n_errors += is_error and protocol not in OWN_FORM
            n_others += found.kind in (Kind.PROSE, Kind.DOCUMENT) and not is_error
        elif str(found.finish_reason).startswith("error"):
            n_errors += 1
        else:
            n_bodies += 1
    is_bodies = n_bodies >= _LEAST_BODIES * (n_bodies + n_others) if n_bodies else n_errors > n_others
    return Form.BODIES if is_bodies else Form.TEXT


def recognise(protocol: Protocol, value: Any, answer_path: str | None = None) -> Reading | Unrecognised:
    """Return what a value says where its shape is known, else what else it is.

    Args:
        protocol: Says what a list without marks means, and whether a whole body is the answer.
        value: As it came from a column or over the wire.
        answer_path: For plain JSON, the dotted path of the answer.
    """
    if is_null(value):
        return Unrecognised(kind=Kind.NULL, text="")
    if isinstance(value, Unknown):
        return Unrecognised(kind=Kind.BROKEN, text=value.sample)
    text = as_text(value)
    if text is None:
        if not isinstance(value, Mapping | list | tuple):
            return Unrecognised(kind=Kind.PROSE, text=strict_text(value) or "")
        document = list(value) if isinstance(value, tuple) else value
        text = ""
    else:
        opened = _open(text)
        if isinstance(opened, Reading | Unrecognised):
            return opened
        document = opened
    try:
        found = _read_document(protocol, document, answer_path)
        if found is not None and found.certainty is Certainty.SURE:
            return found
        text = text or str(plain_text(document))
        return Unrecognised(kind=Kind.DOCUMENT, text=text, document=document, guess=found)
    except RecursionError:
        return Unrecognised(kind=Kind.BROKEN, text=text)


def open_body(value: Any) -> Any:
    """Return the object or list that a value holds, a stream put together; None if it holds none."""
    text = as_text(value)
    opened = value if text is None else _open(text)
    if isinstance(opened, list) and len(opened) > 1:
        opened = assemble_events(opened) or opened
    return opened if isinstance(opened, Mapping | list) else None


def _open(text: str) -> Any:
    """Return the object or list that a text holds, or what else it is."""
    stripped = text.strip()
    if not stripped:
        return Unrecognised(kind=Kind.BLANK, text=text)
    if not _SPECIAL.match(stripped) and stripped[-1] != ")" and "\ufffd" not in text:
        return Unrecognised(kind=Kind.PROSE, text=text)
    if stripped[0] == "{":
        try:
            return read_json(stripped)
        except (ValueError, RecursionError):
            pass
    inner = text
    while True:
        stream = assemble_text(inner)
        if stream is not None:
            return stream
        if is_stream(inner):
            return Unrecognised(kind=Kind.BROKEN if "{" in inner else Kind.PROSE, text=text)
        opened = open_text(inner, in_prose=False)
        if not isinstance(opened, str):
            return opened
        if opened == inner:
            return _prose(text, inner)
        inner = opened


def _prose(text: str, inner: str) -> Reading | Unrecognised:
    error = read_error_text(inner)
    guess = Reading(finish_reason=f"error:{error.code}", certainty=error.certainty) if error is not None else None
    if guess is not None and guess.certainty is Certainty.SURE:
        return guess
    is_cut = _STARTS.match(inner) is not None and _CUT.search(inner[:_CUT_WITHIN]) is not None
    is_binary = len(_CONTROLS.findall(text[:_CUT_WITHIN])) > len(text[:_CUT_WITHIN]) // 8
    is_broken = is_cut or is_binary or _NO_TEXT.fullmatch(inner) is not None
    return Unrecognised(kind=Kind.BROKEN if is_broken else Kind.PROSE, text=text, guess=guess)


def _read_document(protocol: Protocol, document: Any, answer_path: str | None) -> Reading | None:
    if protocol in OWN_FORM and answer_path:
        found = _read_at_path(document, answer_path)
        if found is not None:
            return found
    found = read_shape(document)
    if found is None:
        events = document if isinstance(document, list) else [document]
        if events and all(isinstance(event, str) for event in events):
            text = "\n".join(events)
            whole = assemble_text(text if is_stream(text) else "\n".join(event.strip() for event in events))
        else:
            whole = assemble_events(events)
        found = read_shape(whole) if whole is not None else None
    if found is None and protocol not in OWN_FORM:
        found = _read_predictions(protocol, document)
    return found


def _read_at_path(document: Any, path: str) -> Reading | None:
    """Return the answer at the path that a person named; None if the path leads nowhere."""
    answer = at_path(document, path)
    if is_null(answer) or isinstance(answer, Unknown):
        parent, _, name = path.rpartition(".")
        holder = at_path(document, parent) if parent else document
        if not (isinstance(holder, Mapping) and name in holder) or isinstance(answer, Unknown):
            return None
        answer = None
    about = read_shape(document) or Reading(finish_reason=find_finish(document), model=find_model(document))
    return replace(about, text=None if answer is None else plain_text(answer), certainty=Certainty.SURE)


def _read_predictions(protocol: Protocol, document: Any) -> Reading | None:
    """MLflow: one prediction is the answer; several are one answer together."""
    has_name = isinstance(document, Mapping) and "predictions" in document
    if not has_name and not (isinstance(document, list) and protocol is Protocol.MLFLOW):
        return None
    predictions = document["predictions"] if has_name else document
    if predictions is None or predictions == []:
        return Reading()
    first = predictions[0] if isinstance(predictions, list) and len(predictions) == 1 else predictions
    return read_shape(first) or Reading(text=plain_text(first))


def resolve(found: Reading | Unrecognised, form: Form, protocol: Protocol, answer_path: str | None = None) -> Reading:
    """Return what a value says, in the light of what its column or endpoint gives.

    Args:
        found: As `recognise` gives it.
        form: Of the column or endpoint.
        protocol: As for `recognise`.
        answer_path: As for `recognise`.
    """
    if isinstance(found, Reading):
        return found
    if found.guess is not None and (form is Form.BODIES or found.guess.certainty is Certainty.LIKELY):
        return found.guess if form is Form.BODIES else _unknown(found)
    return _RESOLVED[found.kind](found, form, protocol, answer_path)


def _resolve_blank(found: Unrecognised, form: Form, _: Protocol, __: str | None) -> Reading:
    return Reading(text=found.text if form is Form.TEXT else None)


def _resolve_prose(found: Unrecognised, form: Form, protocol: Protocol, _: str | None) -> Reading:
    if form is Form.BODIES:
        return Reading() if found.text.strip() in _NO_BODY else _unknown(found)
    if protocol in OWN_FORM and (form is Form.DOCUMENTS or found.text.lstrip()[:1] == '"'):
        try:
            scalar = read_json(found.text)
        except (ValueError, RecursionError):
            return _unknown(found) if form is Form.DOCUMENTS else Reading(text=found.text)
        return Reading(text=strict_text(scalar))
    return Reading(text=own_text(found.text, has_document=False))


def _resolve_document(found: Unrecognised, form: Form, protocol: Protocol, answer_path: str | None) -> Reading:
    if form is Form.BODIES:
        return _unknown(found)
    if protocol not in OWN_FORM:
        return _unknown(found) if looks_like_body(found.document) else Reading(text=own_text(found.text))
    if answer_path:
        return _unknown(found, UnknownReason.UNREADABLE_PATH) if form is Form.DOCUMENTS else Reading(text=found.text)
    document = found.document
    return Reading(text=plain_text(document), finish_reason=find_finish(document), model=find_model(document))


def _unknown(found: Unrecognised, reason: UnknownReason = UnknownReason.UNREADABLE_BODY) -> Reading:
    return Reading(text=Unknown(reason=reason, sample=found.text[:SAMPLE]))


_RESOLVED = {
    Kind.NULL: lambda *_: Reading(),
    Kind.BLANK: _resolve_blank,
    Kind.PROSE: _resolve_prose,
    Kind.DOCUMENT: _resolve_document,
    Kind.BROKEN: lambda found, *_: _unknown(found),
}
