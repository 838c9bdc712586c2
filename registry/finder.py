"""Search over all channels at once: a compact index in memory, read from end to end faster than a database finds.

One line a channel, in UTF-8: code, name, initials, full spelling, and whether it has a picture. A million channels
are about 120 MB, and a scan costs what `bytes.find` costs: `tests/bench/bench_registry.py` measures it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest

from registry.pinyin import folded
from registry.store.promise import SearchLine

SEGMENT_BYTES = 512 * 1024
MOST_CANDIDATES = 1_000
"""Matching lines looked at before the best are chosen."""
LONGEST_QUERY = 64
FEW = 32
"""Changed lines that are looked for one by one before a segment is taken apart."""
LONGEST_LINE = 4_096

_FIELD = b"\x1f"
_LINE = b"\n"
# Digits of codes are written in bytes that UTF-8 never uses, so that a digit of a name is not taken for one of a code.
_CODE_DIGITS = bytes.maketrans(b"0123456789", bytes(range(0xF5, 0xFF)))
_PLAIN_DIGITS = bytes.maketrans(bytes(range(0xF5, 0xFF)), b"0123456789")
_PLAYABLE, _MUTE = b"\x02", b"\x01"


class Finder:
    """The index. Lines are given and taken away by owner; one thread at a time changes it, any may search."""

    def __init__(self) -> None:
        self._segments: dict[str, tuple[bytes, ...]] = {}

    @property
    def size_bytes(self) -> int:
        return sum(len(segment) for segments in self._segments.values() for segment in segments)

    def add(self, owner: str, lines: Iterable[bytes]) -> None:
        """Add lines (`written`) of channels that are not there yet."""
        self._segments[owner] = _packed(self._segments.get(owner, ()), lines)

    def change(self, owner: str, lines: Mapping[str, bytes], removed: Iterable[str] = ()) -> None:
        """Put lines (`written`) in place of those with the same codes, and take the removed away."""
        new: dict[bytes, bytes | None] = {_code(code): line for code, line in lines.items()}
        new.update((_code(code), None) for code in removed)
        kept: list[bytes] = []
        for segment in self._segments.get(owner, ()):
            changed = _changed(segment, new)
            if changed:
                kept.append(changed)
        segments = _packed(tuple(kept), (line for line in new.values() if line is not None))
        if segments:
            self._segments[owner] = segments
        else:
            self._segments.pop(owner, None)

    def drop(self, owner: str) -> None:
        self._segments.pop(owner, None)

    def search(self, text: str, limit: int, *, playable_only: bool = False) -> list[tuple[str, str]]:
        """(owner, code) of the best matches by a part of a name, its initials or its full spelling.

        Words with blanks between must all match; but one of them may begin the code. An empty text
        matches nothing.
        """
        words = [word.encode() for word in sorted(folded(text[:LONGEST_QUERY]).split(), key=_rarity, reverse=True)]
        if not words:
            return []
        found: dict[tuple[str, bytes], int] = {}
        whole = self._gather(words[0], words[1:], playable_only, found, MOST_CANDIDATES)
        if not whole:
            self._gather(_FIELD + words[0], words[1:], playable_only, found, MOST_CANDIDATES + limit)
        best = nsmallest(limit, ((score, owner, code) for (owner, code), score in found.items()))
        return [(owner, code.translate(_PLAIN_DIGITS).decode()) for _, owner, code in best]

    def _gather(
        self, needle: bytes, others: list[bytes], playable_only: bool, found: dict[tuple[str, bytes], int], most: int
    ) -> bool:
        """Add matching lines with their scores; whether all were looked at before there were too many."""
        for owner, segments in tuple(self._segments.items()):
            for segment in segments:
                for line, offset in _matches(segment, needle):
                    if playable_only and not line.endswith(_PLAYABLE):
                        continue
                    if others and not all(_holds(line, word) for word in others):
                        continue
                    found[owner, line[: line.index(_FIELD)]] = _score(line, offset + needle.startswith(_FIELD))
                    if len(found) >= most:
                        return False
        return True


def written(line: SearchLine) -> bytes:
    """A channel's line in the index."""
    name = f"{line.name_here} {line.name}" if line.name_here else line.name
    keys = line.keys.split(" ")
    text = "\x1f".join((folded(name), " ".join(keys[::2]), " ".join(keys[1::2])))
    return _code(line.code) + _FIELD + text.encode() + _FIELD + (_PLAYABLE if line.playable else _MUTE)


def _rarity(word: str) -> tuple[bool, bool, int]:
    """Chinese is looked for first, numbers last: they may be the beginning of a code, and many names hold them."""
    return not word.isascii(), not any(c.isdigit() for c in word), len(word)


def _matches(segment: bytes, needle: bytes) -> Iterator[tuple[bytes, int]]:
    """Each line that holds the needle, once, and where in the line."""
    at = segment.find(needle)
    while at >= 0:
        start = segment.rfind(_LINE, 0, at) + 1
        end = segment.find(_LINE, at)
        yield segment[start:end], at - start
        at = segment.find(needle, end)


def _holds(line: bytes, word: bytes) -> bool:
    return word in line or line.startswith(word.translate(_CODE_DIGITS))


def _score(line: bytes, offset: int) -> int:
    """How good a match is, 0 is best: by the field it lies in, whether it begins it, and how short the line is."""
    field = line.count(_FIELD, 0, offset)
    begins = line[offset - 1 : offset] == _FIELD
    return (min(field, 4) * 2 + (not begins)) * LONGEST_LINE + min(len(line), LONGEST_LINE - 1)


def _code(code: str) -> bytes:
    return code.encode().translate(_CODE_DIGITS)


def _changed(segment: bytes, new: dict[bytes, bytes | None]) -> bytes:
    """The segment with new lines in their old places, without those that are None; what it held leaves `new`."""
    if len(new) <= FEW and not any(_LINE + code + _FIELD in segment for code in new):
        return segment
    lines: list[bytes] = []
    for line in segment.strip(_LINE).split(_LINE):
        code = line[: line.index(_FIELD)]
        if code in new:
            other = new.pop(code)
            if other is not None:
                lines.append(other)
        else:
            lines.append(line)
    return _LINE + _LINE.join(lines) + _LINE if lines else b""


def _packed(kept: tuple[bytes, ...], lines: Iterable[bytes]) -> tuple[bytes, ...]:
    """The kept segments, and new ones for the lines; a half-empty last one is filled up first."""
    segments = list(kept)
    batch: list[bytes] = []
    if segments and len(segments[-1]) < SEGMENT_BYTES // 2:
        batch.append(segments.pop().strip(_LINE))
    size = sum(len(line) for line in batch)
    for line in lines:
        batch.append(line)
        size += len(line) + 1
        if size >= SEGMENT_BYTES:
            segments.append(_LINE + _LINE.join(batch) + _LINE)
            batch, size = [], 0
    if batch:
        segments.append(_LINE + _LINE.join(batch) + _LINE)
    return tuple(segments)
