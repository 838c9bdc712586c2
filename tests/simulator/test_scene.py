"""The painted town."""

from __future__ import annotations

from simulator.head import Aim
from simulator.scene import Picture, Town, write

LEFT, RIGHT = Aim(pan=0.0), Aim(pan=1.0)


def test_the_same_code_sees_the_same_town_and_another_code_another():
    one, same, other = (Town(320, 180, seed).view(Aim(), 0.0) for seed in ("a", "a", "b"))
    assert one.luma == same.luma
    assert one.luma != other.luma


def test_turning_the_head_shows_another_part_of_the_town():
    town = Town(320, 180, "a")
    assert town.view(LEFT, 0.0).luma != town.view(RIGHT, 0.0).luma


def test_the_town_moves_with_time():
    town = Town(320, 180, "a")
    assert town.view(Aim(tilt=1.0), 0.0).luma != town.view(Aim(tilt=1.0), 1.0).luma


def test_planes_have_the_sizes_of_yuv_420_at_every_zoom():
    town = Town(320, 180, "a")
    for zoom in (1.0, 1.7, 4.0):
        picture = town.view(Aim(zoom=zoom), 3.0)
        assert len(picture.luma) == picture.width * picture.height
        assert len(picture.blue) == len(picture.red) == picture.width * picture.height // 4


def test_writing_is_cut_at_the_edge_and_not_wrapped():
    picture = Picture(64, 36, bytearray(64 * 36), bytearray(16 * 36), bytearray(16 * 36))
    write(picture, "A VERY LONG NAME INDEED", 2, 2, 1)
    assert len(picture.luma) == 64 * 36
    assert max(picture.luma[: 64 * 10]) == 0xEB
    assert max(picture.luma[64 * 12 :]) == 0
