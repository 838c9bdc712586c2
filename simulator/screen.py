"""What a camera does to its picture before encoding it: turns it, covers it, writes on it. Changed while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from simulator.scene import Picture, cover, write

LEFT_RIGHT, TOP_BOTTOM = 1, 2
"""Bits of FrameMirror: 3 is both."""

Place = tuple[int, int]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Caption:
    """What is written on the picture, in pixels of a window of `size`; `clock_at` None writes no clock."""

    size: Place
    clock_at: Place | None = None
    chinese_date: bool = False
    lines: tuple[tuple[str, int, int], ...] = ()


@dataclass(slots=True)
class Screen:
    """`caption` None is what a camera shows that nobody has set: its name above and a clock below."""

    name: str = ""
    """The camera's, when it is another one than it came with."""
    mirror: int = 0
    masks: tuple[Box, ...] = ()
    """In pixels of the picture."""
    caption: Caption | None = None
    said: dict[str, str] = field(default_factory=dict)
    """What was written on the last picture, by what it is: clock, title, or the number of a line."""

    def paint(self, picture: Picture, title: str, now: datetime, letters: Callable[[str], str]) -> None:
        """Do all of it to a picture taken `now`; `letters` gives a text in those our dot font has."""
        if self.mirror:
            turn(picture, self.mirror)
        for left, top, right, bottom in self.masks:
            cover(picture, left, top, right - left, bottom - top)
        scale = max(1, picture.height // 180)
        caption = self.caption
        self.said.clear()
        if caption is None:
            self._write(picture, "title", title, 4 * scale, 3 * scale, scale)
            clock = now.strftime("%Y-%m-%d %H:%M:%S.%f")[:-4]
            self._write(picture, "clock", clock, 4 * scale, picture.height - 11 * scale, scale)
            return
        if caption.clock_at is not None:
            form = "%Y NIAN %m YUE %d RI %H:%M:%S" if caption.chinese_date else "%Y-%m-%d %H:%M:%S"
            self._write(picture, "clock", now.strftime(form), *self._placed(picture, *caption.clock_at), scale)
        for number, (text, x, y) in enumerate(caption.lines):
            self._write(picture, str(number), letters(text), *self._placed(picture, x, y), scale)

    def _placed(self, picture: Picture, x: int, y: int) -> Place:
        wide, high = self.caption.size if self.caption is not None else (picture.width, picture.height)
        return x * picture.width // max(1, wide), y * picture.height // max(1, high)

    def _write(self, picture: Picture, what: str, text: str, x: int, y: int, scale: int) -> None:
        self.said[what] = text
        write(picture, text, x, y, scale)


def turn(picture: Picture, mirror: int) -> None:
    """Turn a picture left to right, top to bottom, or both."""
    for plane, width in (
        (picture.luma, picture.width),
        (picture.blue, picture.width // 2),
        (picture.red, picture.width // 2),
    ):
        if mirror == LEFT_RIGHT | TOP_BOTTOM:
            plane.reverse()
            continue
        rows = [plane[at : at + width] for at in range(0, len(plane), width)]
        if mirror & LEFT_RIGHT:
            rows = [row[::-1] for row in rows]
        if mirror & TOP_BOTTOM:
            rows.reverse()
        plane[:] = b"".join(rows)
