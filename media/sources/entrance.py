"""Where to begin reading one of our own files, so that a picture near its end does not cost reading all before it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from media.ps.mux import SCR_LEAD_90K
from media.ps.pack import PACK_CODE

NEAR = 64 * 1024
"""Read at once while the moment is looked for; more is read where no picture begins in that."""
FAR_BACK = 1 << 20
"""Read at once while the key frame before it is looked for."""
MARK = 256
"""A mark is told from so many bytes."""
LARGEST_HEAD = 1 << 20
MOOF = b"moof\x00\x00\x00\x10mfhd"
SYSTEM_HEADER, STREAM_MAP, PICTURE_CODE = b"\x00\x00\x01\xbb", b"\x00\x00\x01\xbc", b"\x00\x00\x01\xe0"
PACK_BYTES = 14
NOT_SYNC = 1 << 16


class Mark(NamedTuple):
    """A picture begins here."""

    at: int
    time_90k: int
    is_key: bool


Finder = Callable[[bytes], Iterator[Mark]]
"""The marks that begin in these bytes, but not in the last `MARK` of them."""


def entrance(number: int, name: str, wanted_90k: int) -> int:
    """Where the last key frame at or before a moment begins; 0 for the file's beginning. Raises OSError.

    `number` is the file's descriptor. Of a file that is not as we write them it says something that reading will find
    out.
    """
    find = _packs if name.endswith(".ps") else _fragments
    begin, end = 0, os.fstat(number).st_size
    while end - begin > NEAR:
        middle = (begin + end) // 2
        mark = _first(number, middle, end, find)
        if mark is not None and mark.time_90k <= wanted_90k:
            begin = mark.at
        else:
            end = middle
    return _last_key(number, end, wanted_90k, find)


def head_of(number: int) -> bytes:
    """What an MP4 file has before its first fragment. Raises OSError."""
    data = os.pread(number, LARGEST_HEAD, 0)
    at = data.find(MOOF)
    return data[: max(0, at - 4)]


def _first(number: int, at: int, end: int, find: Finder) -> Mark | None:
    while at < end:
        for mark in find(os.pread(number, NEAR + MARK, at)):
            return mark._replace(at=at + mark.at)
        at += NEAR
    return None


def _last_key(number: int, end: int, wanted_90k: int, find: Finder) -> int:
    while end > 0:
        at = max(0, end - FAR_BACK)
        data = os.pread(number, end - at + MARK, at)
        keys = [mark.at for mark in find(data) if mark.is_key and mark.time_90k <= wanted_90k]
        if keys:
            return at + keys[-1]
        end = at
    return 0


def _fragments(data: bytes) -> Iterator[Mark]:
    """Of fragmented MP4: a moof of 104 bytes for each picture, its track at byte 44, time at 60, flags at 96."""
    at = data.find(MOOF, 4) - 4
    while 0 <= at < len(data) - MARK:
        if data[at + 44 : at + 48] == b"\x00\x00\x00\x01" and data[at + 108 : at + 112] == b"mdat":
            flags = int.from_bytes(data[at + 96 : at + 100], "big")
            yield Mark(at, int.from_bytes(data[at + 60 : at + 68], "big"), not flags & NOT_SYNC)
        at = data.find(MOOF, at + 8) - 4


def _packs(data: bytes) -> Iterator[Mark]:
    """Of a program stream: a pack for each picture, and before a key frame the system header and the stream map."""
    at = data.find(PACK_CODE)
    while 0 <= at < len(data) - MARK:
        past, is_headed = at + PACK_BYTES, False
        for code in (SYSTEM_HEADER, STREAM_MAP):
            if data[past : past + 4] == code:
                past += 6 + int.from_bytes(data[past + 4 : past + 6], "big")
                is_headed = True
        if data[past : past + 4] == PICTURE_CODE:
            yield Mark(at, scr_90k(data, at) + SCR_LEAD_90K, is_headed)
        at = data.find(PACK_CODE, at + 4)


def scr_90k(data: bytes | mmap.mmap, at: int) -> int:
    """The clock in the pack header that begins here (ISO/IEC 13818-1 2.5.3.3)."""
    word = int.from_bytes(data[at + 4 : at + 10], "big")
    return (word >> 43 & 7) << 30 | (word >> 27 & 0x7FFF) << 15 | (word >> 11 & 0x7FFF)
