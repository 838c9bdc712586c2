"""A whole house on loopback, a browser's way in, and cameras at the gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from app.settings import PlatformSettings, Settings, joined
from app.wiring import House, open_house
from simulator.camera import Camera, CameraSettings, ChannelSettings
from simulator.speaker import SpeakerSettings
from simulator.video import VideoSettings
from sipserver.below.settings import Admission
from tests.ending import ends_within
from tests.furnished import furnish

SERVER = "34020000002000000001"
CAMERA = "34020000001320000001"
END_S = 40.0
PASSWORD = "a-secret-of-this-test"
NO_SPARE = {"worker_spare": False}
"""What stands ready in case a media worker dies costs as much as a worker, and most houses of tests see none die."""


async def until(condition: Callable[[], Any] | Callable[[], Awaitable[Any]], patience_s: float = 10.0) -> Any:
    """Wait for a condition to hold; its value comes back."""
    async with asyncio.timeout(patience_s):
        while True:
            value = condition()
            if isinstance(value, Awaitable):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.02)


@dataclass
class Estate:
    """A house that can be closed and opened again on the same ports and data, its operator, and its cameras."""

    data: Path
    settings: Settings
    house: House = field(init=False)
    http: aiohttp.ClientSession = field(init=False)
    password: str = ""
    is_furnished: bool = True
    """Whether it begins with its first administrator made, as from the second start on."""
    _inside: AsyncExitStack = field(default_factory=AsyncExitStack)
    _cameras: dict[int, tuple[Camera, asyncio.Task[None]]] = field(default_factory=dict)

    async def open(self) -> None:
        if self.is_furnished and not self.password:
            self.password = await furnish(self.data)
        self._inside = AsyncExitStack()
        self.house = await open_house(self.settings, self.data, self._inside)
        self.password = self.house.first_password or self.password
        # The same doors when it opens again.
        port = int(self.house.console_url.rpartition(":")[2])
        self.settings = replace(
            self.settings,
            sip=replace(self.settings.sip, port=self.house.stack.port),
            web=replace(self.settings.web, port=port),
        )
        self.http = aiohttp.ClientSession(
            self.house.console_url,
            headers={"Origin": self.house.console_url},
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # it keeps no cookies of bare addresses otherwise
        )
        self._inside.push_async_callback(self.http.close)
        await self.post("/api/v1/session", {"name": "admin", "password": self.password})

    async def close(self) -> None:
        await self._inside.aclose()

    async def get(self, path: str, status: int = 200) -> Any:
        async with self.http.get(path) as response:
            body = await response.text()
            assert response.status == status, f"{path}: {response.status} {body}"
            return json.loads(body) if body else None

    async def post(self, path: str, body: Any, status: int | None = None) -> Any:
        async with self.http.post(path, json=body) as response:
            text = await response.text()
            wanted = status if status is not None else response.status
            assert response.status == wanted and (status is not None or response.status < 300), f"{path}: {text}"
            return json.loads(text) if text else None

    async def delete(self, path: str) -> None:
        async with self.http.delete(path) as response:
            assert response.status < 300, await response.text()

    async def live(self, channel: str = CAMERA, owner: str | None = None, **more: Any) -> Any:
        return await self.post("/api/v1/live", {"owner": owner or channel, "channel": channel, **more})

    async def device(self, code: str = CAMERA) -> Any:
        listed = await self.get(f"/api/v1/devices?q={code}")
        return next((item for item in listed["items"] if item["code"] == code), None)

    def camera_settings(self, code: str = CAMERA, **changes: Any) -> CameraSettings:
        speaker = SpeakerSettings(
            code=code,
            password=PASSWORD,
            server_host="127.0.0.1",
            server_port=self.house.stack.port,
            server_code=SERVER,
            keepalive_s=0.5,
            retry_s=0.3,
        )
        speaking = changes.pop("speaker", {})
        made = CameraSettings(
            speaker=replace(speaker, **speaking),
            name="北门",
            channels=(ChannelSettings(code, "北门"),),
            video=VideoSettings(width=320, height=180, fps=20, gop_s=1.0, kbps=400),
        )
        return replace(made, **changes)

    def start_camera(self, settings: CameraSettings) -> Camera:
        return self.put_to_work(Camera(settings))

    def put_to_work(self, camera: Camera) -> Camera:
        """Have a camera run until it is taken away, or all are."""
        self._cameras[id(camera)] = (camera, asyncio.create_task(camera.run()))
        return camera

    async def camera(self, code: str = CAMERA, *, online: bool = True, **changes: Any) -> Camera:
        """A camera at the gate; with `online` it is let in and its catalog is read before this comes back."""
        camera = self.start_camera(self.camera_settings(code, **changes))
        if online:
            await until(lambda: self.is_ready(code, len(camera.settings.channels)))
        return camera

    async def is_ready(self, code: str, channels: int) -> bool:
        device = await self.device(code)
        return device is not None and device["presence"] == "online" and device["channels_total"] >= channels

    async def take_away(self, camera: Camera, *, deregister: bool = False) -> None:
        """Switch a camera off, by a cut cable or with a goodbye."""
        _, running = self._cameras.pop(id(camera))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await camera.close(deregister=deregister)

    async def take_all_away(self) -> None:
        for camera, _ in list(self._cameras.values()):
            await self.take_away(camera, deregister=False)


def estate_settings(**changes: Any) -> Settings:
    """Ports of the system's choice, patience of seconds. Rooms change by their names: `sip`, `below`, ..."""
    defaults = Settings()
    below = {
        "common_password": PASSWORD,
        "admission": Admission.OPEN,
        "keepalive_interval_s": 1.0,
        "keepalive_count": 3,
        "part_patience_s": 1.0,
        "catalog_retry_s": 0.5,
        "retry_patience_s": 1.0,
        "restart_grace_s": 3.0,
    }
    return joined(
        replace(
            defaults,
            platform=PlatformSettings(name="试验平台", code=SERVER),
            sip=replace(defaults.sip, **({"host": "127.0.0.1", "port": 0} | changes.get("sip", {}))),
            below=replace(defaults.below, **(below | changes.get("below", {}))),
            media=replace(
                defaults.media,
                **({"host": "127.0.0.1", "first_port": 0, "never_came_s": 3.0} | NO_SPARE | changes.get("media", {})),
            ),
            media_hosts=replace(defaults.media_hosts, **({"host": "127.0.0.1"} | changes.get("media_hosts", {}))),
            broker=replace(defaults.broker, **({"linger_s": 0.5} | changes.get("broker", {}))),
            sources=replace(defaults.sources, **({"ask_every_s": 1.0} | changes.get("sources", {}))),
            snapshots=replace(defaults.snapshots, **({"keep_free_bytes": 0} | changes.get("snapshots", {}))),
            kitchen=replace(defaults.kitchen, **changes.get("kitchen", {})),
            voice=replace(defaults.voice, **changes.get("voice", {})),
            recordings=replace(defaults.recordings, **changes.get("recordings", {})),
            web=replace(defaults.web, host="127.0.0.1", port=0),
        )
    )


@asynccontextmanager
async def opened(data: Path, *, is_furnished: bool = True, **changes: Any) -> AsyncIterator[Estate]:
    estate = Estate(data, estate_settings(**changes), is_furnished=is_furnished)
    await estate.open()
    try:
        yield estate
    finally:
        async with ends_within(END_S, "the estate's cameras"):
            await estate.take_all_away()
        async with ends_within(END_S, "the estate"):
            await estate.close()
