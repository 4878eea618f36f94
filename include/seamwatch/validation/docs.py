"""Data Docs of one validation: built aside and moved into place, so that two processes never mix their pages."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any


def build_docs(context: Any, result: Any, folder: Path, label: str, run_name: str) -> str:
    """Return the path of the page, relative to `folder`.

    The page is Great Expectations' own rendering of the result; its styles come from the network, so it is plain,
    yet readable, where there is none.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    del context
    document = ValidationResultsPageRenderer().render(result)
    page = DefaultJinjaPageView().render(document)
    name = Path(*(_safe(part) for part in (*label.split("."), run_name or "latest")), "index.html")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=target.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(page if isinstance(page, str) else str(page))
    shutil.move(aside, target)
    return name.as_posix()


def _safe(part: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", part)
