"""Cameras come to the gate, with the right word and with the wrong one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gb28181.edition import Edition
from sipserver.below.settings import Admission
from tests.journeys.conftest import CAMERA, PASSWORD, Estate, opened, until


async def test_a_camera_with_the_right_password_is_online_and_known_by_name(estate: Estate):
    camera = await estate.camera()
    device = await estate.device()
    assert device["presence"] == "online"
    assert device["edition"] == "3.0"
    assert device["manufacturer"] == "Lianwang"
    assert abs(camera.speaker.clock_offset_s or 99) < 2


async def test_a_wrong_password_is_refused_and_the_operator_reads_why(estate: Estate):
    await estate.camera(online=False, speaker={"password": "wrong"})

    async def refusal() -> Any:
        listed = await estate.get("/api/v1/refusals")
        return next((item for item in listed["items"] if item["code"] == CAMERA), None)

    told = await until(refusal)
    assert told["reason"] == "wrong-password"
    assert "common" in told["detail"]
    assert PASSWORD not in json.dumps(told)
    device = await estate.device()
    assert device is None or device["presence"] != "online"


async def test_a_stranger_is_refused_where_admission_is_closed_and_let_in_once_added(tmp_path: Path):
    async with opened(tmp_path, below={"admission": Admission.CLOSED}) as estate:
        await estate.camera(online=False)

        async def refused() -> Any:
            listed = await estate.get("/api/v1/refusals")
            return [item["reason"] for item in listed["items"] if item["code"] == CAMERA]

        assert await until(refused) == ["unknown-device"]
        await estate.post("/api/v1/devices", {"code": CAMERA})
        await until(lambda: estate.is_ready(CAMERA, 1))


async def test_a_camera_that_says_goodbye_is_offline_with_that_reason(estate: Estate):
    camera = await estate.camera()
    await estate.take_away(camera, deregister=True)

    async def gone() -> Any:
        device = await estate.device()
        return device if device["presence"] == "offline" else None

    assert "deregistered" in (await until(gone))["presence_reason"]


async def test_a_camera_whose_cable_is_cut_is_offline_after_its_missed_keepalives(estate: Estate):
    camera = await estate.camera()
    await estate.take_away(camera)

    async def gone() -> Any:
        device = await estate.device()
        return device if device["presence"] == "offline" else None

    assert "keepalive" in (await until(gone, 20))["presence_reason"]


async def test_a_camera_on_tcp_is_offline_the_moment_its_connection_breaks(estate: Estate):
    camera = await estate.camera(speaker={"transport": "tcp"})
    await estate.take_away(camera)

    async def gone() -> bool:
        return bool((await estate.device())["presence"] == "offline")

    await until(gone, 1.5)


async def test_a_camera_of_2016_is_met_in_2016(estate: Estate):
    await estate.camera(speaker={"edition": Edition.V2016})
    assert (await estate.device())["edition"] in ("", "2.0")
    ladder = await estate.get(f"/api/v1/ladders/peers/{CAMERA}")
    queries = [message["text"] for message in ladder["messages"] if "<CmdType>Catalog" in message["text"]]
    assert queries
    assert all("GB2312" in text for text in queries)
