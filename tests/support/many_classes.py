"""A window of short texts of 77 classes, with a model that errs and labels that slip: made for doubts about labels."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pandas as pd

TOPICS: dict[str, tuple[str, ...]] = {
    "card": ("card", "debit card", "bank card", "plastic"),
    "transfer": ("transfer", "wire", "bank transfer", "payment to my friend"),
    "pin": ("pin", "passcode", "code", "secret number"),
    "account": ("account", "profile", "user account", "login"),
    "cash": ("cash", "withdrawal", "ATM money", "cash machine"),
    "top_up": ("top up", "top-up", "deposit", "adding money"),
    "refund": ("refund", "money back", "reimbursement", "chargeback"),
    "exchange": ("exchange", "currency conversion", "foreign money", "rate"),
    "fee": ("fee", "charge", "extra cost", "commission"),
    "identity": ("identity", "id check", "verification", "passport photo"),
    "app": ("app", "mobile app", "phone application", "application"),
}
WISHES: dict[str, tuple[str, ...]] = {
    "late": ("has not arrived yet", "is taking so long", "is still pending", "when will it come"),
    "declined": ("was declined", "got rejected", "does not go through", "failed again"),
    "lost": ("is lost", "was stolen", "cannot be found", "has disappeared"),
    "change": ("how do I change it", "I want to update it", "need to modify it", "can it be edited"),
    "why": ("why was this done", "explain it to me", "what is the reason", "I do not understand it"),
    "limit": ("what is the limit", "how much at most", "is there a maximum", "how many times can I"),
    "where": ("where does it work", "in which countries", "which places support it", "can I use it abroad"),
}
CLASSES = tuple((topic, wish) for topic in TOPICS for wish in WISHES)
_FILLING = ("hello", "please help", "hi there", "thanks", "I am in London", "since Monday", "it is urgent", "yesterday")
_VAGUE = ("it", "this thing", "something", "problem")


@dataclass(frozen=True)
class ManyClasses:
    """A window, and which of its labels are wrong while the answer is right."""

    features: pd.DataFrame
    labels: pd.Series
    answers: pd.Series
    slips: frozenset[int]


def many_classes(
    n: int,
    seed: int,
    *,
    accuracy: float = 0.9,
    slip_share: float = 0.02,
    vague_share: float = 0.1,
    anywhere: float = 0.3,
    slips_alike: float = 0.0,
) -> ManyClasses:
    """Return a window.

    Args:
        n: Records.
        seed: Of all chance.
        accuracy: Of the model.
        slip_share: Share of labels that are wrong.
        vague_share: Share of texts that do not say topic or wish.
        anywhere: Share of the model's errors that fall on any class; the rest share topic or wish with the right one.
        slips_alike: Share of wrong labels that share topic or wish with the right one; the rest fall on any.
    """
    rng = random.Random(seed)
    rows, labels, answers, slips = [], [], [], set()
    order = rng.sample(CLASSES, len(CLASSES))
    usual = [1.0 / (1.0 + 0.03 * number) for number in range(len(CLASSES))]
    for key in range(n):
        right = rng.choices(order, usual)[0]
        parts = [rng.choice(TOPICS[right[0]]), rng.choice(WISHES[right[1]])]
        if rng.random() < vague_share:
            parts[rng.randrange(2)] = rng.choice(_VAGUE)
        filling = [rng.choice(_FILLING) if rng.random() < 0.6 else "" for _ in range(2)]
        rows.append(
            {
                "text": f"{filling[0]} my {parts[0]} {parts[1]} {filling[1]}".strip(),
                "channel": rng.choice(("web", "app", "mail")),
            }
        )
        answer = right if rng.random() < accuracy else _other(right, rng, is_alike=rng.random() >= anywhere)
        label = _other(right, rng, is_alike=rng.random() < slips_alike) if rng.random() < slip_share else right
        if label != right and answer == right:
            slips.add(key)
        answers.append("_".join(answer))
        labels.append("_".join(label))
    return ManyClasses(pd.DataFrame(rows), pd.Series(labels), pd.Series(answers), frozenset(slips))


def _other(right: tuple[str, str], rng: random.Random, *, is_alike: bool) -> tuple[str, str]:
    others = [one for one in CLASSES if one != right]
    return rng.choice([one for one in others if one[0] == right[0] or one[1] == right[1]] if is_alike else others)
