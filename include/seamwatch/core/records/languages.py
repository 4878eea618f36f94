"""In which language or script a text is, by its letters and its stop words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[^\W\d_]{2,}")
_SCRIPTS = (
    ("greek", 0x0370, 0x03FF),
    ("cyrillic", 0x0400, 0x052F),
    ("hebrew", 0x0590, 0x05FF),
    ("arabic", 0x0600, 0x06FF),
    ("devanagari", 0x0900, 0x097F),
    ("thai", 0x0E00, 0x0E7F),
    ("japanese", 0x3040, 0x30FF),
    ("chinese", 0x4E00, 0x9FFF),
    ("korean", 0xAC00, 0xD7AF),
)
UNSPACED = frozenset({"thai", "japanese", "chinese"})
"""Scripts that set no blanks between words."""
_STOP_WORDS = {
    "english": "the and is to of in it for that with you this not are was have my on be",
    "german": "der die das und ist nicht ich ein eine mit zu auf für den von sie es wir mein",
    "french": "le la les et est un une des pas je pour dans que vous nous mon avec du sur",
    "spanish": "el los las y es un una no que por para con mi se del está en su como",
    "italian": "il gli e è un una non che per con mi di del sono nel alla questo come",
    "portuguese": "o os as e é um uma não que por para com meu do da em na como está",
    "dutch": "de het een en is niet ik van op voor met dat mijn zijn te er aan bij ook",
}
_STOPS = {
    word: [language for language, theirs in _STOP_WORDS.items() if word in theirs.split()]
    for words in _STOP_WORDS.values()
    for word in words.split()
}


def words_of(text: str) -> list[str]:
    """Return the words of at least two letters, in small letters."""
    return _WORD.findall(text.lower())


def guess_language(text: str, words: Sequence[str]) -> str:
    """Return the script, or for Latin letters the language with the most stop words; `other` where there is none."""
    if not text.isascii():
        counts = Counter(
            script
            for letter in text
            if letter > "\u036f"
            for script, low, high in _SCRIPTS
            if low <= ord(letter) <= high
        )
        if counts and counts.total() * 2 > sum(map(str.isalpha, text)):
            return "japanese" if counts["japanese"] else counts.most_common(1)[0][0]
    votes = Counter(language for word in words for language in _STOPS.get(word, ()))
    return max(sorted(votes), key=votes.__getitem__) if votes else "other"
