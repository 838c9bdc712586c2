"""The lines about keepalives and clocks (signalling reference 3.6.7, 3.11, 11)."""

from __future__ import annotations

import asyncio
import re
import struct
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gb28181.manscdp.catalog import CatalogQuery
from gb28181.manscdp.keepalive import Keepalive
from registry.device import Device, Presence
from simulator.camera import Camera
from simulator.speaker import SpeakerSettings
from sipserver.stack import Incoming
from tests.conformance.bare import CAMERA, Platform, bare, settings
from tests.sipserver.conftest import CODE, House, until
from tests.sipserver.conftest import Camera as RawCamera

Made = Callable[..., Awaitable[Any]]
BEIJING = timezone(timedelta(hours=8))


def pass_time(house: House, until_s: float) -> None:
    """Let the house look every few seconds until `until_s` after its start."""
    while house.skew_s < until_s:
        house.skew_s = min(house.skew_s + 4.0, until_s)
        house.below.look()


async def test_KAL_01_a_device_says_every_minute_that_it_lives():
    assert SpeakerSettings(CAMERA, "x", "127.0.0.1", 5060, CAMERA).keepalive_s == 60
    async with bare(speaker={"keepalive_s": 0.1}) as (platform, _):
        first, second = await platform.hear(Keepalive), await platform.hear(Keepalive)
        seen = platform.tap.all(Keepalive)[0]
    assert (seen.method, seen.xml.tag, seen.xml.findtext("Status")) == ("MESSAGE", "Notify", "OK")
    assert first.device == second.device == CAMERA and second.sn > first.sn


async def test_KAL_02_a_keepalive_is_answered_200_without_a_body(make_house: Made, make_camera: Made):
    camera: RawCamera = await make_camera(await make_house())
    await camera.register()
    answer = await camera.keep_alive()
    assert (answer.status, answer.body) == (200, b"")


async def test_KAL_03_three_intervals_of_silence_make_it_offline(make_house: Made, make_camera: Made):
    house: House = await make_house()
    await (await make_camera(house)).register()
    pass_time(house, 179)
    assert house.presence() is Presence.ONLINE
    pass_time(house, 196)
    assert (house.presence(), house.device().presence_reason) == (Presence.OFFLINE, "keepalive-missed")


async def test_KAL_04_three_keepalives_unanswered_and_the_device_registers_anew():
    platform = Platform()
    deaf = False

    def take(incoming: Incoming) -> None:
        if not deaf or incoming.request.method == "REGISTER":
            platform.take(incoming)

    platform.stack.on_request = take
    await platform.stack.start()
    camera = Camera(settings(platform, speaker={"keepalive_s": 0.1, "answer_s": 0.2}))
    running = asyncio.create_task(camera.run())
    try:
        await platform.registered()
        await platform.hear(Keepalive)
        deaf = True
        platform.tap.clear()
        await platform.registered(2)
        assert len({seen.message.call_id for seen in platform.tap.all(Keepalive)}) >= 3
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await camera.close()
        await platform.stack.close()


async def test_KAL_05_a_broken_part_is_told_at_once_by_its_code():
    async with bare(speaker={"keepalive_s": 60.0}) as (platform, camera):
        await camera.report_faults(CAMERA)
        told = await platform.hear(Keepalive)
        assert told.faulty == (CAMERA,)
        assert platform.tap.all(Keepalive)[0].xml.findtext("Info/DeviceID") == CAMERA


async def test_KAL_06_parts_named_in_a_keepalive_are_marked_and_whole_again_when_they_are_not(
    make_house: Made, make_camera: Made
):
    house: House = await make_house()
    camera: RawCamera = await make_camera(house, items=2)
    await camera.register()
    await until(lambda: camera.queries(CatalogQuery))
    broken = camera.items[0].code

    async def is_online(code: str) -> bool | None:
        channel = await house.directory.channel(CODE, code)
        return None if channel is None else channel.online

    async def until_it_is(state: bool) -> None:
        async with asyncio.timeout(5):
            while await is_online(broken) is not state:
                await asyncio.sleep(0.02)

    await until_it_is(True)
    await camera.keep_alive((broken,))
    await until_it_is(False)
    assert await is_online(camera.items[1].code) is True
    await camera.keep_alive()
    await until_it_is(True)


async def test_KAL_07_detection_follows_interval_and_count(make_house: Made, make_camera: Made):
    house: House = await make_house(known=(Device(CODE, keepalive_interval_s=20, keepalive_count=2),))
    await (await make_camera(house)).register()
    pass_time(house, 46)
    assert house.presence() is Presence.ONLINE
    pass_time(house, 56)
    assert house.presence() is Presence.OFFLINE


async def test_TIM_01_the_200_of_a_registration_tells_the_time_of_beijing_to_the_millisecond(
    make_house: Made, make_camera: Made
):
    answer = await (await make_camera(await make_house())).register()
    date = answer.headers.get("Date") or ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", date)
    assert abs(datetime.fromisoformat(date).replace(tzinfo=BEIJING).timestamp() - time.time()) < 30


async def test_TIM_02_a_device_takes_the_time_of_the_platform():
    async with bare() as (_, camera):
        told = datetime(2024, 5, 6, 7, 8, 9, 123000, BEIJING).timestamp()
        offset = camera.speaker.clock_offset_s
        assert offset is not None and abs(time.time() + offset - told) < 30


@pytest.mark.parametrize(("drifts", "asks"), [(None, 86400), (36_000.0, 36_000), (200_000.0, 86400), (600.0, 3600)])
async def test_TIM_03_a_device_registers_anew_before_its_clock_is_a_second_off(drifts: float | None, asks: int):
    async with bare(speaker={"drifts_1s_in_s": drifts}) as (platform, _):
        assert {request.headers.get("Expires") for request in platform.registers} == {str(asks)}


class TimeServer(asyncio.DatagramProtocol):
    """Answers SNTP (RFC 4330) by hand, its clock `ahead_s` before ours."""

    def __init__(self, ahead_s: float, stratum: int = 2) -> None:
        self.ahead_s = ahead_s
        self.stratum = stratum
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.asked += 1
        now = time.time() + self.ahead_s + 2_208_988_800
        stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
        head = struct.pack(">BBbb3I", 0b00_100_100, self.stratum, 6, -20, 0, 0, 0)
        self.transport.sendto(head + stamp + data[40:48] + stamp + stamp, address)  # type: ignore[attr-defined]


async def test_TIM_04_with_time_servers_named_our_clock_follows_them(make_house: Made, make_camera: Made):
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: TimeServer(100.0), local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        house: House = await make_house(ntp_servers=(f"127.0.0.1:{port}",))
        await until(lambda: house.below.statistics()["ntp"]["offset_s"] is not None)
        assert abs(house.below.statistics()["ntp"]["offset_s"] - 100) < 5
        date = (await (await make_camera(house)).register()).headers.get("Date") or ""
        ahead = datetime.fromisoformat(date).replace(tzinfo=BEIJING).timestamp() - time.time()
        assert 70 < ahead < 130
    finally:
        transport.close()


async def test_a_time_server_whose_own_clock_is_not_set_is_not_followed(make_house: Made):
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: TimeServer(100.0, 0), local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        house: House = await make_house(ntp_servers=(f"127.0.0.1:{port}",))
        await until(lambda: house.below.statistics()["ntp"]["note"])
        assert house.below.statistics()["ntp"]["offset_s"] is None
    finally:
        transport.close()
