"""Data Docs: one page a validation, as Great Expectations renders it, and an index to all of them.

The pages' own styles and scripts come from public networks. They are taken out and a small style is put in, so that
a page reads the same without a network and tells no third party that it was read. A content security policy keeps
whatever stands in the data from being run.
"""

from __future__ import annotations

import html
import os
import re
import tempfile
from pathlib import Path
from typing import Any

_SHOWN_RUNS = 200
"""Newest windows that an index lists per stage; older pages stay where they are."""
_SHOWN_VALUES = 20
"""Examples on a page; a payload can be of any size."""
_COUNTED = ("unexpected_index_list",)
"""Great Expectations counts these for its page; of each value it shows the first keys."""
_VALUE = 200
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c2733;margin:0 auto;max-width:76rem;padding:1rem 1.5rem}
a{color:#0b62c4}h4,h5,h6{margin:.6rem 0 .3rem}h5{font-size:1.15rem}
nav.navbar,a[data-toggle],#ge-cta-footer,.ge-navigation-sidebar-container,.sticky{display:none}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}
td,th{border-bottom:1px solid #d9e0e7;padding:.4rem .6rem;text-align:left;vertical-align:top}
.alert{background:#eef2f6;border-radius:6px;padding:.5rem .8rem;margin:1rem 0 .5rem}
.text-success,.fa-check-circle{color:#1a7f37}.text-danger,.fa-times{color:#c62828}.text-warning{color:#9a6700}
.fa-check-circle::before{content:"\\2714"}.fa-times::before{content:"\\2718"}
.fa-exclamation-triangle::before{content:"\\26A0"}.badge{background:#eef2f6;border-radius:4px;padding:.05rem .35rem}
.show-scrollbars{overflow:auto;max-height:20rem}code,pre{white-space:pre-wrap;overflow-wrap:anywhere}
@media (prefers-color-scheme:dark){body{background:#10161d;color:#dde5ec}a{color:#6cb0ff}
td,th{border-color:#2b3743}.alert,.badge{background:#1c2733}}
"""
_HEAD = (
    f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>'
)
_NETWORK = re.compile(
    r"<script\b.*?</script>|<footer\b.*?</footer>|<link\b[^>]*>|<img\b[^>]*\bNO-CACHE\b[^>]*>", re.DOTALL
)
_HANDLERS = re.compile(r' on[a-z]+="[^"]*"')
_OWN_LINKS = re.compile(r'<a href="(?:\.\./)+[^"]*" ?>(.*?)</a>', re.DOTALL)
"""Links into the tree of pages that Great Expectations would build, which is not built."""


def write_docs(result: Any, folder: Path, *, label: str, run_name: str) -> str:
    """Write the page of a validation and the indexes above it; return the page's path, relative to `folder`.

    Every file is written aside and moved into place, so that a reader never sees half of one, and of two processes
    that write the same file the last one wins.

    Args:
        result: Great Expectations' result of a suite.
        folder: Root of all Data Docs.
        label: `pipeline.stage`.
        run_name: The window's id.
    """
    pipeline, _, stage = label.partition(".")
    page = Path(_safe(pipeline), _safe(stage or pipeline), f"{_safe(run_name or 'latest')}.html")
    _write(folder / page, _page(result, title=f"{label} {run_name}".strip(), run_name=run_name))
    _write(folder / page.parts[0] / "index.html", _pipeline_index(folder / page.parts[0]))
    _write(folder / "index.html", _root_index(folder))
    return page.as_posix()


def _page(result: Any, *, title: str, run_name: str) -> str:
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    result.meta["run_id"] = RunIdentifier(run_name=run_name or "latest")
    for one in result.results:
        one.result.update({name: _as_shown(value, cut=name not in _COUNTED) for name, value in one.result.items()})
        one.exception_info = _without_traceback(one.exception_info)
    rendered = str(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result)))
    body = _OWN_LINKS.sub(r"\1", _HANDLERS.sub("", _NETWORK.sub("", rendered[rendered.index("<body") :])))
    back = '<p><a href="../index.html">All validations of this pipeline</a></p>'
    return _document(title, body.partition(">")[2].replace("</body>", "").replace("</html>", ""), above=back)


def _without_traceback(info: Any) -> Any:
    """Return what an expectation raised without statement and parameters, which follow in further lines."""
    if not isinstance(info, dict):
        return info
    if not info.get("raised_exception"):
        return {name: _without_traceback(part) for name, part in info.items()}
    lines = str(info.get("exception_message") or "").strip().splitlines()
    return info | {"exception_message": lines[0] if lines else "", "exception_traceback": ""}


def _as_shown(value: Any, *, cut: bool = True) -> Any:
    if isinstance(value, str):
        # Great Expectations writes values into its pages as they are, markup and all.
        return html.escape(value if len(value) <= _VALUE else f"{value[: _VALUE - 3]}...", quote=False)
    if isinstance(value, list):
        return [_as_shown(one) for one in (value[:_SHOWN_VALUES] if cut else value)]
    return {name: _as_shown(one) for name, one in value.items()} if isinstance(value, dict) else value


def _pipeline_index(folder: Path) -> str:
    parts = []
    for stage in sorted(path for path in folder.iterdir() if path.is_dir()):
        runs = sorted((path.stem for path in stage.glob("*.html")), reverse=True)[:_SHOWN_RUNS]
        links = (f'<li><a href="{stage.name}/{run}.html">{html.escape(run)}</a></li>' for run in runs)
        parts.append(f"<h2>{html.escape(stage.name)}</h2><ul>{''.join(links)}</ul>")
    above = '<p><a href="../index.html">All pipelines</a></p>'
    return _document(f"Validations of {folder.name}", "".join(parts), above=above, heading=True)


def _root_index(folder: Path) -> str:
    names = sorted(path.parent.name for path in folder.glob("*/index.html"))
    links = (f'<li><a href="{name}/index.html">{html.escape(name)}</a></li>' for name in names)
    return _document("Data Docs", f"<ul>{''.join(links)}</ul>", heading=True)


def _document(title: str, body: str, *, above: str = "", heading: bool = False) -> str:
    head = f"<h1>{html.escape(title)}</h1>" if heading else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head>{_HEAD}<title>{html.escape(title)}</title></head>'
        f"<body>{above}{head}{body}</body></html>"
    )


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, suffix=".part", delete=False) as file:
        file.write(text)
    Path(file.name).chmod(0o644)  # a temporary file is its writer's alone; a web server may be someone else
    os.replace(file.name, target)


def _safe(part: str) -> str:
    """Return the part as the name of a file or folder that cannot lead elsewhere."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", part)
