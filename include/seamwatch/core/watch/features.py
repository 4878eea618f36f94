"""Payloads of a stage to features of a uniform sample of its records: what drift is looked for in."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from seamwatch.core.records.call_endings import call_failure
from seamwatch.core.records.comparison import as_number, is_null, may_be_json, parse_json, strict_text
from seamwatch.core.records.frames import ANSWER
from seamwatch.core.records.languages import UNSPACED, guess_language, words_of
from seamwatch.core.records.unknown import Unknown
from seamwatch.spec.pipeline import Stage
from seamwatch.vocabulary import StageKind

MOST_COLUMNS = 100
"""Of one stage; those with the most values are kept."""
ENDING = "ending"
"""Measure of a model's answer: `answered`, or how it failed: `refused`, `truncated`, `empty`, `error`."""
_LIST_ITEMS = 3
"""Items of a JSON list that are opened; its length is a feature of its own."""
_DEEPEST = 6
_SHORT = 40
"""Longer texts are never kept; shorter ones until it is known whether their column is a category."""
_TERMS = 40
"""Distinct words of one text that are counted."""
_MOST_WORDS = 5000
"""Words of one column and period that are kept, the most frequent ones."""
_FEW_LEVELS = 12
_LEVELS_PER_RECORD = 0.2
_LEAST_FOR_IDS = 30
_LAG = 7
"""Most periods before this one that do not yet count as seen before: so long does a new value stay new."""
_DIGITS = 10
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?\s*(Z|UTC|[+-]\d\d:?\d\d)?)?$")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Features of a uniform sample of the records of a span at one stage."""

    n: int
    """Records of the span, in the sample or not."""
    rows: pd.DataFrame
    """Index key, as text; columns `column|measure`: numbers, or None and text for `value`, `language`, `ending`."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """By column, once the span is over: `category`, `text`, `number` or `id`."""
    words: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By column of texts, hashed word to the sampled records that have it; once the span is over."""
    auc: float | None = None
    """How well a classifier told this span from its past; None where it was not asked."""

    @cached_property
    def arrays(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the rows by column: a look reads them many times."""
        return {str(name): values.to_numpy() for name, values in self.rows.items()}

    @cached_property
    def levels(self) -> Mapping[str, frozenset[str]]:
        """Return the distinct values of each column that keeps them."""
        return {
            name: frozenset(self.rows[name].dropna().unique()) for name in self.rows.columns if name.endswith("|value")
        }

    def to_data(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "n": self.n,
            "keys": list(self.rows.index),
            "features": {name: _column_data(self.rows[name]) for name in self.rows.columns},
            "kinds": dict(self.kinds),
            "words": {name: dict(words) for name, words in self.words.items()},
            "auc": self.auc,
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Sample:
        """Return what `to_data` wrote."""
        index = pd.Index(data["keys"], dtype=object)
        columns = {name: _read_column(one) for name, one in data["features"].items()}
        return cls(
            n=data["n"],
            rows=pd.DataFrame(columns, index=index),
            kinds=data["kinds"],
            words=data["words"],
            auc=data["auc"],
        )


def key_hashes(keys: pd.Index[Any]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Return a number for each key, the same at every stage and in every look."""
    return pd.util.hash_array(keys.astype(str).to_numpy(dtype=object))


def lowest(keys: pd.Index[Any], k: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the positions of the k keys with the lowest hashes: a uniform sample that can be merged with others."""
    hashes = key_hashes(keys)
    return np.argsort(hashes, kind="stable")[:k]


def merge(samples: Sequence[Sample], *, k: int) -> Sample:
    """Return the sample of all spans together; the same as if it had been drawn at once."""
    frames = [one.rows for one in samples if len(one.rows)]
    rows = pd.concat(frames) if frames else pd.DataFrame()
    rows = rows[~rows.index.duplicated(keep="last")]
    rows = rows.iloc[lowest(rows.index, k)] if len(rows) else rows
    nulls = [name for name in rows.columns if name.endswith("|null")]
    return Sample(n=sum(one.n for one in samples), rows=rows.fillna(dict.fromkeys(nulls, 1.0)))


def stage_features(
    payload: pd.DataFrame, stage: Stage, *, ignore: Iterable[str] = (), hidden: Iterable[str] = ()
) -> tuple[pd.DataFrame, int]:
    """Return the features of some records at a stage, and how many columns were too many.

    Args:
        payload: Index key; columns the fields.
        stage: Its spec.
        ignore: Columns, or paths in them, that are left out.
        hidden: Columns whose values must never be kept, not even short ones.

    Times have no feature but whether they are missing. A text has measures; the text itself is kept under `value`
    only where it is short, and dropped by `close` unless the column is a category.
    """
    opened: list[tuple[str, np.ndarray[Any, Any]]] = []
    endings = _endings(payload, stage) if stage.kind is StageKind.MODEL and ANSWER in payload.columns else None
    if endings is not None:
        payload = payload.assign(**{ANSWER: payload[ANSWER].map(lambda one: None if isinstance(one, Unknown) else one)})
    for name in payload.columns:
        # `_model` and the like stand for what is not recorded, too.
        if name not in _left_out(stage) and not (str(name).startswith("_") and payload[name].isna().all()):
            opened += _open(str(name), payload[name])
    opened = [(name, values) for name, values in opened if not _is_below(name, tuple(ignore))]
    kept = opened
    if len(opened) > MOST_COLUMNS:
        fullest = sorted(opened, key=lambda one: (sum(map(is_null, one[1])), one[0]))[:MOST_COLUMNS]
        kept = sorted(fullest, key=lambda one: one[0])
    made: dict[str, Any] = {}
    for name, values in kept:
        made |= _measures(name, values, is_hidden=_is_below(name, tuple(hidden)))
    if endings is not None and not _is_below(ANSWER, tuple(ignore)):
        made[f"{ANSWER}|{ENDING}"] = endings
    return pd.DataFrame(made, index=pd.Index(payload.index.astype(str), dtype=object)), len(opened) - len(kept)


def free_texts(payload: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Return the columns of long texts: those that an embedding says something about."""
    names = [name.removesuffix("|length") for name in rows.columns if name.endswith("|length")]
    return [name for name in names if name in payload.columns and rows[f"{name}|length"].median() > _SHORT]


def close(sample: Sample, past: Sequence[Sample]) -> Sample:
    """Return the sample of a span that is over: kinds of columns decided, what is new marked, texts gone.

    Args:
        sample: As merged.
        past: Samples of the spans before it, oldest first.

    Adds `column|new` for categories (1 where the value was not seen before) and `column|new_words` for texts (share
    of its words that were not), both NaN in the first span. The last spans, up to seven and half of the past, do not
    count as seen: what came to stay would else be new for one day only.
    """
    seen = past[: len(past) - min(_LAG, len(past) // 2)]
    rows, kinds, words = sample.rows.copy(), {}, {}
    gone: list[str] = []
    for name in dict.fromkeys(str(column).rpartition("|")[0] for column in rows.columns):
        kinds[name] = own = _kind(rows, name, past)
        votes = Counter(one.kinds[name] for one in past if name in one.kinds)
        kind = votes.most_common(1)[0][0] if votes else own
        if kind == "category":
            _mark_levels(rows, name, seen)
        elif kind == "text":
            words[name] = _mark_words(rows, name, seen)
        gone += [f"{name}|{measure}" for measure in (*_DROPPED.get(kind, _ALL), "terms")]
    rows = rows.drop(columns=[one for one in gone if one in rows.columns])
    return Sample(n=sample.n, rows=rows, kinds=kinds, words=words)


_TEXT_MEASURES = ("length", "words", "non_ascii", "digits", "language")
_ALL = ("value", "number", *_TEXT_MEASURES)
_DROPPED = {"category": _TEXT_MEASURES, "text": ("value",), "number": ("value", *_TEXT_MEASURES)}
"""What is not kept of a column, by its kind; of ids nothing is."""


def _left_out(stage: Stage) -> frozenset[str]:
    """Return columns of a model that say what another watch looks at, or the same again."""
    if stage.kind is not StageKind.MODEL:
        return frozenset()
    named = {stage.request, stage.response, stage.status, stage.finish_reason, stage.model}
    numbers = {stage.latency_ms, stage.cost_usd, stage.input_tokens, stage.output_tokens}
    return frozenset(one for one in named | numbers if one is not None and one != ANSWER)


def _is_below(name: str, given: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in given)


def _open(name: str, values: pd.Series[Any]) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """Return a column, or the parts of it where it holds JSON."""
    cells = values.to_numpy(dtype=object)
    if pd.api.types.is_numeric_dtype(values.dtype) or not any(map(may_be_json, cells[:50])):
        return [(name, cells)]
    parts: list[dict[str, Any]] = [dict(_parts(parse_json(cell), name)) for cell in cells]
    counts = Counter(path for one in parts for path in one)
    least = max(1, len(cells) // 20)
    return [
        (path, np.array([one.get(path) for one in parts], dtype=object))
        for path, count in counts.items()
        if count >= least
    ]


def _parts(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if isinstance(value, str) and depth and may_be_json(value):
        value = parse_json(value)
    if isinstance(value, Mapping) and depth < _DEEPEST:
        for name, part in value.items():
            yield from _parts(part, f"{path}.{name}", depth + 1)
    elif isinstance(value, list | tuple) and depth < _DEEPEST:
        yield f"{path}.n", len(value)
        for number, part in enumerate(value[:_LIST_ITEMS]):
            yield from _parts(part, f"{path}.{number}", depth + 1)
    else:
        yield path, value


def _measures(name: str, values: np.ndarray[Any, Any], *, is_hidden: bool) -> dict[str, Any]:
    null = np.array([is_null(one) or one == "" for one in values], dtype=float)
    numbers = np.full(len(values), np.nan)
    texts: dict[int, str] = {}
    n_times = 0
    for place in np.flatnonzero(null == 0.0):
        value = values[place]
        number = as_number(value)
        if number is not None:
            numbers[place] = number
        elif isinstance(value, date) or (isinstance(value, str) and _MOMENT.match(value)):
            n_times += 1
        else:
            texts[int(place)] = strict_text(value) or ""
    made: dict[str, Any] = {f"{name}|null": null}
    n_known = len(values) - int(null.sum())
    if n_times * 2 > n_known:
        return made
    numbers[~np.isfinite(numbers)] = np.nan
    if np.isfinite(numbers).any():
        made[f"{name}|number"] = numbers
    if texts:
        made |= _text_measures(name, texts, len(values), is_hidden=is_hidden)
    return made


def _text_measures(name: str, texts: Mapping[int, str], n: int, *, is_hidden: bool) -> dict[str, Any]:
    numeric = {measure: np.full(n, np.nan) for measure in ("length", "words", "non_ascii", "digits")}
    verbal = {measure: np.full(n, None, dtype=object) for measure in ("value", "language", "terms")}
    for place, text in texts.items():
        length = max(len(text), 1)
        numeric["length"][place] = len(text)
        numeric["words"][place] = len(text.split())
        numeric["non_ascii"][place] = 0.0 if text.isascii() else sum(letter > "\x7f" for letter in text) / length
        numeric["digits"][place] = sum(map(str.isdigit, text)) / length
        words = words_of(text)
        verbal["language"][place] = language = guess_language(text, words)
        terms = dict.fromkeys("".join(words) if language in UNSPACED else words)
        verbal["terms"][place] = "".join(_code(word) for word in list(terms)[:_TERMS])
        if len(text) <= _SHORT:
            verbal["value"][place] = f"#{_code(text)}" if is_hidden else text
    return {f"{name}|{measure}": values for measure, values in (numeric | verbal).items()}


def _code(word: str) -> str:
    return f"{zlib.crc32(word.encode('utf-8', 'surrogatepass')) & 0xFFFFFF:06x}"


def _endings(payload: pd.DataFrame, stage: Stage) -> np.ndarray[Any, Any]:
    empty = pd.Series(None, index=payload.index, dtype=object)
    statuses = payload[stage.status] if stage.status and stage.status in payload.columns else empty
    finishes = payload.get("_finish_reason", empty)
    found = []
    for status, answer, finish in zip(statuses, payload[ANSWER], finishes, strict=True):
        failure = call_failure(status, answer, finish)
        is_unread = failure is None and isinstance(answer, Unknown)
        found.append("unreadable" if is_unread else "answered" if failure is None else failure.pattern)
    return np.array(found, dtype=object)


def _kind(rows: pd.DataFrame, name: str, past: Sequence[Sample]) -> str:
    """Return what a column holds, by what most of its values are."""
    arrays = {measure: rows[f"{name}|{measure}"].to_numpy() for measure in ("number", "length", "value", "words")
              if f"{name}|{measure}" in rows.columns}  # fmt: skip
    n_texts, n_numbers = (int((~np.isnan(arrays[one])).sum()) if one in arrays else 0 for one in ("length", "number"))
    if n_numbers and n_numbers >= n_texts:
        known = arrays["number"][~np.isnan(arrays["number"])]
        return "id" if _is_counted_up(known, f"{name}|number", past) else "number"
    if not n_texts:
        return "category" if f"{name}|{ENDING}" in rows.columns else "number"
    values = [one for one in arrays.get("value", ()) if isinstance(one, str)]
    distinct = len(set(values))
    if len(values) >= 0.95 * n_texts and distinct <= max(_FEW_LEVELS, _LEVELS_PER_RECORD * n_texts):
        return "category"
    is_single = np.nanmedian(arrays["words"]) <= 1
    is_unique = len(values) >= _LEAST_FOR_IDS and distinct >= 0.95 * len(values)
    return "id" if is_single and is_unique else "text"


def _is_counted_up(known: np.ndarray[Any, Any], column: str, past: Sequence[Sample]) -> bool:
    """Return whether all numbers are beyond those of the span before and no two are the same, as of ids."""
    before = next((np.nanmax(one.arrays[column]) for one in reversed(past) if column in one.arrays), np.nan)
    is_whole = len(known) >= _LEAST_FOR_IDS and bool((known % 1 == 0).all()) and len(np.unique(known)) == len(known)
    return is_whole and bool(known.min() > before)


def _mark_levels(rows: pd.DataFrame, name: str, seen: Sequence[Sample]) -> None:
    column = f"{name}|value"
    if column not in rows.columns or not seen:
        return
    known = {value for one in seen for value in one.levels.get(column, ())}
    values = rows[column]
    rows[f"{name}|new"] = np.where(values.isna(), np.nan, (~values.isin(known)).astype(float)) if known else np.nan


def _mark_words(rows: pd.DataFrame, name: str, seen: Sequence[Sample]) -> dict[str, int]:
    if f"{name}|terms" not in rows.columns:
        return {}
    lists = [_split(text) for text in rows[f"{name}|terms"]]
    known = {word for one in seen for word in one.words.get(name, ())}
    if known:
        rows[f"{name}|new_words"] = [
            sum(word not in known for word in one) / len(one) if one else np.nan for one in lists
        ]
    return dict(Counter(word for one in lists for word in one).most_common(_MOST_WORDS))


def _split(terms: Any) -> list[str]:
    return [terms[at : at + 6] for at in range(0, len(terms), 6)] if isinstance(terms, str) else []


def _column_data(values: pd.Series[Any]) -> Any:
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=float)
        return [None if np.isnan(one) else _shortened(float(one)) for one in numbers]
    texts = [one if isinstance(one, str) else None for one in values]
    places = {level: number for number, level in enumerate(sorted({one for one in texts if one is not None}))}
    return {"levels": list(places), "codes": [-1 if one is None else places[one] for one in texts]}


def _read_column(data: Any) -> np.ndarray[Any, Any]:
    if isinstance(data, dict):
        levels = np.array([*data["levels"], None], dtype=object)
        return levels[np.array(data["codes"], dtype=int)] if data["codes"] else np.array([], dtype=object)
    return np.array([np.nan if one is None else one for one in data], dtype=float)


def _shortened(number: float) -> float:
    """Return the number with fewer digits; as it is where rounding would carry it beyond the largest float."""
    short = float(f"{number:.{_DIGITS}g}")
    return number if np.isinf(short) else short
