"""The index of the policies, and the retriever that serves from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from seamwatch.core.documents import content_hash
from seamwatch.core.served import without_front_matter

EMBEDDING = "tfidf-characters-3-5"
_SECTION = re.compile(r"\n(?=## )")
SERVED = 3
"""Chunks served to a question."""


def chunk_rows(documents: Mapping[str, bytes], indexed_at: datetime) -> list[dict[str, Any]]:
    """Return the rows of the index: a document's sections, each with the hash of the whole document."""
    rows = []
    for name, content in documents.items():
        sections = _SECTION.split(without_front_matter(content.decode()))
        rows += [
            {
                "document": name,
                "chunk": number,
                "chunks": len(sections),
                "text": section.strip(),
                "content_hash": content_hash(content),
                "indexed_at": indexed_at,
                "embedding_model": EMBEDDING,
            }
            for number, section in enumerate(sections)
        ]
    return rows


class Retriever:
    """Serves the chunks whose words are closest to a question's: TF-IDF and cosine."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Fit on the chunks of the index."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._rows = list(rows)
        self._vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
        self._matrix = self._vectorizer.fit_transform([row["text"] for row in self._rows])

    def serve(self, question: str) -> list[dict[str, Any]]:
        """Return the best chunks, best first: id, chunk, text, version and score."""
        scores = (self._vectorizer.transform([question]) @ self._matrix.T).toarray()[0]
        order = sorted(range(len(scores)), key=lambda n: (-scores[n], n))[:SERVED]
        return [
            {
                "id": self._rows[n]["document"],
                "chunk": self._rows[n]["chunk"],
                "text": self._rows[n]["text"],
                "version": self._rows[n]["content_hash"],
                "score": round(float(scores[n]), 4),
            }
            for n in order
        ]
