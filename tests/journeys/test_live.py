"""Live pictures: camera -> SIP -> RTP/PS -> relay -> viewer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from media.frame import Codec
from simulator.video import VideoSettings
from tests.journeys.conftest import CAMERA, Estate, opened, until
from tests.journeys.viewer import differ, is_a_picture, watch

FORMATS = ("ws-fmp4", "http-flv", "ws-flv")


async def transport(estate: Estate, name: str) -> None:
    async with estate.http.patch(f"/api/v1/devices/{CAMERA}", json={"media_transport": name}) as response:
        assert response.status == 200, await response.text()


@pytest.mark.parametrize("way", ["udp", "tcp-passive", "tcp-active"])
async def test_a_picture_comes_by_every_transport_and_moves(estate: Estate, way: str):
    await estate.camera()
    await transport(estate, way)
    live = await estate.live(format="ws-fmp4")
    assert live["video"]["codec"] == "H.264"
    seen = await watch(estate.http, live, 2.0)
    pictures = seen.pictures()
    assert len(pictures) > 20
    assert all(is_a_picture(picture) for picture in pictures)
    assert differ(pictures[0], pictures[-1])
    assert len(seen.sounds()) > 5
    streams = (await estate.get("/api/v1/streams"))["items"]
    assert [stream["transport"] for stream in streams] == [way]


@pytest.mark.parametrize("form", FORMATS)
async def test_every_format_starts_at_a_key_frame(estate: Estate, form: str):
    await estate.camera()
    first = await estate.live(format=form)
    await watch(estate.http, first, 1.0)
    late = await estate.live(format=form)
    pictures = (await watch(estate.http, late, 1.0)).pictures()
    assert pictures[0].key_frame


async def test_two_viewers_share_one_call_and_it_ends_after_the_last(estate: Estate):
    camera = await estate.camera()
    one, two = await asyncio.gather(estate.live(format="ws-fmp4"), estate.live(format="http-flv"))
    assert one["lease"] != two["lease"]
    await asyncio.gather(watch(estate.http, one, 1.0), watch(estate.http, two, 1.0))
    assert camera.calls_taken == 1
    await until(lambda: not camera.calls)
    assert (await estate.get("/api/v1/streams"))["items"] == []


async def test_h265_travels_in_fmp4(estate: Estate):
    await estate.camera(video=VideoSettings(codec=Codec.H265, width=320, height=180, fps=10, gop_s=1.0))
    live = await estate.live(format="ws-fmp4")
    assert live["video"]["codec"] == "H.265"
    assert live["video"]["mime"].startswith("hvc1.")
    pictures = (await watch(estate.http, live, 2.0)).pictures()
    assert is_a_picture(pictures[0])


async def test_a_camera_that_vanishes_mid_stream_ends_the_stream_and_says_so(tmp_path: Path):
    async with opened(tmp_path, media={"lost_udp_s": 1.0, "lost_tcp_s": 1.0}) as estate:
        camera = await estate.camera()
        live = await estate.live(format="ws-fmp4")
        watching = asyncio.create_task(watch(estate.http, live, 30.0))
        await asyncio.sleep(1.0)
        await estate.take_away(camera)

        async def failed() -> Any:
            listed = (await estate.get("/api/v1/streams"))["items"]
            return not listed or any(stream["failure"] for stream in listed)

        await until(failed, 15)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_a_camera_that_comes_back_mid_stream_goes_on_for_the_same_viewer(tmp_path: Path):
    async with opened(tmp_path, media={"lost_udp_s": 1.0, "lost_tcp_s": 1.0}) as estate:
        camera = await estate.camera()
        live = await estate.live(format="ws-fmp4")
        watching = asyncio.create_task(watch(estate.http, live, 14.0))
        await asyncio.sleep(1.0)
        await estate.take_away(camera)
        await asyncio.sleep(1.5)
        again = await estate.camera()
        seen = await watching
        assert again.calls_taken >= 1
        assert len(seen.told) >= 2


async def test_a_stream_that_never_comes_ends_with_what_was_seen_on_the_port(estate: Estate):
    await estate.camera(silent_media=True)
    await transport(estate, "udp")
    body = {"owner": CAMERA, "channel": CAMERA, "format": "ws-fmp4"}
    async with estate.http.post("/api/v1/live", json=body) as response:
        assert response.status in (502, 504)
        error = (await response.json())["error"]
    assert error["details"]["seen"]["verdict"] in ("nothing", "connected-silent")
    assert error["details"]["hops"][-1]["who"]
    assert error["details"]["call_id"]
    assert (await estate.get("/api/v1/streams"))["items"] == []


async def test_a_foreign_ssrc_plays_and_is_counted(estate: Estate):
    await estate.camera(foreign_ssrc=True)
    live = await estate.live(format="ws-fmp4")
    assert (await watch(estate.http, live, 1.0)).pictures()
    lease = await estate.live(format="ws-fmp4")
    (stream,) = (await estate.get("/api/v1/streams"))["items"]
    assert stream["statistics"]["ssrc_mismatches"] > 0
    await estate.delete(f"/api/v1/live/{lease['lease']}")


async def test_an_offline_camera_is_told_at_once_with_its_hop(estate: Estate):
    camera = await estate.camera()
    await estate.take_away(camera, deregister=True)
    await until(lambda: _is(estate, "offline"))
    body = {"owner": CAMERA, "channel": CAMERA, "format": "ws-fmp4"}
    async with estate.http.post("/api/v1/live", json=body) as response:
        error = (await response.json())["error"]
    assert error["details"]["status"] == 480
    assert error["details"]["hops"][-1]["who"] == CAMERA


async def test_a_media_address_is_good_for_one_viewer_and_not_without_its_signature(estate: Estate):
    await estate.camera()
    live = await estate.live(format="http-flv")
    naked = live["url"].partition("?")[0]
    async with estate.http.get(naked) as response:
        assert response.status in (401, 403)
    async with estate.http.get(live["url"][:-1] + ("0" if live["url"][-1] != "0" else "1")) as response:
        assert response.status in (401, 403)
    assert (await watch(estate.http, live, 0.5)).data


async def _is(estate: Estate, presence: str) -> bool:
    return bool((await estate.device())["presence"] == presence)
