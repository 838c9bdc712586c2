"""A painted town with moving traffic, seen through a turning head, with the camera's name and a clock on it.

Planes are YUV 4:2:0 of eight bits. The town is painted once, wider and higher than the picture; a view is a crop of
it, so a picture costs some hundred slices and no arithmetic per pixel.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from simulator.glyphs import GLYPH_HEIGHT, GLYPH_WIDTH, rows
from simulator.head import Aim

_SKY, _GROUND, _ROAD, _LINE = 150, 92, 66, 190


@dataclass(slots=True)
class Picture:
    """One picture: `luma` is width*height bytes, the chroma planes a quarter of that each."""

    width: int
    height: int
    luma: bytearray
    blue: bytearray
    red: bytearray


@dataclass(frozen=True, slots=True)
class _Car:
    lane: int
    speed: float
    start: float
    length: int
    shade: int
    blue: int
    red: int


class Town:
    """A town painted from a seed: every code looks at another one."""

    def __init__(self, width: int, height: int, seed: str) -> None:
        self.width, self.height = width, height
        self._wide, self._high = width * 2, height * 3 // 2 // 2 * 2
        dice = random.Random(seed)
        self._horizon = self._high * 45 // 100
        self._road_top = self._high * 62 // 100
        self._lane_height = max(8, self._high * 9 // 100)
        self._luma = bytearray(self._wide * self._high)
        self._blue = bytearray(b"\x80" * (self._wide * self._high // 4))
        self._red = bytearray(b"\x80" * (self._wide * self._high // 4))
        self._paint(dice)
        self._cars = [
            _Car(
                lane=index % 3,
                speed=dice.uniform(0.05, 0.16) * (1 if index % 3 else -1),
                start=dice.random(),
                length=max(16, self._wide // dice.randint(28, 44)) // 2 * 2,
                shade=dice.randint(60, 220),
                blue=dice.randint(90, 170),
                red=dice.randint(90, 190),
            )
            for index in range(9)
        ]

    def view(self, aim: Aim, seconds: float) -> Picture:
        """The town at `seconds` as the head sees it; smaller than `width` x `height` when zoomed in."""
        width = max(32, int(self.width / aim.zoom)) // 16 * 16
        height = max(18, int(self.height / aim.zoom)) // 2 * 2
        left = int((self._wide - width) * aim.pan) // 2 * 2
        top = int((self._high - height) * aim.tilt) // 2 * 2
        picture = Picture(
            width,
            height,
            _crop(self._luma, self._wide, left, top, width, height),
            _crop(self._blue, self._wide // 2, left // 2, top // 2, width // 2, height // 2),
            _crop(self._red, self._wide // 2, left // 2, top // 2, width // 2, height // 2),
        )
        for car in self._cars:
            x = int((car.start + car.speed * seconds) % 1.0 * self._wide) // 2 * 2 - left
            y = (self._road_top + car.lane * self._lane_height + self._lane_height // 4 - top) // 2 * 2
            _box(picture, x, y, car.length, self._lane_height // 2 // 2 * 2, car.shade, car.blue, car.red)
        return picture

    def _paint(self, dice: random.Random) -> None:
        wide, high = self._wide, self._high
        for y in range(high):
            shade = _SKY + 60 * (self._horizon - y) // self._horizon if y < self._horizon else _GROUND
            self._luma[y * wide : (y + 1) * wide] = bytes((min(235, shade),)) * wide
        for y in range(self._horizon // 2):
            self._blue[y * wide // 2 : (y + 1) * wide // 2] = b"\x98" * (wide // 2)
            self._red[y * wide // 2 : (y + 1) * wide // 2] = b"\x70" * (wide // 2)
        whole = Picture(wide, high, self._luma, self._blue, self._red)
        x = 0
        while x < wide:
            breadth = dice.randint(wide // 28, wide // 12) // 2 * 2
            height = dice.randint(high // 8, high * 38 // 100) // 2 * 2
            self._building(whole, dice, x, breadth, height)
            x += breadth + dice.randint(0, wide // 40) // 2 * 2
        lanes = self._lane_height * 3 // 2 * 2
        _box(whole, 0, self._road_top // 2 * 2, wide, lanes, _ROAD, 128, 128)
        for lane in (1, 2):
            for x in range(0, wide, wide // 24):
                _box(whole, x, (self._road_top + lane * self._lane_height) // 2 * 2, wide // 48, 2, _LINE, 128, 128)

    def _building(self, whole: Picture, dice: random.Random, x: int, breadth: int, height: int) -> None:
        top = (self._road_top - self._high // 16 - height) // 2 * 2
        shade, blue, red = dice.randint(70, 130), dice.randint(112, 136), dice.randint(122, 148)
        _box(whole, x, top, breadth, height, shade, blue, red)
        step = max(8, self._high // 40) // 2 * 2
        for row in range(top + step, top + height - step, step * 2):
            for column in range(x + step, x + breadth - step, step * 2):
                lit = dice.random() < 0.35
                _box(whole, column, row, step, step, 210 if lit else 45, 100 if lit else 128, 148 if lit else 128)


def write(picture: Picture, text: str, left: int, top: int, scale: int) -> None:
    """Write `text` in white on a darkened band, `scale` pixels a dot; what does not fit is cut."""
    cell = (GLYPH_WIDTH + 1) * scale
    text = text[: max(0, (picture.width - left - scale) // cell)]
    _box(
        picture,
        max(0, left - scale) // 2 * 2,
        max(0, top - scale) // 2 * 2,
        (len(text) * cell + scale * 2) // 2 * 2,
        (GLYPH_HEIGHT * scale + scale * 2) // 2 * 2,
        24,
        128,
        128,
    )
    dot = b"\xeb" * scale
    for index, character in enumerate(text):
        for row, bits in enumerate(rows(character)):
            for column in range(GLYPH_WIDTH):
                if bits >> (GLYPH_WIDTH - 1 - column) & 1:
                    x = left + index * cell + column * scale
                    for y in range(top + row * scale, min(picture.height, top + (row + 1) * scale)):
                        picture.luma[y * picture.width + x : y * picture.width + x + scale] = dot


def cover(picture: Picture, x: int, y: int, width: int, height: int) -> None:
    """Black out a box of the picture."""
    _box(picture, x // 2 * 2, y // 2 * 2, width // 2 * 2, height // 2 * 2, 16, 128, 128)


def _crop(plane: bytearray, stride: int, left: int, top: int, width: int, height: int) -> bytearray:
    view = memoryview(plane)
    first = top * stride + left
    return bytearray(b"".join([view[at : at + width] for at in range(first, first + height * stride, stride)]))


def _box(picture: Picture, x: int, y: int, width: int, height: int, shade: int, blue: int, red: int) -> None:
    """Fill a box; edges must be even so that the chroma planes agree. What lies outside is cut."""
    right, bottom = min(picture.width, x + width), min(picture.height, y + height)
    x, y = max(0, x), max(0, y)
    if x >= right or y >= bottom:
        return
    _fill(picture.luma, picture.width, x, y, right, bottom, shade)
    _fill(picture.blue, picture.width // 2, x // 2, y // 2, right // 2, bottom // 2, blue)
    _fill(picture.red, picture.width // 2, x // 2, y // 2, right // 2, bottom // 2, red)


def _fill(plane: bytearray, stride: int, left: int, top: int, right: int, bottom: int, value: int) -> None:
    run = bytes((value,)) * (right - left)
    for at in range(top * stride + left, bottom * stride + left, stride):
        plane[at : at + right - left] = run
