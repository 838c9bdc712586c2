"""Firmware comes in by an administrator's hand and goes out to the one device that was ordered to fetch it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from gb28181.manscdp.control import ControlResponse
from gb28181.peer import PeerRefused
from web.settings import WebSettings

CAMERA = "34020000001320000001"
UPGRADE = f"/api/v1/channels/{CAMERA}/{CAMERA}/upgrade"
FIRMWARE = "/api/v1/firmware?name=ipc.bin&version=2.5.0&manufacturer=ACME"
BYTES = {"Content-Type": "application/octet-stream"}
DATA = bytes(range(256)) * 100


async def ordered(house, **fields):
    """A device that was ordered to fetch `DATA`: its peer, the address it was told, its administrator."""
    peer = await house.camera(edition="3.0", remote_host="127.0.0.1", local_host="127.0.0.1", **fields)
    peer.answer = ControlResponse(1, CAMERA)
    chief = await house.person("administrator")
    status, package = await chief.ask("POST", FIRMWARE, data=DATA, headers=BYTES)
    assert status == 201, package
    status, begun = await chief.ask("POST", UPGRADE, {"package": package["id"]})
    assert (status, begun["state"]) == (202, "accepted"), begun
    return peer, peer.asked[0].upgrade.file_url, chief


async def test_a_package_is_brought_listed_and_dropped_by_administrators(house):
    operator, chief = await house.person("operator"), await house.person("administrator")
    assert (await operator.ask("POST", FIRMWARE, data=DATA, headers=BYTES))[0] == 403
    status, package = await chief.ask("POST", FIRMWARE, data=DATA, headers=BYTES)
    assert (status, package["size"], package["by"]) == (201, len(DATA), "administrator")
    assert (await operator.get("/firmware"))["items"] == [package]
    assert (await chief.ask("DELETE", f"/api/v1/firmware/{package['id']}"))[0] == 204
    assert (await chief.ask("DELETE", f"/api/v1/firmware/{package['id']}"))[0] == 404


async def test_what_is_no_package_is_not_taken(house):
    chief = await house.person("administrator")
    assert (await chief.ask("POST", FIRMWARE, {"a": 1}))[0] == 415
    assert (await chief.ask("POST", FIRMWARE, data=b"", headers=BYTES))[0] == 400
    assert (await chief.ask("POST", FIRMWARE, data=b"x" * 100_001, headers=BYTES))[0] == 400
    assert (await chief.get("/firmware"))["items"] == []


class TestAPackageOfWhichNothingMoreComes:
    async def test_gives_its_place_on_the_shelf_back(self, house):
        program = await house.program("administrator")
        is_over = asyncio.Event()

        async def drip():
            yield b"half of it"
            await is_over.wait()

        response = await program.raw("POST", FIRMWARE, data=drip(), headers=BYTES)
        is_over.set()
        assert (response.status, (await response.json())["error"]["code"]) == (408, "body-too-slow")
        assert house.app_services.upgrades.shelf._coming == 0

    @pytest.fixture
    def settings(self, settings: WebSettings) -> WebSettings:
        return replace(settings, body_patience_s=0.3)


async def test_a_device_fetches_goes_on_after_a_cut_and_finds_the_address_spent(house):
    _, url, chief = await ordered(house)
    async with aiohttp.ClientSession() as device:
        async with device.head(url) as response:
            assert (response.status, response.headers["Content-Length"]) == (200, str(len(DATA)))
        async with device.get(url, headers={"Range": "bytes=0-999"}) as response:
            assert (response.status, await response.read()) == (206, DATA[:1000])
            assert response.headers["Content-Range"] == f"bytes 0-999/{len(DATA)}"
        async with device.get(url, headers={"Range": f"bytes={len(DATA)}-"}) as response:
            assert response.status == 416
        async with device.get(url, headers={"Range": "bytes=1000-"}) as response:
            assert (response.status, await response.read()) == (206, DATA[1000:])
        (upgrade,) = (await chief.get("/upgrades"))["items"]
        assert (upgrade["state"], upgrade["sent"]) == ("fetched", len(DATA))
        async with device.get(url) as response:
            assert response.status == 404


async def test_nobody_else_fetches_it_and_nonsense_is_not_found(house):
    peer = await house.camera(edition="3.0", remote_host="10.9.9.9", local_host="127.0.0.1")
    peer.answer = ControlResponse(1, CAMERA)
    chief = await house.person("administrator")
    _, package = await chief.ask("POST", FIRMWARE, data=DATA, headers=BYTES)
    await chief.ask("POST", UPGRADE, {"package": package["id"]})
    async with aiohttp.ClientSession() as stranger:
        for url in (peer.asked[0].upgrade.file_url, f"{house.base}/firmware/长", f"{house.base}/firmware/x"):
            async with stranger.get(url) as response:
                assert response.status == 404
    assert (await chief.get("/upgrades"))["items"][0]["sent"] == 0


async def test_one_upgrade_at_a_time_and_its_package_stays(house):
    _, _, chief = await ordered(house)
    (package,) = (await chief.get("/firmware"))["items"]
    status, said = await chief.ask("POST", UPGRADE, {"package": package["id"]})
    assert (status, said["error"]["code"]) == (409, "already-upgrading")
    status, said = await chief.ask("DELETE", f"/api/v1/firmware/{package['id']}")
    assert (status, said["error"]["code"]) == (409, "package-in-use")


async def test_an_order_that_is_refused_is_an_upgrade_that_failed(house):
    peer = await house.camera(edition="3.0")
    peer.failure = PeerRefused("no", status=200, reason="busy")
    chief = await house.person("administrator")
    _, package = await chief.ask("POST", FIRMWARE, data=DATA, headers=BYTES)
    assert (await chief.ask("POST", UPGRADE, {"package": package["id"]}))[0] == 502
    (upgrade,) = (await chief.get("/upgrades"))["items"]
    assert (upgrade["state"], upgrade["failure"], upgrade["note"]) == ("failed", "refused", "busy")


async def test_the_news_tell_how_far_it_is(house):
    chief = await house.person("administrator")
    async with chief.session.get(f"{house.base}/api/v1/events") as feed:
        heard = bytearray()

        async def until(word: bytes) -> None:
            async with asyncio.timeout(5):
                while word not in heard:
                    heard.extend(await feed.content.readany())

        await until(b"event: hello")
        _, url, _ = await ordered(house)
        async with aiohttp.ClientSession() as device, device.get(url) as response:
            await response.read()
        await until(b'"state":"fetched"')
        assert b"event: upgrade" in heard
