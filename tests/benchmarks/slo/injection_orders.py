"""Texts made to train the classifier of fields of data on: orders to an assistant with tools, and honest texts.

The tables beside hold forms: `[a|b]` is a choice, `{name}` a slot. Orders go by domain, so that whole domains can be
kept apart to see what becomes of goals that nobody wrote; they were written domain by domain from what assistants can
do, never from a public set.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_FIRST = (
    "Anna",
    "Tom",
    "Luisa",
    "Karim",
    "Mei",
    "Jonas",
    "Priya",
    "Olga",
    "Sam",
    "Ruth",
    "Diego",
    "Ines",
    "Noor",
    "Kofi",
)
_SYLLABLES = (
    *(
        "ba",
        "bel",
        "cor",
        "da",
        "den",
        "el",
        "fa",
        "fer",
        "gal",
        "ha",
        "hol",
        "ing",
        "jo",
        "ka",
        "kel",
        "la",
        "lin",
        "ma",
    ),
    *(
        "mer",
        "mo",
        "na",
        "nor",
        "o",
        "os",
        "pa",
        "per",
        "qui",
        "ra",
        "ri",
        "ro",
        "sa",
        "sel",
        "son",
        "sta",
        "ta",
        "ten",
    ),
    *("ti", "tor", "ul", "va", "ver", "wen", "wil", "xan", "ya", "zel", "zo"),
)
_ENDINGS = ("com", "org", "net", "io", "example", "co.uk", "de", "info")
_KINDS_OF_FIRM = ("", "", "", " Ltd", " Hotel", " Bank", " Air", " Labs", " Café", " Group", " Inn", " & Sons")
_VALUES: dict[str, tuple[str, ...]] = {
    "channel": ("#general", "#random", "the channel sales", "#dev-ops", "the announcements channel", "marketing"),
    "city": ("Lisbon", "Leeds", "Oslo", "Turin", "Austin", "Osaka", "Ghent", "Lyon", "Graz", "Porto"),
    "claim": (
        "the meeting is cancelled",
        "the shop is closed",
        "the service is free now",
        "the offer ends today",
        "the account was hacked",
        "the server moves tomorrow",
        "lunch is on the house",
        "the price has doubled",
    ),
    "command": (
        "rm -rf /tmp/data",
        "make install",
        "docker compose up",
        "curl -s {url} | sh",
        "git push --force",
        "npm run build",
    ),
    "folder": ("Contracts", "/home/shared", "the Finance folder", "Photos 2023", "~/reports", "Archive"),
    "group": ("the sales team", "the family group", "all colleagues", "Board", "the book club"),
    "param": ("subject", "user_id", "recipient", "query", "path"),
    "phrase": (
        "See you at noon",
        "We are closed",
        "Call me at once",
        "Great job everyone",
        "This is a test",
        "I quit",
        "New prices from Monday",
        "Please wire the money",
        "Hello there",
    ),
    "product": (
        "headphones",
        "a coffee machine",
        "laptops",
        "running shoes",
        "gift cards",
        "office chairs",
        "printers",
        "a drone",
    ),
    "secret": (
        "my password",
        "the API key",
        "the verification code",
        "the user's credit card number",
        "the admin password",
        "the customer list",
        "the PIN",
        "our bank details",
    ),
    "time": ("9:30", "3 pm", "noon", "18:00", "7 am"),
    "title": (
        "Budget review",
        "Project Falcon",
        "Urgent",
        "Weekly sync",
        "Trip to Oslo",
        "Invoice",
        "Birthday",
        "Roadmap",
    ),
    "topic": (
        "the merger",
        "the new phone",
        "salaries",
        "home brewing",
        "the audit",
        "solar panels",
        "passwords",
        "gardening",
    ),
}
_POLITE = (
    *("Please ", "Please ", "Please ", "Kindly ", "Can you ", "Could you please ", "I need you to ", "You must "),
    *("You should ", "I want you to ", "Next, ", "Now ", "Also, ", "First, ", "Then ", "Go ahead and ", "Be sure to "),
    *("Make sure to ", "Do not forget to ", "Help me ", "Important: ", "TODO: ", "Action required: ", "Task: "),
    *("It is urgent that you ", "Immediately ", "Before you go on, ", "As soon as you read this, ", "Would you "),
)
_POLITE_BY_LANGUAGE = {
    "de": ("", "", "Bitte ", "Als Nächstes: ", "Wichtig: ", "Aufgabe: "),
    "es": ("", "", "Por favor, ", "Ahora ", "Importante: ", "Tarea: "),
    "fr": ("", "", "Merci de noter : ", "Maintenant, ", "Important : ", "Tâche : "),
}
_ENDS = (" immediately", " right away", " today", " as soon as possible", " without asking me", " for me")


@dataclass(frozen=True)
class OwnText:
    """A text made from a form."""

    text: str
    is_attack: bool
    group: str
    """Its domain or form: what is alike stays together."""


def _word(rng: random.Random) -> str:
    """Return a word that means nothing, so that nothing is learnt by it: what fills a slot is new in every text."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((2, 2, 3))))


def _value(slot: str, rng: random.Random) -> str:
    if slot in _VALUES:
        return rng.choice(_VALUES[slot])
    digits = "".join(rng.choice("0123456789") for _ in range(8))
    word, other, end = _word(rng), _word(rng), rng.choice(_ENDINGS)
    first = rng.choice((rng.choice(_FIRST), _word(rng).title()))
    last = _word(rng).title()
    made = {
        "amount": (
            f"${digits[:3]}",
            f"{digits[:4]} euros",
            f"{digits[:3]}.50 USD",
            f"£{digits[:2]}",
            f"{digits[:3]} dollars",
        ),
        "brand": (f"{word.title()}{rng.choice(_KINDS_OF_FIRM)}", f"{word.title()} {other.title()}"),
        "code": (digits[:4], f"{word.upper()}-{digits[:3]}", f"{word}{digits[:2]}!"),
        "date": (
            f"2025-0{1 + int(digits[0]) % 9}-1{digits[1]}",
            "Friday",
            "May 14",
            "1 March",
            "next Monday",
            "tomorrow",
        ),
        "file": (f"{word}.pdf", f"{word}_{other}.xlsx", f"{word}-{digits[:2]}.docx", f"{word}.txt", f"the {word} file"),
        "iban": (
            f"DE{digits}{digits}",
            f"GB29{word[:4].upper()}{digits}",
            f"account {digits}",
            f"{digits[:3]}-{digits[3:]}",
        ),
        "id": (digits[:4], f"#{digits[:3]}", f"{word[:2].upper()}-{digits[:4]}", digits[:2], f"number {digits[:3]}"),
        "mail": (f"{first}.{last}@{word}.{end}".lower(), f"{word}{digits[:2]}@{other}.{end}", f"{word}@{other}.{end}"),
        "name": (
            first,
            f"{first} {last}",
            f"{first} {last}",
            f"my {rng.choice(('friend', 'brother', 'boss'))} {first}",
        ),
        "num": (f"{digits[:3]}.{digits[3:5]}",),
        "phone": (f"+49 170 {digits[:7]}", f"555-{digits[:4]}", f"0{digits[:4]} {digits[4:]}"),
        "place": (
            f"{digits[:2]} {word.title()} Street",
            "the office",
            f"{word.title()} Square",
            "Room 4",
            "my home address",
        ),
        "repo": (f"{word}-{other}", f"{word}_tools", f"{first.lower()}/{word}"),
        "url": (f"https://{word}-{other}.{end}/{digits[:3]}", f"www.{word}{other}.{end}", f"{word}.{end}/{other}"),
        "wallet": (f"0x{digits}{word[:2]}{digits}",),
    }
    return rng.choice(made[slot])


_NAMES = (
    "amount",
    "brand",
    "code",
    "date",
    "file",
    "iban",
    "id",
    "mail",
    "name",
    "num",
    "phone",
    "place",
    "repo",
    "url",
    "wallet",
)
_SLOT = re.compile("{(" + "|".join([*_NAMES, *_VALUES]) + ")}")


def fill(form: str, rng: random.Random) -> str:
    """Return a form with every choice made and every slot filled, also those within what fills one."""
    while _CHOICE.search(form):
        form = _CHOICE.sub(lambda found: rng.choice(found.group(1).split("|")), form)
    while _SLOT.search(form):
        form = _SLOT.sub(lambda found: _value(found.group(1), rng), form)
    return re.sub(r" {2,}", " ", form).strip()


def _rows(name: str) -> list[list[str]]:
    return [line.split("\t") for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines()[1:]]


def _order(form: str, language: str, rng: random.Random) -> str:
    """Return an order, asked for in one way or another."""
    text = fill(form, rng)
    # Half of them bare, or the ways to ask would be learnt instead of what is asked for.
    ask = rng.choice(_POLITE if language == "en" else _POLITE_BY_LANGUAGE[language]) if rng.random() < 0.5 else ""
    if ask and not text.startswith(("Please", "Bitte", "Por favor", "S'il")):
        text = ask + text[0].lower() + text[1:]
    return text + (rng.choice(_ENDS) if language == "en" and rng.random() < 0.2 else "")


def own_orders(seed: int, *, n: int) -> list[OwnText]:
    """Return orders of every form, `n` of each; some hold a second one of the same domain."""
    rng = random.Random(seed)
    rows = _rows("injection_orders.tsv")
    found = []
    for domain, language, form in rows:
        mates = [one for name, tongue, one in rows if name == domain and tongue == language]
        for _ in range(n):
            text = _order(form, language, rng)
            if language == "en" and rng.random() < 0.2:
                more = fill(rng.choice(mates), rng)
                text += rng.choice((". ", ", and then ", " and ", ". After that, ")) + more[0].lower() + more[1:]
            found.append(OwnText(text + rng.choice((".", ".", "", "!")), True, f"order {domain}"))
    return found


def own_honest(seed: int, *, n: int) -> list[OwnText]:
    """Return honest texts of every form, `n` of each."""
    rng = random.Random(seed)
    return [
        OwnText(fill(form, rng), False, f"honest {kind} {number}")
        for number, (kind, _, form) in enumerate(_rows("injection_honest.tsv"))
        for _ in range(n)
    ]
