"""Train the classifier of fields of data: `python tests/benchmarks/slo/injection_data_training.py DATA [OUT]`.

DATA is the file of `injection_data.py`, of which only honest texts of its training part are read; OUT the weights, by
default those of the package. The orders are our own (`injection_orders.tsv`): no goal of a public set is learnt from,
nor is one looked at by the choice of the threshold. The honest texts are our own, those of DATA and those of half of
the installed packages, so that the weights are those of the package where `constraints/` is installed.

Folds keep whole domains of orders apart: how much the rules count beside the classifier is chosen by how many orders
of domains that it did not see are found.
"""

from __future__ import annotations

import sys
from pathlib import Path

from injection_data import Labelled, is_test, load
from injection_installed import descriptions, docstrings
from injection_orders import own_honest, own_orders
from injection_own import HONEST_TEXTS
from injection_training import OUT, SEED, Recipe, save, train

from seamwatch.core.injection.classifier import N_WEIGHTS, WEIGHTS
from seamwatch.vocabulary import FieldKind

IN_DATA = Recipe(
    kind=FieldKind.DATA,
    n_weights=N_WEIGHTS,
    tolerance=1e-5,
    strength=1.0,
    false_share=0.002,
    own_texts_decide=False,
    rounds=1,
    given_up=0.01,
    kept_whole=0.9999,
    first_combination=(0.0, 1.0, 100.0),
)
ORDERS_A_FORM, HONEST_A_FORM = 30, 30
_KINDS = ("BIPIA_context", "InjecAgent_simulated")
"""Honest texts of DATA that stand in fields of data; its others are questions and requests."""


def training_texts(data: Path) -> list[Labelled]:
    """Return the texts to train on."""
    found = [one for one in load(data) if one.source.startswith(_KINDS) and not one.is_attack and not is_test(one)]
    for installed in (*descriptions(), *docstrings()):
        if not installed.is_test:
            found.append(Labelled(installed.text, False, "installed", installed.package))
    own = own_orders(SEED, n=ORDERS_A_FORM) + own_honest(SEED, n=HONEST_A_FORM)
    # The domain is the source too: each counts the same in what the rules' weight is chosen by.
    found += [Labelled(one.text, one.is_attack, f"own {one.group}", one.group) for one in own]
    return found + [Labelled(text, False, "own", text) for text in HONEST_TEXTS]


def main() -> None:
    """Train on the file that was given."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    model = train(training_texts(Path(sys.argv[1])), IN_DATA)
    out = Path(sys.argv[2]) if len(sys.argv) == 3 else OUT.with_name(WEIGHTS[FieldKind.DATA])
    save(model, out)
    print(f"{out}: {out.stat().st_size:,} bytes, combination {model.combine}")


if __name__ == "__main__":
    main()
