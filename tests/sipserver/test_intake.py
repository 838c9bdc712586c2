"""A catalog on its way into the directory: little waits for the end, much goes on in batches."""

from __future__ import annotations

import asyncio

import pytest

from gb28181.manscdp.catalog import Catalog, Item
from sipserver.below import intake as intake_module
from sipserver.below.intake import Intake

CODE = "34020000001320000001"


def part(*numbers: int) -> Catalog:
    return Catalog(1, "1", 100, tuple(Item(f"{number:020d}") for number in numbers))


class Shelf:
    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.is_broken = False

    async def lay(self, items: dict[str, Item]) -> None:
        await asyncio.sleep(0)
        if self.is_broken:
            raise OSError("the disk is full")
        self.batches.append([int(code) for code in items])


async def test_little_waits_for_the_end():
    shelf = Shelf()
    intake = Intake(shelf.lay, batch=10)
    intake.begin()
    storing = asyncio.create_task(intake.store_meanwhile())
    intake.take(part(1, 2, 2))
    intake.end()
    await storing
    assert shelf.batches == []
    assert (len(intake.items), intake.is_laid) == (2, False)


async def test_much_is_stored_while_it_comes_and_its_rest_at_the_end_of_each_try():
    shelf = Shelf()
    intake = Intake(shelf.lay, batch=3)
    for numbers, expected in (((1, 2, 3, 4), [[1, 2, 3], [4]]), ((5,), [[5]])):
        shelf.batches.clear()
        intake.begin()
        storing = asyncio.create_task(intake.store_meanwhile())
        for number in numbers:
            intake.take(part(number))
            await asyncio.sleep(0.001)
        intake.end()
        await storing
        assert shelf.batches == expected
    assert len(intake.seen) == 5
    assert not intake.items


async def test_who_sends_is_held_back_while_a_batch_waits_for_the_store():
    shelf = Shelf()
    intake = Intake(shelf.lay, batch=2)
    intake.begin()
    assert intake.take(part(1)) is None
    room = intake.take(part(2))
    assert room is not None and not room.is_set()
    storing = asyncio.create_task(intake.store_meanwhile())
    async with asyncio.timeout(1.0):
        await room.wait()
    assert shelf.batches == [[1, 2]]
    assert intake.take(part(3)) is None
    intake.end()
    await storing


async def test_a_try_that_ends_before_it_began_ends():
    intake = Intake(Shelf().lay)
    intake.begin()
    storing = asyncio.create_task(intake.store_meanwhile())
    intake.end()
    async with asyncio.timeout(1.0):
        await storing


async def test_a_store_that_fails_is_not_hidden():
    shelf = Shelf()
    shelf.is_broken = True
    intake = Intake(shelf.lay, batch=1)
    intake.begin()
    storing = asyncio.create_task(intake.store_meanwhile())
    intake.take(part(1))
    intake.end()
    with pytest.raises(OSError, match="full"):
        await storing


async def test_a_slow_store_slows_the_sender_and_loses_nothing(make_house, make_camera, until_true, monkeypatch):
    monkeypatch.setattr(intake_module.Intake.__init__, "__kwdefaults__", {"batch": 10})
    house = await make_house()
    camera = await make_camera(house, items=60)
    camera.per_part = 5
    merge, waiting = house.directory.merge, [0]

    async def slowly(owner, items, **more):
        assert len(items) <= 15, "no more than a batch and a part are held"
        await asyncio.sleep(0.1)
        waiting[0] += 1
        return await merge(owner, items, **more)

    monkeypatch.setattr(house.directory, "merge", slowly)
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    assert (house.device().channels_total, house.device().catalog_complete) == (60, True)
    assert waiting[0] == 6


async def test_a_big_catalog_is_in_the_library_before_it_is_whole_and_what_is_gone_goes_at_the_end(
    make_house, make_camera, until_true, monkeypatch
):
    monkeypatch.setattr(intake_module.Intake.__init__, "__kwdefaults__", {"batch": 20})
    house = await make_house()
    camera = await make_camera(house, items=60)
    camera.per_part = 10
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    device = house.device()
    assert (device.channels_total, device.catalog_complete, device.channels_said) == (60, True, 60)

    camera.items = camera.items[5:55]
    camera.lose_parts, camera.lose_parts_once = {3}, True
    await house.below.resync(CODE)
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 2)
    device = house.device()
    assert (device.channels_total, device.catalog_complete) == (50, True), "two tries put together"

    camera.lose_parts, camera.lose_parts_once = {1}, False
    camera.items = camera.items[:30]
    await house.below.resync(CODE)
    await until_true(lambda: house.below.statistics()["onboarding"]["incomplete"] == 1, 10.0)
    device = house.device()
    assert (device.channels_total, device.catalog_complete) == (50, False), "half a catalog removes nothing"
    assert "stopped at 20 of 30" in device.catalog_note
