"""Knowledge bases: can source and index be opened and asked?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from seamwatch.adapters.base import Connections
from seamwatch.adapters.knowledge.factory import open_index, open_source
from seamwatch.adapters.knowledge.place import Place
from seamwatch.engine.check.places import in_pipeline
from seamwatch.errors import AdapterError, Problem
from seamwatch.spec.load import Project
from seamwatch.spec.pipeline import Pipeline

_NEWER_THAN_ALL = "9999-01-01T00:00:00+00:00"


def check_knowledge_base(
    project: Project, pipeline: Pipeline, name: str, connections: Connections
) -> Iterator[Problem]:
    """Open source and index, and ask tables for what is newer than any document: it names a column that is missing."""
    spec, path = pipeline.knowledge_bases[name], f"knowledge_bases.{name}"
    with TemporaryDirectory(prefix="seamwatch-check-") as folder:
        place = Place(
            name=f"{pipeline.pipeline}.{name}",
            project_dir=project.root,
            connections=connections,
            database=pipeline.database,
            cache_dir=Path(folder),
        )
        try:
            with closing(open_source(spec.source, place, hash_name=spec.index.hash)) as source:
                if spec.source.kind == "sql" and spec.source.changed_at is not None:
                    source.listing(_NEWER_THAN_ALL, {})
        except AdapterError as error:
            yield in_pipeline(pipeline, f"{path}.source", str(error))
        try:
            with closing(open_index(spec.index, place)) as index:
                if spec.index.kind == "sql":
                    index.listing(_NEWER_THAN_ALL)
        except AdapterError as error:
            yield in_pipeline(pipeline, f"{path}.index", str(error))
