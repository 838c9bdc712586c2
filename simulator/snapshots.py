"""A device that takes photographs of what it sees, sends them by HTTP, and says when that is done (2022 9.14)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import aiohttp

from gb28181.manscdp.snapshot import FileId, UploadSnapShotFinished

log = logging.getLogger(__name__)

SEND_S = 15.0


@dataclass(frozen=True, slots=True)
class SnapshotSettings:
    """How it sends, and what it does wrong."""

    as_form: bool = False
    """As a file of a form, as Hikvision does; else the bare JPEG."""
    keeps_back: int = 0
    """So many pictures of every order are never sent, nor told of."""
    sends: bytes = b""
    """This in the place of every picture."""


@dataclass(frozen=True, slots=True)
class ShotOrder:
    """What it was told by SnapShotConfig."""

    channel: str
    number: int
    interval_s: int
    url: str
    session: str


class Shooter:
    """`look(channel)` is a JPEG of what is seen now, and may block; `tell` says what was sent. One order of a channel
    at a time."""

    def __init__(
        self,
        settings: SnapshotSettings,
        look: Callable[[str], bytes],
        tell: Callable[[UploadSnapShotFinished], Awaitable[object]],
    ) -> None:
        self.settings = settings
        self.sent: list[str] = []
        self._look = look
        self._tell = tell
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, order: ShotOrder) -> None:
        """Take an order. ValueError while another of this channel is under way."""
        running = self._running.get(order.channel)
        if running is not None and not running.done():
            raise ValueError("photographs are being taken")
        self._running[order.channel] = asyncio.create_task(self._run(order), name=f"photographs of {order.channel}")

    async def close(self) -> None:
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _run(self, order: ShotOrder) -> None:
        told: list[str] = []
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SEND_S)) as http:
                for number in range(1, order.number + 1):
                    name = str(FileId(order.channel, datetime.now(), number))
                    if number <= order.number - self.settings.keeps_back and await self._send(http, order, name):
                        told.append(name)
                    if number < order.number:
                        await asyncio.sleep(order.interval_s)
            self.sent += told
            await self._tell(UploadSnapShotFinished(0, order.channel, order.session, tuple(told)))
        except Exception as error:  # the task's edge: whoever ordered them waits no longer than it wants to
            log.warning("%s could not tell of its photographs: %s", order.channel, error)

    async def _send(self, http: aiohttp.ClientSession, order: ShotOrder, name: str) -> bool:
        data = self.settings.sends or await asyncio.to_thread(self._look, order.channel)
        try:
            if self.settings.as_form:
                form = aiohttp.FormData()
                form.add_field("file", data, filename=f"{name}.jpg", content_type="image/jpeg")
                sending = http.post(order.url, data=form)
            else:
                sending = http.post(f"{order.url}/{name}", data=data, headers={"Content-Type": "image/jpeg"})
            async with sending as answer:
                return answer.status < 300
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.info("%s could not send a photograph: %s", order.channel, error)
            return False
