"""The texts below the fields of a class, read from its source when somebody asks."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise


def field_docs(kind: type) -> dict[str, str]:
    """Return the text below each annotated field, by field; a class's own goes before that of its bases.

    A class without source (a frozen program, an interactive session) has none.
    """
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if "__annotations__" in vars(one) and one.__module__ != "pydantic.main":
            found |= _own(one)
    return found


def _own(kind: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except (OSError, TypeError):
        return {}
    tree = ast.parse(source).body[0]
    if not isinstance(tree, ast.ClassDef):
        return {}
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
