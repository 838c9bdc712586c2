"""A device that upgrades itself: it fetches the package, checks it, reboots, registers anew and tells how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import aiohttp

from gb28181.manscdp.control import Upgrade
from gb28181.manscdp.upgrade import UpgradeFailure, UpgradeResult
from simulator.firmware import version_of

log = logging.getLogger(__name__)

LARGEST = 256 * 1024 * 1024
FETCH_S = 60.0
CHUNK = 64 * 1024


class Upgrader:
    """`reboot` goes away and comes back registered; `tell` says how it ended. One upgrade at a time."""

    def __init__(
        self,
        firmware: str,
        *,
        device: str,
        reboot: Callable[[], Awaitable[None]],
        tell: Callable[[UpgradeResult], Awaitable[object]],
        fetch_s: float = FETCH_S,
        bytes_a_second: int = 0,
    ) -> None:
        self.firmware = firmware
        self._device = device
        self._reboot = reboot
        self._tell = tell
        self._fetch_s = fetch_s
        self._pace = bytes_a_second
        self._running: asyncio.Task[None] | None = None

    def begin(self, order: Upgrade) -> str:
        """Take an order; why not, or ""."""
        if self._running is not None and not self._running.done():
            return "an upgrade is under way"
        self._running = asyncio.create_task(self._run(order), name=f"upgrade of {self._device}")
        return ""

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self, order: Upgrade) -> None:
        failure = ""
        try:
            version = version_of(await self._fetch(order.file_url))
        except TimeoutError:
            failure = UpgradeFailure.DOWNLOAD_TIMED_OUT
        except ValueError as corrupt:
            log.info("%s refuses a package: %s", self._device, corrupt)
            failure = UpgradeFailure.PACKAGE_CORRUPT
        except (aiohttp.ClientError, OSError) as error:
            log.info("%s cannot fetch %s: %s", self._device, order.file_url, error)
            failure = UpgradeFailure.OTHER
        else:
            self.firmware = version
            with contextlib.suppress(TimeoutError):  # nobody takes us back, so nobody hears how it ended
                await self._reboot()
        result = UpgradeResult(0, self._device, order.session_id, not failure, self.firmware, failure)
        try:
            await self._tell(result)
        except Exception as error:  # the task's edge: whoever ordered it waits no longer than it wants to
            log.warning("%s could not tell how its upgrade ended: %s", self._device, error)

    async def _fetch(self, url: str) -> bytes:
        """Raises TimeoutError, ValueError for what is too large, and what aiohttp raises."""
        fetched = bytearray()
        async with asyncio.timeout(self._fetch_s), aiohttp.ClientSession() as http, http.get(url) as response:
            response.raise_for_status()
            async for chunk in response.content.iter_chunked(CHUNK):
                fetched += chunk
                if len(fetched) > LARGEST:
                    raise ValueError(f"a package above {LARGEST} bytes")
                if self._pace:
                    await asyncio.sleep(len(chunk) / self._pace)
        return bytes(fetched)
