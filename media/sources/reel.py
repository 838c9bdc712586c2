"""The files of one recording after another, as one: their frames, each with the moment at which it was taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from media.frame import Codec, Frame
from media.plane import Clip
from media.ps.demux import Demuxer
from media.sources.entrance import entrance
from media.sources.file import Beginning, Film, Unusable, open_within

CHUNK = 256 * 1024
SEAM_MS = 1_000
"""Files that overlap by less follow each other; of those that overlap by more the later is entered where it is new."""
MOST_KEPT = 2_000
"""Frames from one key frame to the next that are held while the wanted moment is looked for."""
BACK_MS = 10_000
"""So much is read at a time to go backwards; more where key frames are further apart."""
MOST_KEYS = 1_000
"""Of one reading; the earliest are left out."""


class Taken(NamedTuple):
    """A frame, and when its picture was taken, UNIX milliseconds. `is_first` begins a file."""

    frame: Frame
    at_ms: float
    is_first: bool


def frames_of(folder: str, file: str, from_90k: int = 0) -> Iterator[Frame]:
    """Of one file as we write them, from the last key frame at or before a moment of it. Raises Unusable."""
    if file.endswith(".ps"):
        yield from _of_program(folder, file, from_90k)
        return
    film = Film(folder, file, from_90k)
    try:
        yield from film.frames()
    finally:
        film.close()


def _whole_of(folder: str, clip: Clip, from_ms: float = 0.0) -> Iterator[Frame]:
    """Of one that is being written as much as is there. Raises Unusable."""
    try:
        yield from frames_of(folder, clip.file, max(0, int((from_ms - clip.start_ms) * 90)))
    except Unusable:
        if not clip.is_open:
            raise


def reel(folder: str, clips: Sequence[Clip], from_ms: int) -> Iterator[Taken]:
    """Everything from the key frame on that stands at a moment, or else the first after it. Raises Unusable."""
    reached_ms = float(from_ms)
    for clip in clips:
        if clip.end_ms <= reached_ms:
            continue
        held: list[Taken] = []
        is_first, is_there = True, clip.start_ms >= reached_ms - SEAM_MS
        wanted_ms = reached_ms
        for frame in _whole_of(folder, clip, 0.0 if is_there else wanted_ms):
            taken = Taken(frame, clip.start_ms + frame.dts_90k / 90, is_first)
            is_first = False
            if is_there:
                reached_ms = max(reached_ms, taken.at_ms)
                yield taken
                continue
            if frame.key:
                held.clear()
            if len(held) < MOST_KEPT:
                held.append(taken)
            if taken.at_ms >= wanted_ms:
                is_there = True
                yield held[0]._replace(is_first=True)
                yield from held[1:]
                held.clear()


def reel_back(folder: str, clips: Sequence[Clip], from_ms: int) -> Iterator[Taken]:
    """The key frames before a moment, the latest first: no other picture can be shown backwards. Raises Unusable.

    Some seconds are read at a time, and their key frames are held while they are given out.
    """
    reached_ms = float(from_ms) + 1
    for clip in reversed(clips):
        while clip.start_ms < reached_ms:
            keys = _keys(folder, clip, max(reached_ms - BACK_MS, clip.start_ms), reached_ms)
            if not keys:
                break
            for taken in reversed(keys):
                reached_ms = taken.at_ms
                yield taken


def _keys(folder: str, clip: Clip, from_ms: float, to_ms: float) -> deque[Taken]:
    """The key frames from the last one at or before a moment up to another moment."""
    keys: deque[Taken] = deque(maxlen=MOST_KEYS)
    for frame in _whole_of(folder, clip, from_ms):
        at_ms = clip.start_ms + frame.dts_90k / 90
        if at_ms >= to_ms:
            break
        if frame.key:
            keys.append(Taken(frame, at_ms, frame.dts_90k == 0))
    return keys


def first_sound(folder: str, clips: Sequence[Clip]) -> Codec | None:
    """What is heard in the first file, as far as its first seconds tell. Raises Unusable."""
    for clip in clips[:1]:
        for number, frame in enumerate(_whole_of(folder, clip)):
            if not frame.codec.is_video:
                return frame.codec
            if number > 100:
                break
    return None


def _of_program(folder: str, file: str, from_90k: int) -> Iterator[Frame]:
    """By our own demuxer: others take G.711 in a program stream for something else."""
    demuxer = Demuxer(freeze_after_loss=False)
    with open_within(folder, file) as opened:
        begin = entrance(opened.fileno(), file, from_90k) if from_90k else 0
        opened.seek(begin)
        beginning = Beginning(0 if begin else None)
        while True:
            chunk = opened.read(CHUNK)
            for frame in demuxer.feed(chunk) if chunk else demuxer.flush():
                if beginning.admits(frame):
                    yield frame
            if not chunk:
                return
