"""How a Chinese name is typed on a Latin keyboard: initials and full spelling, quick enough for a million names."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from string import ascii_lowercase, digits, punctuation

from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

LONGEST_NAME = 64
LONGEST_PHRASE = 4
_SIGNS = f"{ascii_lowercase}{digits}{punctuation} "


def folded(text: str) -> str:
    """`text` as search compares it: half width, small letters, without control characters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.lower()
    return text if text.isprintable() else "".join(c for c in text if c.isprintable())


def pinyin_keys(name: str) -> str:
    """Initials and full spelling of `name`, with a blank between: 环城路01 gives "hcl01 huanchenglu01".

    Characters with several readings are read as the phrase they stand in asks (重庆 is chongqing). Only the first 64
    characters count. A name without Chinese characters gives "": it is its own key.
    """
    name = folded(name[:LONGEST_NAME])
    if name.isascii():
        return ""
    # Cameras of one road differ by the number at the end; what stands before it is spelled once.
    stem = name.rstrip(_SIGNS)
    initials, full = _spell(stem)
    tail = name[len(stem) :]
    if not tail.isalnum():
        tail = "".join(c for c in tail if c.isalnum())
    return f"{initials}{tail} {full}{tail}"


@lru_cache(maxsize=16_384)
def _spell(name: str) -> tuple[str, str]:
    phrases = _odd_phrases()
    syllables: list[str] = []
    at = 0
    while at < len(name):
        lengths = phrases.get(name[at])
        if lengths is not None:
            for length in range(min(LONGEST_PHRASE, len(name) - at), 1, -1):
                spelled = lengths.get(name[at : at + length])
                if spelled is not None:
                    syllables += spelled
                    at += length
                    break
            else:
                syllables += _letter(name[at])
                at += 1
        else:
            syllables += _letter(name[at])
            at += 1
    return "".join(s[0] for s in syllables), "".join(syllables)


@cache
def _letter(character: str) -> tuple[str, ...]:
    """The commonest reading of one character; letters and digits stand for themselves, the rest for nothing.

    The cache is bounded by Unicode's characters.
    """
    if character.isascii():
        return (character,) if character.isalnum() else ()
    readings = PINYIN_DICT.get(ord(character))
    return (_plain(readings.partition(",")[0]),) if readings else ()


@cache
def _odd_phrases() -> dict[str, dict[str, tuple[str, ...]]]:
    """Phrases that are not read as their characters one by one, by their first character."""
    odd: dict[str, dict[str, tuple[str, ...]]] = {}
    for phrase, readings in PHRASES_DICT.items():
        if not 2 <= len(phrase) <= LONGEST_PHRASE:
            continue
        spelled = tuple(_plain(reading[0]) for reading in readings)
        usual = tuple(part for character in phrase for part in _letter(character))
        if spelled != usual and all(spelled):
            odd.setdefault(phrase[0], {})[phrase] = spelled
    return odd


def _plain(reading: str) -> str:
    """A reading without tone marks, ü written v as keyboards do."""
    letters = unicodedata.normalize("NFD", reading.replace("ü", "v"))
    toneless = "".join(c for c in letters if not unicodedata.combining(c) or c == "\u0308")
    return unicodedata.normalize("NFC", toneless).replace("ü", "v").replace("u\u0308", "v")
