"""A platform in a process of its own, many streams and viewers, and what each of them notices when a worker goes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from gb28181.manscdp.keepalive import Keepalive
from simulator.camera import Camera, CameraSettings, ChannelSettings
from simulator.video import VideoSettings
from tests.journeys.cascade.tiers import COUNTY, Ground, Tier, running, speaker_of, until

VIDEO = VideoSettings(width=64, height=48, fps=5, gop_s=1.0, kbps=50)
A_CAMERA = 10
"""Channels of one device."""
RETRY_S = 1.0
"""How long a player of the console waits before it asks again, the first time."""


@dataclass
class Player:
    """Watches one channel for ever, as the console does: when its picture goes, it waits a second and asks again."""

    http: aiohttp.ClientSession
    channel: str
    owner: str
    form: str
    heard_at: float = 0.0
    left_at: float = 0.0
    longest_gap_s: float = 0.0
    came_back: int = 0

    async def run(self) -> None:
        while True:
            try:
                await self._watch()
            except (aiohttp.ClientError, AssertionError, TimeoutError):
                pass
            self.came_back += 1
            self.left_at = time.monotonic()
            await asyncio.sleep(RETRY_S)

    async def _watch(self) -> None:
        wish = {"owner": self.owner, "channel": self.channel, "format": self.form}
        async with self.http.post("/api/v1/live", json=wish) as response:
            response.raise_for_status()
            live = await response.json()
        if self.form == "http-flv":
            async with self.http.get(live["url"]) as response:
                response.raise_for_status()
                while await response.content.readany():
                    self._hear()
        else:
            async with self.http.ws_connect(live["url"]) as wire:
                async for _ in wire:
                    self._hear()

    def _hear(self) -> None:
        now = time.monotonic()
        if self.heard_at:
            self.longest_gap_s = max(self.longest_gap_s, now - self.heard_at)
        self.heard_at = now


@dataclass
class Crowd:
    """Everybody who looks, and a camera that keeps alive all the time."""

    tier: Tier
    cameras: list[Camera]
    players: list[Player]
    keepalives: list[float] = field(default_factory=list)
    """How long each took to be answered."""

    async def keep_alive(self) -> None:
        speaker = self.cameras[0].speaker
        while True:
            began = time.monotonic()
            answer = await speaker.tell(Keepalive(sn=speaker.next_sn(), device=speaker.settings.code))
            assert answer.status == 200
            self.keepalives.append(time.monotonic() - began)
            await asyncio.sleep(0.1)

    async def workers(self) -> list[dict[str, Any]]:
        return list((await self.tier.get("/api/v1/workers"))["items"])

    async def until_all_heard(self, since: float, patience_s: float) -> float:
        """Until every player got something after `since`; how long that took."""
        await until(lambda: all(player.heard_at > since for player in self.players), patience_s)
        return time.monotonic() - since


@dataclass(frozen=True)
class Recovery:
    """What was noticed, in seconds from the moment of the blow."""

    streams_s: float
    """Until every stream flowed again."""
    viewers_s: float
    """Until every viewer had a picture again."""
    worst_gap_s: float
    slowest_keepalive_s: float
    keepalives: int

    def __str__(self) -> str:
        return (
            f"streams flow again after {self.streams_s:.2f} s, all viewers see after {self.viewers_s:.2f} s"
            f" (longest gap {self.worst_gap_s:.2f} s); {self.keepalives} keepalives meanwhile, the slowest"
            f" {self.slowest_keepalive_s * 1000:.0f} ms"
        )


@asynccontextmanager
async def crowd(folder: Path, streams: int, viewers: int, **media: Any) -> AsyncIterator[Crowd]:
    """`viewers` players on `streams` channels, all with pictures."""
    more = {
        "media": {"worker_spare": True} | media,
        "web": {"most_leases_per_session": 4 * viewers + 64},
        "broker": {"linger_s": 10.0},
    }
    tier = Tier(*COUNTY, folder, more=more)
    async with running(tier) as ground:
        cameras = [await _device(ground, tier, number, min(A_CAMERA, streams - number)) for number in _tens(streams)]
        owners = [(each.code, camera.settings.speaker.code) for camera in cameras for each in camera.settings.channels]
        forms = ("http-flv", "ws-flv")
        # Every viewer has a connection of its own, and one to ask by.
        http = aiohttp.ClientSession(
            tier.url,
            headers={"Origin": tier.url},
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=tier.http.cookie_jar,
            timeout=aiohttp.ClientTimeout(total=None, connect=10),
        )
        players = [Player(http, *owners[number % streams], forms[number % 2]) for number in range(viewers)]
        found = Crowd(tier, cameras, players)
        tasks = [asyncio.create_task(player.run()) for player in players]
        tasks.append(asyncio.create_task(found.keep_alive()))
        try:
            await found.until_all_heard(0.0, 90)
            yield found
            assert not tasks[-1].done(), tasks[-1].exception()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await http.close()


async def blow(crowd: Crowd, how: signal.Signals, patience_s: float = 60.0) -> Recovery:
    """Hit the only worker, and wait until every stream flows by a new call and everybody sees again."""
    (worker,) = await crowd.workers()
    kept = len(crowd.keepalives)
    calls = {each["id"]: each["call_id"] for each in await crowd.tier.streams()}
    for player in crowd.players:
        player.longest_gap_s, player.came_back = 0.0, 0
    began = time.monotonic()
    os.kill(worker["pid"], how)

    async def flow() -> bool:
        flowing = [each for each in await crowd.tier.streams() if each["state"] in ("live", "lingering")]
        return len(flowing) >= len(calls) and all(each["call_id"] != calls.get(each["id"]) for each in flowing)

    async def until_flowing() -> float:
        await until(flow, patience_s)
        return time.monotonic() - began

    async def until_seen() -> float:
        await until(
            lambda: all(player.came_back and player.heard_at > player.left_at for player in crowd.players), patience_s
        )
        return time.monotonic() - began

    streams_s, viewers_s = await asyncio.gather(until_flowing(), until_seen())
    meanwhile = crowd.keepalives[kept:]
    gap = max(player.longest_gap_s for player in crowd.players)
    return Recovery(streams_s, viewers_s, gap, max(meanwhile), len(meanwhile))


def _tens(streams: int) -> range:
    return range(0, streams, A_CAMERA)


async def _device(ground: Ground, tier: Tier, first: int, count: int) -> Camera:
    code = f"{tier.code[:8]}001180{first:06d}"
    channels = tuple(
        ChannelSettings(f"{tier.code[:8]}001320{first + number:06d}", f"{first + number} 号") for number in range(count)
    )
    speaker = speaker_of(tier, code)
    settings = CameraSettings(speaker, "录像机", channels, tier.code[:6], VIDEO, sound=False, most_calls=A_CAMERA * 2)
    camera = ground.start(Camera(settings))
    await until(lambda: tier.sees(channels[-1].code))
    return camera
