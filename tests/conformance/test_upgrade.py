"""The upgrade lines of the conformance list (signalling reference 11), each a test named by its line."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from gb28181.edition import Edition
from gb28181.manscdp.control import ControlResponse, DeviceControl
from gb28181.manscdp.keepalive import Keepalive
from gb28181.manscdp.upgrade import UpgradeResult
from simulator.firmware import make_package
from tests.conformance.bare import CAMERA, Platform, bare
from tests.conformance.pair import Estate, Pair, house, joined, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSION = "0f7c2a54c1b84a2f9d1e66b0a3c4d5e7"
GOOD = make_package("2.5.0", bytes(300_000))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with house(Path(tmp_path_factory.mktemp("upgrade"))) as estate:
        yield estate


async def bring(estate: Estate, data: bytes, status: int = 201, **words: str) -> Any:
    query = {"name": "ipc.bin", "version": "2.5.0", "manufacturer": "Lianwang"} | words
    headers = {"Content-Type": "application/octet-stream"}
    async with estate.http.post("/api/v1/firmware", params=query, data=data, headers=headers) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def upgrade(pair: Pair, package: str, status: int = 202) -> Any:
    return await pair.estate.post(f"/api/v1/channels/{pair.code}/{pair.code}/upgrade", {"package": package}, status)


async def stands(estate: Estate, session: str, *states: str) -> Any:
    async def look() -> Any:
        listed = (await estate.get("/api/v1/upgrades"))["items"]
        return next((each for each in listed if each["session"] == session and each["state"] in states), None)

    return await until(look, 30)


async def test_UPG_01_an_order_carries_firmware_url_maker_and_a_session_of_legal_characters(estate: Estate):
    pair = await joined(estate, "34020000001320000101")
    package = await bring(estate, GOOD)
    begun = await upgrade(pair, package["id"])
    seen = await pair.ours.see(DeviceControl, out=True)
    order = seen.xml.find("DeviceUpgrade")
    assert order is not None
    said = {element.tag: element.text or "" for element in order}
    assert list(said) == ["Firmware", "FileURL", "Manufacturer", "SessionID"]
    assert (said["Firmware"], said["Manufacturer"]) == ("2.5.0", "Lianwang")
    assert said["FileURL"].startswith(estate.house.console_url + "/firmware/")
    assert re.fullmatch(r"[A-Za-z0-9-]{32,128}", said["SessionID"]) and said["SessionID"] == begun["session"]
    # And the whole way: fetched, rebooted, registered again, told.
    ended = await stands(estate, begun["session"], "done")
    assert (ended["sent"], ended["firmware_now"]) == (len(GOOD), "2.5.0")
    # The address is spent, for the device and for everybody.
    async with aiohttp.ClientSession() as http, http.get(said["FileURL"]) as response:
        assert response.status == 404


async def test_UPG_02_a_device_answers_fetches_reboots_registers_and_tells_the_result_with_the_same_session():
    async with shelf({"/fw/2.5.0.bin": GOOD}) as base, bare() as (platform, camera):
        await order(platform, f"{base}/fw/2.5.0.bin")
        response = await platform.hear(ControlResponse)
        assert (response.sn, response.ok) == (33, True)
        result = await platform.hear(UpgradeResult, 20)
        assert (result.session_id, result.ok, result.firmware, result.failure) == (SESSION, True, "2.5.0", "")
        assert camera.upgrader.firmware == "2.5.0"
        # It registered anew before it told.
        seen = [each for each in platform.tap.messages if not each.out and not each.status and not each.repeated]
        told = next(n for n, each in enumerate(seen) if isinstance(each.said, UpgradeResult))
        registers = [n for n, each in enumerate(seen) if each.method == "REGISTER"]
        ordered = next(n for n, each in enumerate(seen) if isinstance(each.said, ControlResponse))
        assert any(ordered < n < told for n in registers)


async def test_UPG_03_a_corrupt_package_ends_with_ERROR_and_reason_02_and_no_reboot():
    async with shelf({"/fw/bad.bin": GOOD[:-1]}) as base, bare() as (platform, camera):
        await order(platform, f"{base}/fw/bad.bin")
        result = await platform.hear(UpgradeResult, 20)
        assert (result.session_id, result.ok, result.failure) == (SESSION, False, "02")
        assert result.firmware == camera.settings.hardware.firmware
        seen = await platform.tap.see(UpgradeResult, out=False)
        assert seen.xml.findtext("UpgradeResult") == "ERROR" and seen.xml.findtext("UpgradeFailedReason") == "02"
        assert camera.speaker.registrations == 1
        await platform.hear(Keepalive)


async def test_UPG_03_the_reason_of_a_failure_reaches_the_operator(estate: Estate):
    pair = await joined(estate, "34020000001320000103")
    package = await bring(estate, b"no firmware at all", name="bad.bin")
    begun = await upgrade(pair, package["id"])
    ended = await stands(estate, begun["session"], "failed")
    assert ended["failure"] == "02" and ended["ended_at"] is not None


async def test_a_device_of_2016_is_not_ordered_to_upgrade(estate: Estate):
    pair = await joined(estate, "34020000001320000116", edition=Edition.V2016)
    package = await bring(estate, GOOD)
    pair.clear()
    said = await upgrade(pair, package["id"], 409)
    assert said["error"]["code"] == "edition-too-old"
    assert pair.ours.all(DeviceControl) == []


@asynccontextmanager
async def shelf(files: dict[str, bytes]) -> AsyncIterator[str]:
    """A web server of the test's own; its address."""

    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=files[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def order(platform: Platform, url: str) -> None:
    inside = (
        f"<DeviceUpgrade><Firmware>2.5.0</Firmware><FileURL>{url}</FileURL>"
        f"<Manufacturer>Lianwang</Manufacturer><SessionID>{SESSION}</SessionID></DeviceUpgrade>"
    )
    assert (await platform.order(inside, sn=33, to=CAMERA)).status == 200
