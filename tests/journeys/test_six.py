"""IPv6: a camera registers and its pictures come, by every transport; and a house for both serves IPv4 as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.conftest import CAMERA, opened
from tests.journeys.viewer import is_a_picture, watch


@pytest.mark.parametrize("way", ["udp", "tcp-passive", "tcp-active"])
async def test_a_camera_on_ipv6_is_seen_by_every_transport(tmp_path: Path, way: str):
    async with opened(tmp_path, sip={"host": "::1"}) as estate:
        speaker = {"server_host": "::1", "local_host": "::1"}
        await estate.camera(speaker=speaker)
        async with estate.http.patch(f"/api/v1/devices/{CAMERA}", json={"media_transport": way}) as response:
            assert response.status == 200
        device = await estate.device()
        assert device["remote_host"] == "::1"
        live = await estate.live(format="ws-fmp4")
        assert is_a_picture((await watch(estate.http, live, 1.0)).pictures()[0])
        said = (await estate.get(f"/api/v1/ladders/calls/{live['call_id']}"))["messages"]
        invite = next(each["text"] for each in said if each["method"] == "INVITE")
        assert "c=IN IP6 ::1" in invite and "@[::1]:" in invite


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_house_that_listens_by_both_serves_both(tmp_path: Path, host: str):
    async with opened(tmp_path, sip={"host": "::"}) as estate:
        await estate.camera(speaker={"server_host": host, "local_host": host})
        live = await estate.live(format="ws-fmp4")
        assert is_a_picture((await watch(estate.http, live, 1.0)).pictures()[0])
