"""`seamwatch check`: what people wrote, held against the files, databases and rows that it names; one kind a file."""

from seamwatch.engine.check.project import check_pipeline, check_project

__all__ = ["check_pipeline", "check_project"]
