"""Has a camera send a key frame, not more often than agreed (media.md 2.13: once a second)."""

from __future__ import annotations

import asyncio
import logging

from gb28181.manscdp.control import DeviceControl
from gb28181.peer import Neighbours, Peer, PeerError

log = logging.getLogger(__name__)

TELL_S = 5.0


class KeyFrames:
    """Those of one stream: `ask` for one at any time; `close` when no more are wanted."""

    def __init__(self, neighbours: Neighbours, every_s: float) -> None:
        self._neighbours = neighbours
        self._every_s = every_s
        self._asked_at = float("-inf")
        self._asking: set[asyncio.Task[None]] = set()

    def ask(self, owner: str, channel: str) -> None:
        """Harmless when the owner is away, and when it was asked a moment ago."""
        now = asyncio.get_running_loop().time()
        peer = self._neighbours.peer(owner)
        if peer is None or not peer.is_online or now - self._asked_at < self._every_s:
            return
        self._asked_at = now
        task = asyncio.create_task(_tell(peer, channel), name=f"key frame {channel}")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def close(self) -> None:
        for task in self._asking:
            task.cancel()


async def _tell(peer: Peer, channel: str) -> None:
    try:
        async with asyncio.timeout(TELL_S):
            await peer.tell(DeviceControl(sn=0, device=channel, i_frame=True))
    except (PeerError, TimeoutError) as error:
        log.info("%s was not told to send a key frame: %s", channel, error)
