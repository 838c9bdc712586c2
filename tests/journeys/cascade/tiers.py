"""Platforms as real server processes on loopback, joined into tiers, and an operator at each by its API."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from gb28181.edition import Edition
from simulator.camera import Camera, CameraSettings, ChannelSettings
from simulator.faults import Faults
from simulator.holdings import Holdings
from simulator.platform_above import Upper, UpperSettings
from simulator.platform_below import Lower, LowerSettings
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings
from tests.estate import NO_SPARE
from tests.forked import Forked
from tests.furnished import furnish

HOUSE = Path(__file__).resolve().parents[3]
PASSWORD = "a-secret-of-this-test"

PROVINCE = ("广东省", "44000000002000000001")
CITY = ("广州市", "44010000002000000001")
OTHER_CITY = ("深圳市", "44030000002000000001")
COUNTY = ("天河区", "44010600002000000001")
JUDGE = "11000000002000000001"
"""The simulated platform above all of ours, which says what it really sees."""
VIDEO = VideoSettings(width=320, height=180, fps=20, gop_s=1.0, kbps=400)


async def until(condition: Callable[[], Any] | Callable[[], Awaitable[Any]], patience_s: float = 20.0) -> Any:
    """Wait for a condition to hold; its value comes back."""
    async with asyncio.timeout(patience_s):
        while True:
            value = condition()
            if isinstance(value, Awaitable):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.1)


@dataclass
class Tier:
    """One platform: a process of its own that can be killed and started again on the same ports and data."""

    name: str
    code: str
    folder: Path
    edition: str = "3.0"
    more: dict[str, dict[str, Any]] = field(default_factory=dict)
    leads_group: bool = False
    """Whether its processes are a group of their own, so that `kill` takes all of them at once."""
    begins_anew: bool = False
    """Whether it shares nothing with another process, so that its memory can be measured."""
    process: subprocess.Popen[bytes] | Forked | None = None
    sip_port: int = 0
    web_port: int = 0
    password: str = ""
    _http: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def http(self) -> aiohttp.ClientSession:
        assert self._http is not None
        return self._http

    async def start(self) -> None:
        """Start it and log in. RuntimeError with its log when it does not come up."""
        self.password = self.password or await furnish(self.folder)
        self.sip_port, self.web_port = self.sip_port or free_port(), self.web_port or free_port()
        await asyncio.to_thread(self._launch)
        await until(self._is_up, 90)  # three at once on two busy cores
        if self._http is None:
            self._http = aiohttp.ClientSession(
                self.url, headers={"Origin": self.url}, cookie_jar=aiohttp.CookieJar(unsafe=True)
            )
        await self.post("/api/v1/session", {"name": "admin", "password": self.password})

    def _launch(self) -> None:
        config = self.folder / "server.toml"
        config.write_text(_toml(self._settings()), encoding="utf-8")
        words = ["--log", "info", "serve", "--config", str(config), "--data", str(self.folder)]
        out, log = self.folder / "out", self.folder / "log"
        out.write_bytes(b"")  # what it said before it was killed is not what it says now
        if not (self.leads_group or self.begins_anew):
            self.process = Forked(words, cwd=HOUSE, out=out, log=log)
            return
        with log.open("ab") as log_file, out.open("wb") as out_file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", *words],
                cwd=HOUSE,
                stdout=out_file,
                stderr=log_file,
                process_group=0 if self.leads_group else None,
            )

    def kill(self) -> None:
        """As when the power fails."""
        if self.process is not None and self.leads_group:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        elif self.process is not None:
            self.process.kill()
            self.process.wait()

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                await asyncio.to_thread(self.process.wait, 10)
            except subprocess.TimeoutExpired:
                self.process.kill()

    # Its operator.

    async def get(self, path: str, status: int = 200) -> Any:
        async with self.http.get(path) as response:
            text = await response.text()
            assert response.status == status, f"{self.name} {path}: {response.status} {text}"
            return json.loads(text) if text else None

    async def ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        async with self.http.request(method, path, json=body) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def post(self, path: str, body: Any) -> Any:
        status, answer = await self.ask("POST", path, body)
        assert status < 300, f"{self.name} {path}: {status} {answer}"
        return answer

    async def patch(self, path: str, body: Any) -> Any:
        status, answer = await self.ask("PATCH", path, body)
        assert status < 300, f"{self.name} {path}: {status} {answer}"
        return answer

    async def register_with(self, upper: Tier, **changes: Any) -> None:
        """Add a platform above and wait until it has taken us."""
        await self.add_upper(upper.name, upper.code, upper.sip_port, **changes)
        await until(lambda: self.is_up(upper.code), 30)

    async def add_upper(self, name: str, code: str, port: int, **changes: Any) -> None:
        wish = {
            "address": f"127.0.0.1:{port}",
            "code": code,
            "name": name,
            "password": PASSWORD,
            "transport": "tcp",
            "keepalive_interval_s": 5,
        }
        await self.post("/api/v1/platforms", wish | changes)

    async def is_up(self, upper: str) -> bool:
        return bool((await self.get(f"/api/v1/platforms/{upper}"))["state"]["state"] == "registered")

    async def device(self, code: str) -> Any:
        listed = await self.get(f"/api/v1/devices?q={code}")
        return next((item for item in listed["items"] if item["code"] == code), None)

    async def is_online(self, code: str) -> bool:
        device = await self.device(code)
        return device is not None and device["presence"] == "online"

    async def channel(self, code: str) -> Any:
        """The channel of that code as the search shows it, None while it is not known."""
        hits = (await self.get(f"/api/v1/search?q={code}"))["hits"]
        return next((hit["channel"] for hit in hits if hit["channel"]["code"] == code), None)

    async def sees(self, code: str, *, online: bool = True) -> bool:
        channel = await self.channel(code)
        return channel is not None and channel["online"] is online

    async def live(self, channel: str, **more: Any) -> Any:
        found = await self.channel(channel)
        assert found is not None, f"{self.name} does not know {channel}"
        return await self.post("/api/v1/live", {"owner": found["owner"], "channel": channel, **more})

    async def failing_live(self, channel: str, owner: str) -> tuple[int, dict[str, Any]]:
        status, answer = await self.ask("POST", "/api/v1/live", {"owner": owner, "channel": channel})
        assert status >= 400, answer
        return status, answer["error"]

    async def streams(self) -> list[dict[str, Any]]:
        return list((await self.get("/api/v1/streams"))["items"])

    async def names(self) -> dict[str, str]:
        """Every node of the tree: its name by its code."""
        found: dict[str, str] = {}
        waiting: list[str | None] = [None]
        while waiting:
            node = waiting.pop()
            after = ""
            while True:
                branch = await self.get(f"/api/v1/tree?limit=500{f'&node={node}' if node else ''}{after}")
                for child in branch["children"]:
                    found[child["code"]] = child["name"]
                    if child["has_children"]:
                        waiting.append(child["id"])
                if branch["next"] is None:
                    break
                after = f"&after={branch['next']}"
        return found

    def _settings(self) -> dict[str, dict[str, Any]]:
        sections: dict[str, dict[str, Any]] = {
            "platform": {"name": self.name, "code": self.code, "edition": self.edition},
            "sip": {"host": "127.0.0.1", "port": self.sip_port},
            "below": {
                "common_password": PASSWORD,
                "admission": "open",
                "keepalive_interval_s": 5.0,
                "keepalive_count": 2,
                "keepalive_grace_s": 2.0,
                "part_patience_s": 2.0,
                "catalog_retry_s": 0.5,
                "restart_grace_s": 5.0,
            },
            "above": {
                "retry_s": 1.0,
                "retry_longest_s": 2.0,
                "reconnect_s": 0.3,
                "answer_s": 3.0,
                "batch_s": 0.3,
                "page_pause_s": 0.3,
            },
            "media": {"host": "127.0.0.1", "first_port": 0, "never_came_s": 4.0, "lost_udp_s": 3.0, "lost_tcp_s": 3.0}
            | NO_SPARE,
            "broker": {"linger_s": 0.5, "retry_other_transport": False},
            "web": {"host": "127.0.0.1", "port": self.web_port},
        }
        return {name: sections.get(name, {}) | self.more.get(name, {}) for name in (*sections, *self.more)}

    async def _is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} did not start: {(self.folder / 'log').read_text()[-2000:]}")
        said = (self.folder / "out").read_text(encoding="utf-8")
        return self.url in said and said.endswith("\n\n")


class Ground:
    """What stands outside the walls: simulated cameras, platforms below, and the judge above."""

    def __init__(self) -> None:
        self._running: list[tuple[Camera | Lower, asyncio.Task[None]]] = []
        self._uppers: list[Upper] = []

    async def camera(self, tier: Tier, number: int = 1, name: str = "北门", **changes: Any) -> Camera:
        """A camera of a tier, let in and known before this comes back."""
        code = f"{tier.code[:8]}001320{number:06d}"
        speaker = speaker_of(tier, code, **changes.pop("speaker", {}))
        settings = CameraSettings(
            speaker=speaker,
            name=name,
            channels=(ChannelSettings(code, name),),
            civil_code=tier.code[:6],
            video=VIDEO,
            **changes,
        )
        camera = self.start(Camera(settings))
        await until(lambda: tier.sees(code))
        return camera

    async def lower(self, tier: Tier, holdings: Holdings, faults: Faults = Faults(), **changes: Any) -> Lower:
        """A simulated platform below a tier, let in before this comes back."""
        speaker = speaker_of(tier, holdings.own, **changes.pop("speaker", {}))
        lower = self.start(Lower(LowerSettings(speaker, video=VIDEO, faults=faults, **changes), holdings))
        await until(lambda: tier.is_online(holdings.own))
        return lower

    async def judge(self, tier: Tier, edition: Edition = Edition.V2022, **changes: Any) -> Upper:
        """A simulated platform above a tier, with which the tier has registered before this comes back."""
        upper = Upper(UpperSettings(JUDGE, PASSWORD, edition=edition, ask_s=5.0))
        await upper.__aenter__()
        self._uppers.append(upper)
        await tier.add_upper("judge", JUDGE, upper.port, edition=edition.value, **changes)
        await upper.registered(tier.code, 20)
        return upper

    async def take_away(self, thing: Camera | Lower, *, deregister: bool = False) -> None:
        for entry in self._running:
            if entry[0] is thing:
                self._running.remove(entry)
                entry[1].cancel()
                await asyncio.gather(entry[1], return_exceptions=True)
                await thing.close(deregister=deregister)
                return

    async def close(self) -> None:
        for thing, _ in list(self._running):
            await self.take_away(thing)
        for upper in self._uppers:
            await upper.__aexit__()

    def start(self, thing: Any) -> Any:  # Any: whichever came, comes back
        self._running.append((thing, asyncio.create_task(thing.run())))
        return thing


def speaker_of(tier: Tier, code: str, **changes: Any) -> SpeakerSettings:
    words: dict[str, Any] = {
        "code": code,
        "password": PASSWORD,
        "server_host": "127.0.0.1",
        "server_port": tier.sip_port,
        "server_code": tier.code,
        "transport": "tcp",
        "keepalive_s": 2.0,
        "retry_s": 0.3,
    }
    return SpeakerSettings(**(words | changes))


@asynccontextmanager
async def running(*tiers: Tier) -> AsyncIterator[Ground]:
    """These platforms, started together, and the ground around them; all of it is gone afterwards."""
    ground = Ground()
    try:
        async with asyncio.TaskGroup() as group:
            for tier in tiers:
                group.create_task(tier.start())
        yield ground
    finally:
        await ground.close()
        await asyncio.gather(*(tier.stop() for tier in tiers), return_exceptions=True)


@asynccontextmanager
async def chain(
    folder: Path, *, transport: str = "tcp", **changes: Any
) -> AsyncIterator[tuple[Tier, Tier, Tier, Ground]]:
    """A province, a city and a county, each registered with the one above."""
    province, city, county = (
        Tier(*who, folder / name, **changes)
        for who, name in ((PROVINCE, "province"), (CITY, "city"), (COUNTY, "county"))
    )
    async with running(province, city, county) as ground:
        await asyncio.gather(
            city.register_with(province, transport=transport), county.register_with(city, transport=transport)
        )
        yield province, city, county, ground


_lent: set[int] = set()


def free_port() -> int:
    """A port that is free for UDP and for TCP, lent once.

    Below the range from which the system takes ports of its own choice: one of those may be gone again, to any
    connection of a test beside this one, before the server has started.
    """
    while True:
        port = random.randrange(10_000, 29_000)
        if port in _lent:
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        _lent.add(port)
        return port


def _toml(sections: dict[str, dict[str, Any]]) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
        for name, values in sections.items()
    )
