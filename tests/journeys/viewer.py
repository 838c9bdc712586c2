"""A viewer that is not a browser: takes what our outlets send and looks at the pictures with another decoder."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import av


@dataclass
class Seen:
    """What a viewer took of a stream."""

    told: list[dict[str, Any]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    def pictures(self) -> list[av.VideoFrame]:
        with av.open(io.BytesIO(bytes(self.data))) as container:
            return list(container.decode(video=0))

    def sounds(self) -> list[av.AudioFrame]:
        with av.open(io.BytesIO(bytes(self.data))) as container:
            return list(container.decode(audio=0)) if container.streams.audio else []


async def watch(http: aiohttp.ClientSession, live: dict[str, Any], seconds: float) -> Seen:
    """Take a stream for some seconds from its first byte on, by whichever way its format says."""
    seen = Seen()
    if live["format"].startswith("ws-"):
        async with http.ws_connect(live["url"]) as socket:
            await _for(seconds, socket.receive, lambda message: _keep(seen, message))
    else:
        async with http.get(live["url"]) as response:
            assert response.status == 200, await response.text()
            await _for(seconds, response.content.readany, seen.data.extend)
    return seen


async def _for(seconds: float, receive: Any, keep: Any) -> None:
    first = await asyncio.wait_for(receive(), 10)
    keep(first)
    try:
        async with asyncio.timeout(seconds):
            while True:
                got = await receive()
                if not got or getattr(got, "type", None) in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE):
                    return
                keep(got)
    except TimeoutError:
        return


def _keep(seen: Seen, message: aiohttp.WSMessage) -> None:
    if message.type is aiohttp.WSMsgType.TEXT:
        seen.told.append(json.loads(message.data))
    elif message.type is aiohttp.WSMsgType.BINARY:
        seen.data.extend(message.data)


def is_a_picture(frame: av.VideoFrame) -> bool:
    """Whether there is something to see: not one shade all over."""
    luma = bytes(frame.planes[0])
    return max(luma) - min(luma) > 60


def differ(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    return bytes(one.planes[0]) != bytes(other.planes[0])
