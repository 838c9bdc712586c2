"""The server goes away and comes back; nobody notices more than they must."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.conftest import CAMERA, Estate, opened, until
from tests.journeys.viewer import watch


async def test_after_a_restart_nobody_is_shown_as_failed_and_a_keepalive_brings_them_back(tmp_path: Path):
    async with opened(tmp_path) as estate:
        camera = await estate.camera()
        registrations = camera.speaker.registrations
        await estate.close()
        await estate.open()
        seen = {(await estate.device())["presence"]}
        await until(lambda: _watch_presence(estate, seen))
        assert "offline" not in seen
        assert camera.speaker.registrations == registrations
        live = await estate.live(format="ws-fmp4")
        assert (await watch(estate.http, live, 1.0)).pictures()


async def test_a_camera_that_died_while_we_were_away_is_offline_in_the_end(tmp_path: Path):
    async with opened(tmp_path, below={"restart_grace_s": 1.0}) as estate:
        camera = await estate.camera()
        await estate.close()
        await estate.take_away(camera)
        await estate.open()
        assert (await estate.device())["presence"] == "unconfirmed"

        async def is_offline() -> bool:
            return bool((await estate.device(CAMERA))["presence"] == "offline")

        await until(is_offline, 20)


async def test_what_was_known_is_still_known(tmp_path: Path):
    async with opened(tmp_path, is_furnished=False) as estate:
        assert estate.house.first_password == estate.password
        await estate.camera()
        await estate.close()
        await estate.open()
        hits = (await estate.get("/api/v1/search?q=beimen"))["hits"]
        assert [hit["channel"]["code"] for hit in hits] == [CAMERA]
        assert estate.house.first_password is None


async def _watch_presence(estate: Estate, seen: set[str]) -> bool:
    presence = (await estate.device())["presence"]
    seen.add(presence)
    return bool(presence == "online")
