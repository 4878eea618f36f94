"""Texts of a sample to a few numbers that say what they are about, by an embeddings endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import pandas as pd

from seamwatch.adapters.connections import base_url
from seamwatch.adapters.deadline import DeadlinePassed, within
from seamwatch.adapters.models.protocols import request_headers
from seamwatch.core.watch.features import Sample, free_texts, lowest
from seamwatch.engine.deps import Deps
from seamwatch.errors import AdapterError
from seamwatch.plurals import plural
from seamwatch.spec.monitoring import DriftWatch
from seamwatch.vocabulary import Protocol

PROJECTIONS = 4
"""Fixed random directions that an embedding is looked at from; a shift of its mean rarely shows in none."""
_PER_HOUR = 100
"""Records of an hour whose texts are asked for."""
_BATCH = 50
_LONGEST = 4000
"""Letters of a text that are sent."""
_MOST_BYTES = 200_000_000
_TIMEOUT_S = 30.0


class Embedder:
    """Asks for embeddings of texts that no earlier look asked for."""

    def __init__(
        self, url: str, headers: httpx.Headers, model: str | None, known: Mapping[tuple[str, datetime], Any]
    ) -> None:
        """Ask nothing yet; `known` is what earlier looks kept, by series and hour."""
        self._url, self._headers, self._model, self._known = url, headers, model, known
        self.notes: list[str] = []

    @classmethod
    def open(cls, deps: Deps, settings: DriftWatch, known: Mapping[tuple[str, datetime], Any]) -> Embedder | None:
        """Return one for the endpoint that the settings name; None if they name none.

        Raises:
            AdapterError: If the connection holds no web address.
        """
        if settings.embedding is None:
            return None
        name, _, path = settings.embedding.partition("/")
        info = deps.connections.get(name)
        base = base_url(info)
        path = path or ("embeddings" if base.endswith("/v1") else "v1/embeddings")
        model = info.extra.get("model")
        return cls(f"{base}/{path}", request_headers(info, Protocol.JSON, ""), str(model) if model else None, known)

    def add_meaning(self, stage: str, payload: pd.DataFrame, rows: pd.DataFrame, hour: datetime) -> pd.DataFrame:
        """Return the features with `column|meaning_0` and so on; NaN where no embedding is known.

        An endpoint that fails is said in `notes` and leaves them out: nothing is guessed.
        """
        before = self._known.get((f"hour/{stage}", hour))
        kept = Sample.from_data(before).rows if before else pd.DataFrame()
        texts_of = payload.set_axis(rows.index)
        for column in free_texts(payload, rows):
            names = [f"{column}|meaning_{number}" for number in range(PROJECTIONS)]
            known = kept[[one for one in names if one in kept.columns]].dropna()
            made = pd.DataFrame(np.nan, index=rows.index, columns=names)
            if len(known.columns) == PROJECTIONS:
                both = rows.index.intersection(known.index)
                made.loc[both] = known.loc[both].to_numpy()
            asked = rows.index[lowest(rows.index, _PER_HOUR)]
            asked = asked[made.loc[asked, names[0]].isna() & texts_of.loc[asked, column].notna()]
            try:
                for at in range(0, len(asked), _BATCH):
                    part = asked[at : at + _BATCH]
                    made.loc[part] = self._ask([str(one)[:_LONGEST] for one in texts_of.loc[part, column]])
            except AdapterError as error:
                self.notes.append(str(error))
                break
            rows = rows.assign(**{name: made[name] for name in names})
        return rows

    def _ask(self, texts: list[str]) -> Any:
        body: dict[str, Any] = {"input": texts} | ({"model": self._model} if self._model else {})
        try:
            answer = within(_TIMEOUT_S, lambda: self._post(body))
            data = sorted(answer["data"], key=lambda one: one["index"])
            vectors = np.array([one["embedding"] for one in data], dtype=float)
        except (httpx.HTTPError, DeadlinePassed, ValueError, KeyError, TypeError) as error:
            msg = f"embeddings endpoint: {type(error).__name__}; the meaning of texts is not looked at in this look"
            raise AdapterError(msg) from None
        if vectors.ndim != 2 or len(vectors) != len(texts):
            msg = (
                f"embeddings endpoint: {plural(len(data), 'embedding')} for {plural(len(texts), 'text')}; "
                "their meaning is not looked at"
            )
            raise AdapterError(msg)
        return project(vectors)

    def _post(self, body: Mapping[str, Any]) -> Any:
        with httpx.stream("POST", self._url, json=body, headers=self._headers, timeout=_TIMEOUT_S) as response:
            response.raise_for_status()
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    msg = "the answer is larger than embeddings are"
                    raise ValueError(msg)
        return json.loads(content)


def project(vectors: Any) -> Any:
    """Return embeddings, each of length 1, from the fixed directions that belong to their dimension."""
    directions = np.random.default_rng(vectors.shape[1]).normal(size=(vectors.shape[1], PROJECTIONS))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)) @ directions
