"""How many keys a label on the review page takes, and how long until the next answer stands there: in a browser."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from write_page import Figure

# The server, the browser and the answers are those of the tests.
sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from parcels import OPENED
from review_browser import READ_S, Reviewer, browser_page
from review_server import review_server
from reviewed_answers import write_reviewed_project
from seamwatch.store.repo import Store

ABOUT = "answers labelled by keys in Chromium, on the review page of an Airflow API server with the plugin"
NOTES = f"""Review page: labels of the three kinds in turn, each counted as kept only where the store has it. A
keystroke is one key, whatever it does. Reading takes as many seconds as a person needs, and is not in
`review_seconds_per_label`, which ends when the next answer can be read. For {READ_S - 0.05:g} s after that the page
takes no key, as nobody has read an answer so soon. Keystrokes of a label that is taken back and given anew are
`review_keystrokes_with_undo`."""


def floors(*, short: bool) -> tuple[dict[str, float], dict[str, float]]:
    """Return by figure what it must at least, and may at most, be."""
    return (
        {"review_labels_kept": 1.0},
        {
            "review_keystrokes": 2.0,
            "review_keystrokes_with_undo": 3.0,
            "review_seconds_per_label": 3.0 if short else 1.0,
        },
    )


def figures(*, short: bool, seed: int) -> dict[str, Figure]:
    """Return what was measured; nothing of it is random, so that the seed is not used."""
    n, n_waiting = (10, 200) if short else (50, 2000)
    with tempfile.TemporaryDirectory(prefix="seamwatch-review-") as folder:
        root = Path(folder)
        store = write_reviewed_project(root, n=n_waiting)
        with review_server(root) as (address, tokens), browser_page(address, tokens["ann"]) as page:
            person = Reviewer(page, address)
            measured = [_label(person, store, "123"[number % 3]) for number in range(n)]
            person.n_keys = 0
            for key in ("1", "u", "2"):
                person.act(key)
            n_kept = len([one for one in store.labels("parcels") if one.withdrawn_at is None])
        while OPENED:
            OPENED.pop().close()
    keys, seconds = zip(*measured, strict=True)
    of = f"{n} labels, {n_waiting:,} answers waiting"
    return {
        "review_keystrokes": Figure(max(keys), min(keys), max(keys), f"keys for a label, the most; {of}", {}),
        "review_keystrokes_with_undo": _same(person.n_keys, "keys for a label, its undo and another label"),
        "review_seconds_per_label": Figure(
            median(seconds), min(seconds), max(seconds), "s from the key to the next answer, median", {}
        ),
        "review_labels_kept": _same(n_kept / (n + 1), "of the labels given are in the store"),
    }


def _label(person: Reviewer, store: Store, key: str) -> tuple[int, float]:
    """Give one label; returns the keys that it took, and the seconds until the next answer was there."""
    before, item = person.n_keys, person.item
    began = time.perf_counter()
    with person.page.expect_navigation(wait_until="load"):
        person.press(key)
    took_s = time.perf_counter() - began
    person.read()
    (label,) = store.labels("parcels", limit=1)
    if label.item != item or person.item == item:
        msg = f"the label of {item} was not kept"
        raise RuntimeError(msg)
    return person.n_keys - before, took_s


def _same(value: float, unit: str) -> Figure:
    return Figure(value, value, value, unit, {})
