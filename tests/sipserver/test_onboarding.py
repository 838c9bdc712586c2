"""Asking a neighbour who it is and what it has: whole catalogs, torn ones, silent devices."""

from __future__ import annotations

import pytest

from gb28181.manscdp.catalog import CatalogQuery
from gb28181.manscdp.device_info import DeviceInfoQuery
from registry.events import CatalogChanged, CatalogProgress
from sipserver.below import onboarding

CODE = "34020000001320000001"


@pytest.fixture
def finished(until_true):
    """Wait until a house has asked its neighbours so many times."""

    async def wait(house, *, whole: int = 0, torn: int = 0) -> None:
        def counts() -> bool:
            figures = house.below.statistics()["onboarding"]
            return (figures["finished"], figures["incomplete"]) == (whole, torn)

        await until_true(counts)

    return wait


async def test_a_newcomer_is_asked_who_it_is_and_what_it_has(make_house, make_camera, finished):
    house = await make_house()
    camera = await make_camera(house, items=200)
    camera.per_part = 9
    await camera.register()
    await finished(house, whole=1)
    device = house.device()
    assert (device.manufacturer, device.model, device.firmware, device.name) == ("ACME", "B2", "1.0", "Gate")
    assert device.catalog_complete and device.catalog_at is not None
    page = await house.directory.channels_of(CODE, None, 500)
    assert len(page.items) == 200
    (changed,) = house.told(CatalogChanged)
    assert (changed.owner, changed.added_count, changed.complete) == (CODE, 200, True)
    assert house.told(CatalogProgress)[-1] == CatalogProgress(CODE, 200, 200)


async def test_a_lost_part_is_asked_for_again_and_the_tries_are_put_together(make_house, make_camera, finished):
    house = await make_house()
    camera = await make_camera(house, items=200)
    camera.per_part = 20
    camera.lose_parts, camera.lose_parts_once = {3}, True
    await camera.register()
    await finished(house, whole=1)
    assert camera.queries(CatalogQuery) == 2
    assert house.device().catalog_complete
    assert len((await house.directory.channels_of(CODE, None, 500)).items) == 200


async def test_two_tries_that_lose_different_parts_make_one_whole(make_house, make_camera, finished):
    house = await make_house()
    camera = await make_camera(house, items=40)
    camera.per_part = 10

    async def torn(query):
        if isinstance(query, CatalogQuery):
            camera.lose_parts = {camera.queries(CatalogQuery) % 4}
        await camera.answer_as_the_book_says(query)

    camera.answer = torn
    await camera.register()
    await finished(house, whole=1)
    assert camera.queries(CatalogQuery) == 2
    assert len((await house.directory.channels_of(CODE, None, 500)).items) == 40


async def test_what_stays_incomplete_is_kept_and_nothing_is_deleted(make_house, make_camera, finished):
    house = await make_house(catalog_tries=2)
    camera = await make_camera(house, items=30)
    camera.per_part = 10
    await camera.register()
    await finished(house, whole=1)
    camera.lose_parts = {1}
    await house.below.resync(CODE)
    await finished(house, whole=1, torn=1)
    device = house.device()
    assert not device.catalog_complete
    assert device.catalog_note == (f"catalog of {CODE} stopped at 20 of 30 items (0.4 s of silence); kept 20")
    assert len((await house.directory.channels_of(CODE, None, 500)).items) == 30


async def test_a_whole_catalog_takes_away_what_is_gone(make_house, make_camera, finished):
    house = await make_house()
    camera = await make_camera(house, items=30)
    await camera.register()
    await finished(house, whole=1)
    camera.items = camera.items[:10]
    await house.below.resync(CODE)
    await finished(house, whole=2)
    assert len((await house.directory.channels_of(CODE, None, 500)).items) == 10


async def test_a_device_that_answers_no_catalog_is_told_to_the_operator(make_house, make_camera, finished):
    house = await make_house(catalog_tries=2, catalog_patience_s=0.2, ask_patience_s=0.2)
    camera = await make_camera(house)

    async def nothing(value):
        return None

    camera.answer = nothing
    await camera.register()
    await finished(house, torn=1)
    assert camera.queries(CatalogQuery) == 2
    assert "sent no part of an answer" in house.device().catalog_note


async def test_a_device_without_device_info_still_gives_its_catalog(make_house, make_camera, finished):
    house = await make_house(ask_patience_s=0.2)
    camera = await make_camera(house, items=3)
    camera.answers_info = False
    await camera.register()
    await finished(house, whole=1)
    assert camera.queries(DeviceInfoQuery) == 1
    assert len((await house.directory.channels_of(CODE, None, 500)).items) == 3


async def test_an_empty_catalog_is_a_whole_one(make_house, make_camera, finished):
    house = await make_house()
    camera = await make_camera(house, items=0)
    await camera.register()
    await finished(house, whole=1)
    assert house.device().catalog_complete


async def test_asking_while_it_is_being_asked_leads_to_one_more_time(make_house, make_camera, until_true):
    house = await make_house()
    camera = await make_camera(house, items=3)

    async def interrupted(value):
        if isinstance(value, CatalogQuery) and camera.queries(CatalogQuery) == 1:
            for _ in range(10):
                await house.below.resync(CODE)
        await camera.answer_as_the_book_says(value)

    camera.answer = interrupted
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 2)
    await until_true(lambda: not house.below.is_onboarding(CODE))
    assert camera.queries(CatalogQuery) == 2


async def test_many_neighbours_are_asked_a_few_at_a_time(make_house, make_camera, finished, until_true):
    codes = tuple(f"3402000000132000{number:04d}" for number in range(12))
    house = await make_house(known=codes, onboarding_at_once=3)
    most = 0
    cameras = []
    for code in codes:
        camera = await make_camera(house, code, items=2)
        inner = camera.answer

        async def watched(value, inner=inner):
            nonlocal most
            most = max(most, house.below.statistics()["onboarding"]["running"])
            await inner(value)

        camera.answer = watched
        cameras.append(camera)
    for camera in cameras:
        assert (await camera.register()).status == 200
    await finished(house, whole=12)
    assert 1 <= most <= 3


async def test_what_stayed_incomplete_is_asked_for_again_later(make_house, make_camera, until_true, monkeypatch):
    monkeypatch.setattr(onboarding, "FIRST_PAUSE_S", 0.3)
    house = await make_house(catalog_tries=1)
    camera = await make_camera(house, items=20)
    camera.per_part, camera.lose_parts, camera.lose_parts_once = 5, {1}, True
    await camera.register()
    await until_true(lambda: house.below.statistics()["onboarding"]["incomplete"] == 1)
    assert not house.device().catalog_complete
    await until_true(lambda: house.below.statistics()["onboarding"]["finished"] == 1)
    assert (house.device().catalog_complete, house.device().channels_total) == (True, 20)
