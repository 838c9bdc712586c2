"""Whoever is asked for just after our restart gets a while to come back."""

from __future__ import annotations

import asyncio

import pytest

from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.peer import PeerOffline
from registry.device import Presence
from sipserver.below.returns import Returns

CODE = "34020000001320000001"


async def restarted(make_house, make_camera, **settings):
    """A house begun again, whose camera registered by TCP before and has not come back."""
    first = await make_house()
    camera = await make_camera(first, transport="TCP")
    await camera.register()
    port = first.stack.port
    await first.stop()
    second = await make_house(directory=first.directory, port=port, **settings)
    assert second.presence() is Presence.UNCONFIRMED
    return second, camera


async def test_a_question_waits_for_a_neighbour_that_comes_back_after_our_restart(make_house, make_camera):
    house, camera = await restarted(make_house, make_camera)
    link = house.below.peer(CODE)
    assert link.is_expected and not link.is_online
    asked = asyncio.create_task(link.ask(DeviceInfoQuery(0, CODE)))
    await asyncio.sleep(0.05)
    assert not asked.done()
    await camera.find_path()
    await camera.register()
    async with asyncio.timeout(5):
        assert isinstance(await asked, DeviceInfo)


async def test_who_does_not_come_back_in_time_is_said_to_be_away_since_our_restart(make_house, make_camera):
    house, _ = await restarted(make_house, make_camera, return_patience_s=0.1)
    with pytest.raises(PeerOffline, match="has not come back since our restart"):
        await house.below.peer(CODE).ask(DeviceInfoQuery(0, CODE))


async def test_a_hand_on_the_stick_is_told_at_once_that_nobody_is_there(make_house, make_camera):
    house, _ = await restarted(make_house, make_camera, return_patience_s=60.0)
    async with asyncio.timeout(5):
        with pytest.raises(PeerOffline, match="has not come back"):
            await house.below.peer(CODE).tell(DeviceControl(0, CODE, ptz="A50F0100000000B5"))


async def test_nobody_waits_for_who_was_gone_before_our_restart(make_house, make_camera):
    first = await make_house()
    camera = await make_camera(first, transport="TCP")
    await camera.register()
    await camera.register(expires=0)
    await first.stop()
    second = await make_house(directory=first.directory, return_patience_s=60.0)
    async with asyncio.timeout(5):
        with pytest.raises(PeerOffline, match="is not registered"):
            await second.below.peer(CODE).ask(DeviceInfoQuery(0, CODE))


async def test_the_wait_ends_when_the_neighbour_is_removed(make_house, make_camera):
    house, _ = await restarted(make_house, make_camera, return_patience_s=60.0)
    asked = asyncio.create_task(house.below.peer(CODE).ask(DeviceInfoQuery(0, CODE)))
    await asyncio.sleep(0.05)
    await house.directory.remove_device(CODE)
    async with asyncio.timeout(5):
        with pytest.raises(PeerOffline):
            await asked


async def test_nothing_is_kept_of_those_who_have_waited():
    returns = Returns()
    waits = [asyncio.create_task(returns.wait(CODE, 60.0)) for _ in range(2)]
    await asyncio.sleep(0)
    waits[0].cancel()
    await asyncio.gather(waits[0], return_exceptions=True)
    assert len(returns) == 1
    returns.settle(CODE)
    async with asyncio.timeout(5):
        await waits[1]
    await returns.wait(CODE, 0.01)
    assert len(returns) == 0
