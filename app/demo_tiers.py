"""`make demo`: a province, two cities and a county of each, every one a server process of its own.

The counties have the cameras; the operator at the province watches them through both hops.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from app.garden import Garden, end
from app.ports import free_port
from app.simulating import TOWNS, Post
from registry.divisions import Divisions

_START_S = 60.0
_JOIN_S = 30.0
_GOODBYE_S = 10.0
_NEWS_S = 0.3
MEDIA_PORTS = 200


@dataclass(frozen=True, slots=True)
class Seat:
    """A platform of the demonstration: its division, the division above, and whose cameras stand with it."""

    division: str
    above: str | None
    town: str | None

    @property
    def code(self) -> str:
        return f"{self.division:0<8}002000000001"


SEATS = (
    Seat("44", None, None),
    Seat("4401", "44", "guangzhou"),
    Seat("4403", "44", "shenzhen"),
    Seat("440106", "4401", "tianhe"),
    Seat("440305", "4403", "nanshan"),
)
CAMERAS = sum(len(TOWNS[seat.town]) for seat in SEATS if seat.town)


async def demo_of_tiers(data: Path, *, console_port: int, sip_port: int, log_level: str) -> int:
    """Run the demonstration in an empty data folder until Ctrl-C; the result is an exit status."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    password = secrets.token_urlsafe(9)
    offices = _offices(data, console_port, sip_port, password, log_level)
    async with AsyncExitStack() as taken:
        showing = asyncio.create_task(_show(offices, taken, password, log_level))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((showing, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not showing.done():
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
        elif (error := showing.exception()) is not None:
            if not isinstance(error, OSError | TimeoutError | aiohttp.ClientError):
                raise error
            print(f"\n  启动失败 Cannot start: {error or type(error).__name__}", file=sys.stderr)
            return 1
        else:
            await stopping
        print("\n  正在停止 Stopping …", flush=True)
    return 0


class Office:
    """One server process and our way into its API."""

    def __init__(self, seat: Seat, folder: Path, sip_port: int, web_port: int, media_port: int, common: str) -> None:
        self.seat = seat
        name = Divisions.load().name(seat.division) or seat.division
        self.name = f"{name}视频监控中心"
        self.folder = folder
        self.sip_port = sip_port
        self.web_port = web_port
        self.password = ""
        self._media_port = media_port
        self._common = common
        self._process: asyncio.subprocess.Process | None = None
        self._http: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    async def open(self, log_level: str) -> None:
        """Start the process and log in. OSError with its last words when it does not come up."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "server.toml"
        # The password of the cameras stands in it.
        config.touch(mode=0o600)
        config.write_text(_toml(self._settings()), encoding="utf-8")
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "--log", log_level, "serve"),
            *("--config", config, "--data", self.folder),
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(_START_S):
            while not self.password:
                line = (await self._process.stdout.readline()).decode("utf-8", "replace")
                if not line:
                    raise OSError(f"{self.name} did not start; its words stand above")
                if "Password" in line:
                    self.password = line.split()[-1]
        self._http = aiohttp.ClientSession(
            self.url, headers={"Origin": self.url}, cookie_jar=aiohttp.CookieJar(unsafe=True)
        )
        await self._post("/api/v1/session", {"name": "admin", "password": self.password})

    async def join(self, upper: Office) -> None:
        """Register with the platform above; wait until it has taken us."""
        wish = {
            "address": f"127.0.0.1:{upper.sip_port}",
            "code": upper.seat.code,
            "password": self._common,
            "name": upper.name,
            "transport": "tcp",
        }
        await self._post("/api/v1/platforms", wish)
        async with asyncio.timeout(_JOIN_S):
            while True:
                if (await self._get(f"/api/v1/platforms/{upper.seat.code}"))["state"]["state"] == "registered":
                    return
                await asyncio.sleep(_NEWS_S)

    async def cameras(self) -> int:
        """How many this platform sees online."""
        return int((await self._get("/api/v1/system"))["channels"]["online"])

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
        if self._process is not None:
            await end(self._process, _GOODBYE_S)

    def _settings(self) -> dict[str, dict[str, Any]]:
        return {
            "platform": {"name": self.name, "code": self.seat.code},
            "sip": {"host": "127.0.0.1", "port": self.sip_port},
            "below": {"common_password": self._common, "admission": "open", "follow_positions": "all"},
            "above": {"retry_s": 3.0, "retry_longest_s": 10.0, "batch_s": 0.5},
            "media": {
                "host": "127.0.0.1",
                "first_port": self._media_port,
                "last_port": self._media_port + MEDIA_PORTS - 1,
            },
            "web": {"host": "127.0.0.1", "port": self.web_port},
        }

    async def _get(self, path: str) -> Any:
        assert self._http is not None
        async with self._http.get(path) as response:
            response.raise_for_status()
            return await response.json()

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        assert self._http is not None
        async with self._http.post(path, json=body) as response:
            if response.status >= 300:
                raise OSError(f"{self.name} {path}: {response.status} {await response.text()}")


def _offices(data: Path, console_port: int, sip_port: int, password: str, log_level: str) -> dict[str, Office]:
    taken: set[int] = set()

    def port(wanted: int) -> int:
        found = free_port(wanted, taken)
        taken.add(found)
        return found

    return {
        seat.division: Office(
            seat,
            data / seat.division,
            port(sip_port),
            port(console_port),
            30_000 + index * MEDIA_PORTS,
            password,
        )
        for index, seat in enumerate(SEATS)
    }


async def _show(offices: dict[str, Office], taken: AsyncExitStack, password: str, log_level: str) -> None:
    """Start everything, from the top down so that nobody waits for a registrar, and say how far it is."""
    print("\n  联网 Lianwang 三级级联演示 a demonstration of three tiers\n", flush=True)
    for office in offices.values():
        taken.push_async_callback(office.close)
    await asyncio.gather(*(_open(office, log_level) for office in offices.values()))
    joined = [office.join(offices[office.seat.above]) for office in offices.values() if office.seat.above is not None]
    await asyncio.gather(*joined)
    _tell("级联 cascade: 区县 → 市 → 省 counties → cities → province")
    posts = [
        Post(office.seat.town, office.seat.code, "127.0.0.1", office.sip_port)
        for office in offices.values()
        if office.seat.town is not None
    ]
    await taken.enter_async_context(Garden(posts, password, log_level))
    await _wait_for_cameras(offices["44"])
    print(_welcome(list(offices.values())), flush=True)


async def _open(office: Office, log_level: str) -> None:
    await office.open(log_level)
    _tell(f"{office.name} {office.seat.code}")


async def _wait_for_cameras(top: Office) -> None:
    """Until the province sees every camera, but not for ever: a slow machine goes on behind the welcome."""
    seen = -1
    try:
        async with asyncio.timeout(_JOIN_S):
            while seen < CAMERAS:
                now = await top.cameras()
                if now != seen and sys.stdout.isatty():
                    print(f"\r  · 摄像机 cameras {now}/{CAMERAS}", end="", flush=True)
                seen = now
                await asyncio.sleep(_NEWS_S)
    except TimeoutError:
        pass
    if sys.stdout.isatty():
        print("\r", end="")
    _tell(f"摄像机 cameras {seen}/{CAMERAS} 已到省级 have reached the province")


def _tell(text: str) -> None:
    print(f"  · {text}", flush=True)


def _welcome(offices: list[Office]) -> str:
    top, *others = offices
    below = "\n".join(f"  {office.url}  admin  {office.password}  {office.name}" for office in others)
    return f"""
  {top.name} {top.seat.code}

  控制台 Console    {top.url}
  用户名 Name       admin
  密码 Password     {top.password}

  下级平台 The platforms below it:
{below}

  按 Ctrl-C 停止 Press Ctrl-C to stop.
"""


def _toml(sections: dict[str, dict[str, Any]]) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
        for name, values in sections.items()
    )
