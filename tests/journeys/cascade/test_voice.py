"""A voice from the province to a camera of the county, through the city: told hop by hop, and the sound comes down."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from simulator.hearing import HearingSettings
from simulator.tone import Tone
from tests.journeys.cascade.tiers import chain, until

CAMERA = "44010600001320000001"
OUTPUT = "44010600001370000001"
PITCH_HZ = 500


async def test_a_county_s_camera_hears_the_province_and_who_comes_second_is_told(tmp_path: Path):
    async with chain(tmp_path) as (province, _, county, ground):
        camera = await ground.camera(county, hearing=HearingSettings(outputs=(OUTPUT,)))
        await until(lambda: county.channel(OUTPUT), 30)
        await until(lambda: province.sees(CAMERA), 30)
        owner = (await province.channel(CAMERA))["owner"]
        wish = {"targets": [{"owner": owner, "channel": CAMERA}]}
        talk = await province.post("/api/v1/voice/talks", wish)

        def hears() -> bool:
            heard = camera.hearing.heard.get(OUTPUT)
            return heard is not None and heard.energy(0.3) > 0.05 and heard.loudness(PITCH_HZ, 0.3) > 0.8

        async with province.http.ws_connect(f"/api/v1/voice/talks/{talk['id']}/line") as wire:
            tone, began = Tone(PITCH_HZ), time.monotonic()
            async with asyncio.timeout(40):
                while not hears():
                    sound = tone.until(int((time.monotonic() - began) * 90_000))
                    if sound is not None:
                        await wire.send_bytes(sound.data)
                    await asyncio.sleep(0.02)
            (here,) = (await county.get("/api/v1/voice/talks"))["items"]
            assert here["by"] == "广州市", "the county knows its neighbour, not who speaks there"
            local = {"targets": [{"owner": CAMERA, "channel": CAMERA}]}
            status, refused = await county.ask("POST", "/api/v1/voice/talks", local)
            assert (status, refused["error"]["details"]["holder"]) == (409, "广州市")
            await wire.send_json({"end": True})
            await until(lambda: camera.hearing.ends == ["BYE"])
        for tier in (province, county):
            await until(lambda tier=tier: _is_silent(tier))


async def _is_silent(tier: object) -> bool:
    return (await tier.get("/api/v1/voice/talks"))["items"] == []  # type: ignore[attr-defined]
