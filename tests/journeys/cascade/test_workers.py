"""The media worker of one tier dies in the middle of a call through all three: the picture comes back at the top."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.journeys.cascade.tiers import chain, until
from tests.journeys.recovery import Player


@pytest.mark.parametrize("victim", [0, 1, 2], ids=["province", "city", "county"])
async def test_a_picture_through_two_hops_comes_back_whichever_worker_died(tmp_path: Path, victim: int):
    async with chain(tmp_path) as (*tiers, ground):
        province, _, county = tiers
        camera = await ground.camera(county)
        code = camera.settings.speaker.code
        await until(lambda: province.sees(code), 30)
        owner = (await province.channel(code))["owner"]
        player = Player(province.http, code, owner, "ws-fmp4")
        playing = asyncio.create_task(player.run())
        await until(lambda: player.heard_at, 30)
        (worker,) = (await tiers[victim].get("/api/v1/workers"))["items"]
        began = time.monotonic()
        os.kill(worker["pid"], signal.SIGKILL)
        # No picture for a moment, then one again: whether by the old place or by a new one is the tiers' own affair.
        await until(lambda: player.heard_at > began + 0.5 and player.longest_gap_s > 0.3, 40)
        print(f"{tiers[victim].name}: the picture was away for {player.longest_gap_s:.2f} s")
        await until(lambda: player.heard_at > time.monotonic() - 0.5, 20)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        assert (await tiers[victim].get("/api/v1/workers"))["items"][0]["restarts"] == 1
        # And nothing is left behind of the first calls.
        await until(lambda: not camera.calls, 30)
