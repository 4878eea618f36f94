"""The index of the policies: documents cut into chunks, embedded by TF-IDF, and kept in a table of the warehouse."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scipy.sparse import csr_matrix

from seamwatch.core.documents import content_hash
from seamwatch.core.retrieved_documents import without_front_matter

EMBEDDING = "policy-tfidf-2026-09"
_ABOUT = re.compile(r"(?m)^(?:title|keywords): (.*)$")
_WEIGHT_DIGITS = 5
_ABOUT_WEIGHT = 0.5


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """One section of a document."""

    document: str
    number: int
    """Within the document, from 1."""
    about: str
    """Title and keywords of the document."""
    text: str
    """As it stands in the document, heading included."""


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """A fitted TF-IDF, by which chunks and questions become vectors of one space."""

    name: str
    vectoriser: Any

    def embed(self, texts: Sequence[str]) -> csr_matrix:
        """Return a row of unit length for each text."""
        return csr_matrix(self.vectoriser.transform([text.lower() for text in texts]))

    def embed_chunks(self, chunks: Sequence[Chunk]) -> csr_matrix:
        """Return a row of unit length for each chunk: its section, and in part the title and keywords of its document.

        A section alone does not say which policy it belongs to.
        """
        from sklearn.preprocessing import normalize

        about = self.embed([chunk.about for chunk in chunks])
        return csr_matrix(normalize(self.embed([chunk.text for chunk in chunks]) + _ABOUT_WEIGHT * about))


def fit_embedder(texts: Sequence[str], *, name: str = EMBEDDING) -> Embedder:
    """Return an embedder fitted on chunks of policies."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    vectoriser = FeatureUnion(
        [
            ("words", TfidfVectorizer(stop_words="english", sublinear_tf=True)),
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 5), sublinear_tf=True, max_features=6000)),
        ],
        transformer_weights={"words": 0.75, "letters": 0.66},  # squares add up to one: rows keep unit length
    )
    return Embedder(name=name, vectoriser=vectoriser.fit([text.lower() for text in texts]))


def cut(document: str, text: str) -> list[Chunk]:
    """Return the sections of a document; each is found in the document's text as it is."""
    about = "\n".join(_ABOUT.findall(text))
    body = without_front_matter(text)
    sections = [f"## {part}".strip() for part in re.split(r"(?m)^## ", body)[1:]]
    return [
        Chunk(document=document, number=number, about=about, text=section)
        for number, section in enumerate(sections, start=1)
    ]


def chunk_rows(documents: Mapping[str, bytes], indexed_at: datetime, embedder: Embedder) -> list[dict[str, Any]]:
    """Return the rows of the index: a document's sections, each with the hash of the whole document."""
    rows = []
    for name, content in documents.items():
        chunks = cut(name, content.decode())
        vectors = embedder.embed_chunks(chunks)
        rows += [
            {
                "document": name,
                "chunk": chunk.number,
                "chunks": len(chunks),
                "text": chunk.text,
                "content_hash": content_hash(content),
                "indexed_at": indexed_at,
                "embedding_model": embedder.name,
                "vector": _as_json(vectors[number]),
            }
            for number, chunk in enumerate(chunks)
        ]
    return rows


def _as_json(vector: csr_matrix) -> str:
    """Return a sparse vector as a JSON object from dimension to weight."""
    order = vector.indices.argsort()
    weights = {str(vector.indices[i]): round(float(vector.data[i]), _WEIGHT_DIGITS) for i in order}
    return json.dumps(weights, separators=(",", ":"))
