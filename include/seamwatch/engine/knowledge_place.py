"""What the source and the index of a knowledge base are opened with."""

from __future__ import annotations

from seamwatch.adapters.knowledge.place import Place
from seamwatch.engine.deps import Deps
from seamwatch.spec.pipeline import Pipeline


def knowledge_place(deps: Deps, pipeline: Pipeline, name: str) -> Place:
    """Return what a knowledge base is opened with."""
    return Place(
        name=f"{pipeline.pipeline}.{name}",
        project_dir=deps.project.root,
        connections=deps.connections,
        database=pipeline.database,
        cache_dir=deps.data_dir / "knowledge" / pipeline.pipeline / name,
        object_path=deps.object_path,
    )
