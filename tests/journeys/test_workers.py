"""A media worker dies or stands still: signalling and console go on, streams are called again, viewers come back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.journeys.cascade.tiers import COUNTY, HOUSE, Tier, free_port, running, until
from tests.journeys.recovery import Player, blow, crowd
from tests.journeys.viewer import watch

LOOSE_S = 15.0
"""What we promise is three seconds; this is for machines on which many tests run at once. The bench says the number."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_streams_and_viewers_come_back_and_keepalives_are_answered_meanwhile(tmp_path: Path, how: signal.Signals):
    async with crowd(tmp_path, streams=12, viewers=36) as crowded:
        recovery = await blow(crowded, how)
        print(f"{how.name}: {recovery}")
        assert recovery.streams_s < LOOSE_S and recovery.viewers_s < LOOSE_S
        assert recovery.keepalives > 0 and recovery.slowest_keepalive_s < LOOSE_S / 2
        (worker,) = await crowded.workers()
        assert (worker["restarts"], worker["state"]) == (1, "up")


async def test_two_workers_share_the_streams_and_one_that_dies_leaves_the_other_s_viewers_alone(tmp_path: Path):
    # Patience for busy machines: this is not about how quickly a stall is seen.
    async with crowd(tmp_path, streams=12, viewers=12, workers=2, worker_stall_s=8.0) as crowded:
        shares = [worker["streams"] for worker in await crowded.workers()]
        assert sum(shares) == 12 and min(shares) >= 1, shares
        victim, other = await crowded.workers()
        os.kill(victim["pid"], signal.SIGKILL)
        await until(lambda: sum(player.came_back for player in crowded.players) == victim["streams"])

        async def all_flow() -> bool:
            return sum(worker["streams"] for worker in await crowded.workers()) == 12

        await until(all_flow)
        await until(lambda: all(player.heard_at > player.left_at for player in crowded.players))
        assert sum(player.came_back for player in crowded.players) == victim["streams"]
        (unharmed,) = [worker for worker in await crowded.workers() if worker["name"] == other["name"]]
        assert (unharmed["pid"], unharmed["restarts"]) == (other["pid"], 0)


async def test_a_media_host_takes_the_streams_of_its_zone_and_others_take_them_when_it_vanishes(tmp_path: Path):
    gate, doors = free_port(), free_port()
    tier = Tier(*COUNTY, tmp_path / "server", more={"media_hosts": {"host": "127.0.0.1", "port": gate}})
    async with running(tier) as ground:
        key = tmp_path / "server" / "media.key"
        assert key.stat().st_mode & 0o777 == 0o600
        camera = await ground.camera(tier)
        code = camera.settings.channels[0].code
        await tier.patch(f"/api/v1/devices/{code}", {"media_zone": "north"})
        host = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "media", "--server", f"127.0.0.1:{gate}", "--key-file", key),
            *("--name", "north1", "--zone", "north", "--host", "127.0.0.1", "--http-port", str(doors)),
            *("--ports", "43400-43499"),
            cwd=HOUSE,
        )
        try:
            await until(lambda: _knows(tier, "north1"), 60)
            live = await tier.live(code, format="ws-fmp4")
            assert live["url"].startswith(f"http://127.0.0.1:{doors}/media/")
            assert (await watch(tier.http, live, 1.0)).pictures()
            async with tier.http.get("/") as page:
                policy = page.headers["Content-Security-Policy"]
            assert f"http://127.0.0.1:{doors} ws://127.0.0.1:{doors}" in policy
            player = Player(tier.http, code, code, "ws-fmp4")
            playing = asyncio.create_task(player.run())
            await until(lambda: player.heard_at)
            host.kill()
            await until(lambda: _flows_elsewhere(tier), 30)
            await until(lambda: player.came_back and player.heard_at > player.left_at)
            playing.cancel()
        finally:
            if host.returncode is None:
                host.kill()
            await host.wait()
        again = await tier.live(code, format="ws-fmp4")
        assert again["url"].startswith("/media/")
        assert (await watch(tier.http, again, 1.0)).pictures()
        async with tier.http.get("/") as page:
            assert str(doors) not in page.headers["Content-Security-Policy"]


async def _knows(tier: Tier, name: str) -> bool:
    return name in [worker["name"] for worker in (await tier.get("/api/v1/workers"))["items"]]


async def _flows_elsewhere(tier: Tier) -> bool:
    shares = {worker["name"]: worker["streams"] for worker in (await tier.get("/api/v1/workers"))["items"]}
    return "north1" not in shares and shares.get("media1") == 1
