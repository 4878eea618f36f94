"""Numbers, dates, times, addresses, identifiers and names of a text, each in one form for all ways to write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

FactKind = Literal["number", "date", "time", "address", "identifier", "name"]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing of a text that is either so or not."""

    kind: FactKind
    written: str
    """As it stands in the text."""
    readings: frozenset[str]
    """Every way to read it: `1.000` is a thousand or one."""
    accepts: frozenset[str] = frozenset()
    """Readings of another one by which that one is the same, where these are others than its own."""
    unit: str = ""
    """Of a number: the word or sign beside it, its first letters."""


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero gennaio",
            "february feb februar fevrier f\u00e9vrier febrero febbraio",
            "march mar m\u00e4rz maerz mars marzo",
            "april apr avril abril aprile",
            "may mai mayo maggio",
            "june jun juni juin junio giugno",
            "july jul juli juillet julio luglio",
            "august aug ao\u00fbt aout agosto",
            "september sept sep septembre septiembre settembre",
            "october oct oktober okt octobre octubre ottobre",
            "november nov novembre noviembre",
            "december dec dezember dez decembre d\u00e9cembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_NUMBER_WORDS = {
    word: number
    for number, words in {
        2: "two zwei deux dos",
        3: "three drei trois tres tre",
        4: "four vier quatre cuatro quattro",
        5: "five f\u00fcnf cinq cinco cinque",
        6: "six sechs seis",
        7: "seven sieben sept siete sette",
        8: "eight acht huit ocho otto",
        9: "nine neun neuf nueve nove",
        10: "ten zehn dix diez dieci",
        11: "eleven elf onze",
        12: "twelve zw\u00f6lf douze doce dodici",
        14: "fourteen vierzehn quatorze catorce",
        15: "fifteen f\u00fcnfzehn quinze quince",
        20: "twenty zwanzig vingt veinte venti",
        30: "thirty drei\u00dfig trente treinta trenta",
        40: "forty vierzig quarante cuarenta",
        45: "forty-five f\u00fcnfundvierzig",
        50: "fifty f\u00fcnfzig cinquante cincuenta",
        60: "sixty sechzig soixante sesenta",
        90: "ninety neunzig noventa",
        100: "hundred hundert cent cien cento",
        1000: "thousand tausend",
    }.items()
    for word in words.split()
}
_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+|\b(?:https?://|www\.)[^\s<>\"')\]]+", re.IGNORECASE
)
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"\b(?P<y1>\d{{4}})-(?P<m1>\d{{1,2}})-(?P<d1>\d{{1,2}})\b"
    rf"|\b(?P<a>\d{{1,2}})[./-](?P<b>\d{{1,2}})[./-](?P<y2>\d{{4}}|\d{{2}})\b"
    rf"|\b(?P<d3>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<m3>{_MONTH})\b\.?(?:,?\s+(?:de\s+)?(?P<y3>\d{{4}}))?"
    rf"|\b(?P<m4>{_MONTH})\.?\s+(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y4>\d{{4}}))?",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?:\s*(?P<half>[ap])\.?m\b\.?)?"
    r"|\b(?P<h2>1[0-2]|0?[1-9])\s*(?P<half2>[ap])\.?m\b\.?|\b(?P<h3>[01]?\d|2[0-4])\s*(?:Uhr|h)\b",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(r"(?<![\w-])[^\W_][\w-]{0,60}\w(?![\w-])|#\d+")
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w.])-)?(?P<before>[$\u20ac\u00a3\u00a5]|\b(?:USD|EUR|GBP|CHF)\b)?\s?"
    r"(?<![\w])(?P<digits>\d{1,3}(?:[ \u00a0\u202f']\d{3})+(?![\d])(?:[.,]\d+)?|\d+(?:[.,]\d+)*)"
    r"(?:\s?-?(?:(?:business|working|calendar|banking|bank|full|whole|consecutive|complete)[\s-]+)?(?P<unit>[%\u00b0$\u20ac\u00a3\u00a5]|[^\W\d_]+\.?))?"
)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_CURRENCIES = {"$": "usd", "\u20ac": "eur", "\u00a3": "gbp", "\u00a5": "jpy", "euro": "eur", "euros": "eur"}
_CURRENCIES |= {"dollar": "usd", "dollars": "usd", "pounds": "gbp", "pound": "gbp", "usd": "usd", "eur": "eur"}
_ORDINALS = {
    word: number
    for number, words in {
        1: "first erste ersten erster",
        2: "second zweite zweiten zweiter",
        3: "third dritte dritten dritter",
        4: "fourth vierte vierten",
        5: "fifth f\u00fcnfte f\u00fcnften",
        6: "sixth sechste sechsten",
        7: "seventh siebte siebten",
        8: "eighth achte achten",
        9: "ninth neunte neunten",
        10: "tenth zehnte zehnten",
    }.items()
    for word in words.split()
}
_BEFORE_ORDINAL = frozenset({"the", "am", "der", "dem", "den", "die", "das", "every", "each", "jeden"})
"""Without one of these before it, `first` mostly begins a list."""
_TIMES = {"twice": 2, "thrice": 3, "zweimal": 2, "dreimal": 3}
_ORDINAL_ENDINGS = frozenset({"st", "nd", "rd", "th"})
_PERCENT = {"percent", "prozent", "pourcent", "percento"}
_MULTIPLES = {"thousand": 3, "tausend": 3, "k": 3, "million": 6, "millionen": 6, "mio": 6, "m": 6, "billion": 9}
_SPANS = {
    word: (unit, times)
    for words, unit, times in (
        ("second seconds sec sekunde sekunden seconde secondes segundo segundos", "second", 1),
        ("minute minutes min minuten minuto minutos", "second", 60),
        ("hour hours hr hrs stunde stunden heure heures hora horas", "second", 3_600),
        ("day days tag tage tagen jour jours d\u00eda d\u00edas werktag werktage werktagen", "second", 86_400),
        ("week weeks woche wochen semaine semaines semana semanas", "second", 604_800),
        ("month months monat monate monaten mois mes meses", "month", 1),
        ("year years jahr jahre jahren an ans a\u00f1o a\u00f1os", "month", 12),
    )
    for word in words.split()
}
"""By word, the unit in which its span of time is counted, and how many of that it has."""
_KINDS_OF_DAYS = frozenset(
    {"business", "working", "calendar", "banking", "bank", "full", "whole", "consecutive", "complete"}
)
_CENTS = frozenset({"cent", "cents", "ct"})
_NO_UNIT = frozenset(
    {"and", "or", "of", "to", "in", "on", "at", "by", "for", "with", "per", "und", "oder", "von", "bis", "mit", "je"}
    | {"et", "ou", "de", "a", "y", "o", "is", "are", "the"}
)


def read_facts(text: str) -> list[Fact]:
    """Return the numbers, dates, times, addresses and identifiers of a text, in no order; names are not among them."""
    found: list[Fact] = []
    rest = text
    for pattern, read in ((_ADDRESS, _address), (_DATE, _date), (_TIME, _time), (_IDENTIFIER, _identifier)):
        parts, done = [], 0
        for match in pattern.finditer(rest):
            fact = read(match)
            if fact is not None:
                found.append(fact)
            parts += [rest[done : match.start()], match[0] if fact is None else " " * len(match[0])]
            done = match.end()
        rest = "".join([*parts, rest[done:]])
    found += (fact for match in _NUMBER.finditer(rest) if (fact := _number(match)) is not None)
    found += _written_numbers(rest)
    return found


def read_names(sentence: str) -> list[Fact]:
    """Return the capitalised words of a sentence that does not begin with them, as English writes names."""
    words = list(_WORD.finditer(sentence))
    found = []
    for place, word in enumerate(words):
        is_first = place == 0 or sentence[: word.start()].rstrip()[-1:] in ":;\"'(-"
        if not is_first and word[0][:1].isupper() and len(word[0]) > 1:
            found.append(Fact(kind="name", written=word[0], readings=frozenset({word[0].casefold()})))
    return found


def _address(match: re.Match[str]) -> Fact:
    text = match[0].rstrip(".,;:!?")
    plain = re.sub(r"^(?:https?://)?(?:www\.)?", "", text.casefold()).rstrip("/")
    return Fact(kind="address", written=text, readings=frozenset({plain}))


def _date(match: re.Match[str]) -> Fact | None:
    group = match.groupdict()
    if group["a"] is not None:
        first, second, year = int(group["a"]), int(group["b"]), group["y2"]
        year = year if len(year) == 4 else f"20{year}"
        pairs = {(day, month) for day, month in ((first, second), (second, first)) if month <= 12 and day <= 31}
        readings = {f"{year}-{month}-{day}" for day, month in pairs}
    else:
        number = next(one for one in "134" if group[f"d{one}"] is not None)
        month_text = group[f"m{number}"]
        month = int(month_text) if month_text.isdecimal() else _MONTHS[month_text.casefold()]
        day = int(group[f"d{number}"])
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return None
        readings = {f"{group[f'y{number}'] or '*'}-{month}-{day}"}
    return Fact(kind="date", written=match[0], readings=frozenset(readings)) if readings else None


def _time(match: re.Match[str]) -> Fact:
    hour = int(match["h"] or match["h2"] or match["h3"])
    half = (match["half"] or match["half2"] or "").casefold()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return Fact(kind="time", written=match[0], readings=frozenset({f"{hour}:{int(match['m'] or 0):02d}"}))


def _identifier(match: re.Match[str]) -> Fact | None:
    text = match[0].casefold()
    if not any(map(str.isdigit, text)) or not (text.startswith("#") or any(map(str.isalpha, text))):
        return None
    if re.fullmatch(r"\d+(?:st|nd|rd|th|k|m|x|%|h|d|kg|g|km|cm|mm|mb|gb|tb|kb|ml|l|eur|usd|min|s)", text):
        return None
    if re.fullmatch(r"\d+-[^\W\d_]+(?:-[^\W\d_]+)?", text):  # 30-day
        return None
    plain = re.sub(r"[^\w]|_", "", text)
    return Fact(kind="identifier", written=match[0], readings=frozenset({plain}))


def _number(match: re.Match[str]) -> Fact | None:
    digits = re.sub(r"[ \u00a0\u202f']", "", match["digits"])
    unit = (match["unit"] or "").rstrip(".").casefold()
    power = _MULTIPLES.get(unit, 0)
    sign = -1.0 if match["sign"] else 1.0
    readings = {sign * value * 10**power for value in _values(digits)}
    money = _CURRENCIES.get((match["before"] or "").casefold()) or _CURRENCIES.get(unit)
    if unit in _ORDINAL_ENDINGS:
        return Fact(kind="number", written=match[0], readings=frozenset({f"{int(min(readings))}th"}), unit="th")
    unit = "%" if unit in _PERCENT else money or ("" if power or unit in _NO_UNIT else unit)
    return _with_unit(match[0].strip(), readings, unit)


def _with_unit(written: str, values: set[float], unit: str) -> Fact:
    """Return a number with its unit.

    Spans of time, money and percent are read with their unit: eight days are not eight weeks. A number without a unit
    may have any, as the first of `8 to 10 days`.
    """
    plain = {f"{value:.10g}" for value in values}
    measured = {f"{value:.10g} {name}" for value in values for value, name in _measures(value, unit)}
    if measured:
        return Fact(
            kind="number",
            written=written,
            readings=frozenset(measured | {f"{one} measured" for one in plain}),
            accepts=frozenset(measured | {f"{one} bare" for one in plain}),
            unit=_measures(0.0, unit)[0][1],
        )
    readings = plain if unit else plain | {f"{one} bare" for one in plain}
    accepts = plain if unit else plain | {f"{one} measured" for one in plain}
    return Fact(kind="number", written=written, readings=frozenset(readings), accepts=frozenset(accepts), unit=unit[:4])


def _measures(value: float, unit: str) -> list[tuple[float, str]]:
    """Return a value in the unit that all of its kind are counted in, cents in several; none for an unknown unit."""
    if unit in _CENTS:
        return [(value / 100.0, money) for money in ("eur", "usd", "gbp")]
    if unit == "%" or unit in _CURRENCIES.values():
        return [(value, unit)]
    span, times = _SPANS.get(unit, ("", 0))
    return [(value * times, span)] if span else []


def _values(digits: str) -> set[float]:
    """Return what digits with points and commas may stand for."""
    marks = re.findall(r"[.,]", digits)
    if not marks:
        return {float(digits)}
    if len(set(marks)) == 2:
        last = max(digits.rfind("."), digits.rfind(","))
        return {float(re.sub(r"[.,]", "", digits[:last]) + "." + digits[last + 1 :])}
    parts = re.split(r"[.,]", digits)
    is_grouped = all(len(part) == 3 for part in parts[1:]) and len(parts[0]) <= 3 and parts[0] != "0"
    readings = {float("".join(parts))} if is_grouped else set()
    if len(parts) == 2:
        readings.add(float(".".join(parts)))
    return readings or {float("".join(parts))}


def _written_numbers(text: str) -> Iterator[Fact]:
    words = list(_WORD.finditer(text))
    for place, word in enumerate(words):
        written = word[0].casefold()
        before = words[place - 1][0].casefold() if place else ""
        if written in _ORDINALS and before in _BEFORE_ORDINAL:
            yield Fact(kind="number", written=word[0], readings=frozenset({f"{_ORDINALS[written]}th"}), unit="th")
        if written in _TIMES:
            yield Fact(kind="number", written=word[0], readings=frozenset({f"{_TIMES[written]} times"}), unit="time")
        value = _NUMBER_WORDS.get(written)
        if value is not None:
            after = [one[0].casefold() for one in words[place + 1 : place + 3]]
            unit = next((one for one in after if one not in _KINDS_OF_DAYS), "")
            power = _MULTIPLES.get(unit, 0)
            unit = "" if power or unit in _NO_UNIT else "%" if unit in _PERCENT else _CURRENCIES.get(unit, unit)
            yield _with_unit(word[0], {float(value) * 10**power}, unit)


def is_held(fact: Fact, others: frozenset[str]) -> bool:
    """Return whether a fact is among the readings of others; a date without a year is that day of any year."""
    if (fact.accepts or fact.readings) & others:
        return True
    if fact.kind != "date":
        return False
    return any(_same_day(mine, other) for mine in fact.readings for other in others if other.count("-") == 2)


def _same_day(one: str, other: str) -> bool:
    (year, _, day), (other_year, _, other_day) = one.partition("-"), other.partition("-")
    return day == other_day and "*" in (year, other_year)
