"""The retriever: the chunks of the index that are nearest to a question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from seamwatch_demo.policies.index import Embedder

N_SERVED = 3


class Retriever:
    """The index as it was when it was opened."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], embedder: Embedder) -> None:
        """Read the vectors of the index's rows."""
        self._rows = rows
        self._embedder = embedder
        vectors = [json.loads(row["vector"]) for row in rows]
        starts = np.cumsum([0, *(len(vector) for vector in vectors)])
        dimensions = [int(dimension) for vector in vectors for dimension in vector]
        weights = [weight for vector in vectors for weight in vector.values()]
        width = embedder.embed([""]).shape[1]
        self._matrix = csr_matrix((weights, dimensions, starts), shape=(len(rows), width))

    def search(self, question: str, n: int = N_SERVED) -> list[dict[str, Any]]:
        """Return the nearest chunks, best first: id, chunk, text, version (content hash) and score (cosine)."""
        scores = (self._matrix @ self._embedder.embed([question]).T).toarray().ravel()
        best = np.argsort(-scores, kind="stable")[:n]
        return [
            {
                "id": self._rows[place]["document"],
                "chunk": self._rows[place]["chunk"],
                "text": self._rows[place]["text"],
                "version": self._rows[place]["content_hash"],
                "score": round(float(scores[place]), 4),
            }
            for place in best
        ]
