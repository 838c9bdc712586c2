"""How a Chinese name is typed on a Latin keyboard: initials and full spelling, quick enough for a million names."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from string import ascii_lowercase, digits, punctuation
from sys import intern

import msgspec

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


def open_dictionary() -> None:
    """Read what spelling needs, once, so that the first name costs no half second; on a thread."""
    _readings()
    _odd_phrases()


@lru_cache(maxsize=2_048)  # neighbours in a catalog stand on one road
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
    reading = _readings().get(ord(character))
    return (reading,) if reading else ()


@cache
def _readings() -> dict[int, str]:
    """The commonest reading of each character, by its number."""
    said = msgspec.json.decode(_table("pinyin_dict.json"), type=dict[str, str])
    plain = {reading: intern(_plain(reading)) for reading in {each.partition(",")[0] for each in said.values()}}
    return {int(number): plain[each.partition(",")[0]] for number, each in said.items()}


@cache
def _odd_phrases() -> dict[str, dict[str, tuple[str, ...]]]:
    """Phrases that are not read as their characters one by one, by their first character."""
    odd: dict[str, dict[str, tuple[str, ...]]] = {}
    syllables = _Syllables()
    for phrase, readings in msgspec.json.decode(_table("phrases_dict.json"), type=dict[str, list[list[str]]]).items():
        if not 2 <= len(phrase) <= LONGEST_PHRASE:
            continue
        spelled = tuple([syllables[reading[0]] for reading in readings])
        usual = tuple([part for character in phrase for part in _letter(character)])
        if spelled != usual and all(spelled):
            odd.setdefault(phrase[0], {})[_moved(phrase)] = spelled
    return odd


class _Syllables(dict[str, str]):
    """Readings without tone marks: there are some thousand, and they stand in the tables a hundred times each."""

    def __missing__(self, reading: str) -> str:
        plain = self[reading] = intern(_plain(reading))
        return plain


def _table(name: str) -> bytes:
    """A file of pypinyin. Its Python part is not imported: that would hold 50 MB where we keep a tenth."""
    package = find_spec("pypinyin")
    if package is None or not package.submodule_search_locations:
        raise ImportError("pypinyin is not installed, and names cannot be searched by pinyin without it")
    return (Path(package.submodule_search_locations[0]) / name).read_bytes()


def _moved(text: str) -> str:
    """The same text in a place of its own in memory, so that the big table it was read from can be given back whole."""
    return text.encode().decode()


def _plain(reading: str) -> str:
    """A reading without tone marks, ü written v as keyboards do."""
    letters = unicodedata.normalize("NFD", reading.replace("ü", "v"))
    toneless = "".join(c for c in letters if not unicodedata.combining(c) or c == "\u0308")
    return unicodedata.normalize("NFC", toneless).replace("ü", "v").replace("u\u0308", "v")
