"""What scores hang on, as one short name: those that another version of the scanner gave are not reused."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

_ENDINGS = (".npz", ".py", ".tsv")


@lru_cache(maxsize=1)
def scanner_version() -> str:
    """Return a name that changes whenever weights, tables or code of the scanner change."""
    return folder_version(resources.files(__package__))


def folder_version(folder: Traversable) -> str:
    """Return a name of what the weights, tables and code in a folder say."""
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(_ENDINGS):
            digest.update(f"{file.name}\n".encode() + hashlib.blake2b(file.read_bytes()).digest())
    return digest.hexdigest()
