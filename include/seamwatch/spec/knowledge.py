"""The `knowledge_bases` of a pipeline file: where documents come from, where they are indexed, how they are matched."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from seamwatch.spec.base import Duration, Names, Ratio, Spec

_SHORTEST_CHECK = timedelta(minutes=1)


class _Selected(Spec):
    include: Names = ("**/*",)
    """Globs of the documents, relative to the place."""
    exclude: Names = ()
    """Globs of what is no document at all."""
    expires: str | None = None
    """Key of a document's YAML front matter, or column, with the date from which it is out of date itself."""


class _Placed(Spec):
    path: str | None = None
    """Folder; relative to the project."""
    connection: str | None = None
    """Airflow connection instead: its host, or the `path` of its extra, is the folder or the address."""

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.path is None) == (self.connection is None):
            msg = "one of path and connection is needed"
            raise ValueError(msg)
        return self


class FilesSource(_Selected, _Placed):
    """A folder of files."""

    kind: Literal["files"]


class GitSource(_Selected, _Placed):
    """A folder in a git repository (a clone, bare or not, or its address); its history says when documents changed."""

    kind: Literal["git"]
    folder: str = ""
    """Folder within the repository; document ids are relative to it."""
    ref: str = "HEAD"
    """Branch, tag or commit whose documents count."""


class SqlSource(Spec):
    """A table with a row for each document."""

    kind: Literal["sql"]
    table: str | None = None
    """Table or view."""
    query: str | None = None
    """A SELECT instead."""
    database: str | None = None
    """Airflow connection id; default: the pipeline's."""
    document: str
    """Column that names the document."""
    text: str | None = None
    """Column with its text."""
    changed_at: str | None = None
    """Column with the time of its last change; also what is read incrementally by."""
    content_hash: str | None = None
    """Column with the hash of its content; default: made of the text."""
    expires: str | None = None
    """Column with the date from which it is out of date itself."""
    deleted: str | None = None
    """Column that is true, or a time, where the document is gone."""

    @model_validator(mode="after")
    def _has_content(self) -> Self:
        if (self.table is None) == (self.query is None):
            msg = "an sql source needs one of table and query"
            raise ValueError(msg)
        if self.text is None and self.content_hash is None:
            msg = "an sql source needs text or content_hash: a time alone does not say whether the content changed"
            raise ValueError(msg)
        return self


class WebSource(Spec):
    """Pages, by their sitemap or one by one."""

    kind: Literal["web"]
    connection: str
    """Airflow HTTP connection of the site."""
    sitemap: str | None = "/sitemap.xml"
    """Path of the sitemap, whose `lastmod` is the time of change."""
    pages: tuple[str, ...] = ()
    """Paths of pages, instead of a sitemap."""
    include: Names = ("**",)
    """Globs of paths."""
    exclude: Names = ()
    """Globs of paths that are no documents."""
    timeout: Duration = timedelta(seconds=30)
    """Longest wait for one page."""


class ObjectsSource(_Selected):
    """Objects in S3, GCS, Azure or any store that Airflow's ObjectStoragePath reads."""

    kind: Literal["objects"]
    path: str
    """As ObjectStoragePath takes it: `s3://connection@bucket/folder`."""


DocumentSourceSpec = Annotated[
    FilesSource | GitSource | SqlSource | WebSource | ObjectsSource, Field(discriminator="kind")
]


class _Chunks(Spec):
    """Names of a chunk's columns, or metadata keys."""

    document: str = "document"
    """The document that the chunk is of."""
    content_hash: str | None = None
    """Hash of the document's content when it was indexed."""
    indexed_at: str | None = None
    """Time at which the chunk was written."""
    chunk: str | None = None
    """Number of the chunk within its document, from 0 or 1."""
    chunks: str | None = None
    """How many chunks its document was cut into."""
    embedding_model: str | None = None
    """Name of the model that embedded the chunk."""
    hash: Literal["sha256", "sha1", "md5", "git"] = "sha256"
    """What `content_hash` was made by, of the document's bytes; `git` is git's blob id."""


class SqlIndex(_Chunks):
    """A table with a row for each chunk; with pgvector, a column for its vector."""

    kind: Literal["sql"]
    table: str
    """Table or view."""
    database: str | None = None
    """Airflow connection id; default: the pipeline's."""
    text: str | None = None
    """Column with the chunk's text."""
    chunk_id: str | None = None
    """Column with the chunk's own id, where retrievals record that instead of the document's."""
    vector: str | None = None
    """Column with the embedding: pgvector's type, or JSON."""
    dimension: str | None = None
    """Column with the embedding's dimension, instead of a vector."""


class ChromaIndex(_Chunks, _Placed):
    """A Chroma collection; columns are keys of its metadata, the text is the chunk's document.

    A connection with a folder, or a `path`, is an embedded database; one with a web address is a server.
    """

    kind: Literal["chroma"]
    collection: str
    """Name of the collection."""


class QdrantIndex(_Chunks, _Placed):
    """A Qdrant collection; columns are keys of its payload.

    A connection with a folder, or a `path`, is an embedded database; one with a web address is a server, and its
    password the API key.
    """

    kind: Literal["qdrant"]
    collection: str
    """Name of the collection."""
    text: str | None = "text"
    """Payload key of the chunk's text."""


DocumentIndexSpec = Annotated[SqlIndex | ChromaIndex | QdrantIndex, Field(discriminator="kind")]


class DocumentIds(Spec):
    """How ids of source and index are made alike; slashes, `./` and Unicode forms always are."""

    strip_prefix: Names = ()
    """Left out at the start of an id, on either side."""
    strip_suffix: Names = ()
    """Left out at the end of an id, as `.md`."""
    case: Literal["ignore", "exact"] = "ignore"
    """Whether ids that differ in case only are one document."""


class Embedding(Spec):
    """What every chunk should have been embedded with; default: what most chunks have."""

    model: str | None = None
    """Name of the model."""
    dimension: Annotated[int, Field(ge=1)] | None = None
    """Length of the vectors."""


class Reindex(Spec):
    """What rebuilds the index of some documents, once a person approved."""

    dag: str | None = None
    """Airflow DAG that is triggered with `{"knowledge_base", "documents"}` as its conf, and waited for."""
    command: tuple[str, ...] = ()
    """Program and arguments; the documents' ids come as a JSON list on standard input, and in SEAMWATCH_DOCUMENTS where
    that is no longer than 100,000 characters."""
    timeout: Duration = timedelta(hours=1)
    """Longest wait."""

    @model_validator(mode="after")
    def _one_hook(self) -> Self:
        if (self.dag is None) == (not self.command):
            msg = "reindex needs one of dag and command"
            raise ValueError(msg)
        return self


class KnowledgeBase(Spec):
    """Documents that a retrieval serves from an index, and the source that they are copied from."""

    source: DocumentSourceSpec
    """Where the documents are written."""
    index: DocumentIndexSpec
    """Where the retrieval finds them."""
    ids: DocumentIds = DocumentIds()
    """How ids of source and index are made alike."""
    skip: Names = ()
    """Globs of documents that are left out of the index on purpose."""
    embedding: Embedding = Embedding()
    """What every chunk should have been embedded with."""
    grace: Duration = timedelta(minutes=15)
    """How long a change at the source may take to reach the index; answers within it are not held against it."""
    goal: Ratio = 0.99
    """Share of answers that must rest on up-to-date documents; below it an incident opens."""
    over: Duration = timedelta(days=1)
    """Answers of the last so long are counted."""
    check_every: Duration = timedelta(hours=1)
    """How often what changed is looked at; of several knowledge bases the shortest counts."""
    full_sweep: Duration = timedelta(days=1)
    """How often everything is listed; in between only what changed is read."""
    reindex: Reindex | None = None
    """What rebuilds the index; None: the runbook says what to do, and waits for it."""

    @model_validator(mode="after")
    def _checked_not_too_often(self) -> Self:
        if self.check_every < _SHORTEST_CHECK:
            msg = f"check_every must be at least 1m: it is the schedule of a DAG; got {self.check_every}"
            raise ValueError(msg)
        return self
