"""A browser's microphone by WebRTC, by aiortc: whatever it sends is turned into A-law at 8 kHz.

Loaded when the first one comes: the library takes half a second and much memory that a house without talk has no use
for.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

import aioice.ice
import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from media.g711 import linear_to_alaw

log = logging.getLogger(__name__)

LONGEST_OFFER = 64 * 1024
ANSWER_S = 5.0
RATE_HZ = 8000
_CANDIDATE = re.compile(r"^(a=candidate:\S+ \d+ \S+ \d+ )(\S+)( \d+ typ host)", re.MULTILINE)


class RtcMicrophone:
    """Keeps `media.voice.plane.Microphone`."""

    def __init__(self, connection: RTCPeerConnection, answer: str) -> None:
        self.answer = answer
        self._connection = connection
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> str:
        """aiortc's word: new, connecting, connected, failed or closed."""
        return str(self._connection.connectionState)

    def hear(self, track: Any, say: Callable[[bytes], None]) -> None:
        """Give on what a track brings until it ends."""
        task = asyncio.create_task(_pump(track, say), name="microphone")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.close()


async def take(offer: str, say: Callable[[bytes], None], host: str, announced: str) -> RtcMicrophone:
    """Answer an offer with a microphone in it. Raises ValueError for one that cannot be used.

    `host` is where we listen, "0.0.0.0" every address; `announced` is told in its place, "" the same.
    """
    if len(offer) > LONGEST_OFFER or not offer.startswith("v=0"):
        raise ValueError("this is no offer of a session (SDP)")
    # No server is asked for our address: who comes by WebRTC comes to where our page comes from.
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    _stand(host)
    tracks: list[Any] = []
    connection.on("track", tracks.append)
    try:
        async with asyncio.timeout(ANSWER_S):
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if not any(track.kind == "audio" for track in tracks):
                raise ValueError("the offer brings no sound")
            await connection.setLocalDescription(await connection.createAnswer())
    except BaseException as error:
        await connection.close()
        if isinstance(error, ValueError) or not isinstance(error, Exception):
            raise
        # aiortc's reader raises whatever its lines bring about.
        raise ValueError(f"the offer cannot be taken: {type(error).__name__} {error}") from None
    answer = connection.localDescription.sdp
    if announced:
        answer = _CANDIDATE.sub(lambda found: f"{found[1]}{announced}{found[3]}", answer)
    microphone = RtcMicrophone(connection, answer)
    for track in tracks:
        if track.kind == "audio":
            microphone.hear(track, say)
    return microphone


def _stand(host: str) -> None:
    """aiortc binds every address of the machine and has no setting for it; the browser test would show a change."""
    if host not in ("", "0.0.0.0", "::"):
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [host]


async def _pump(track: Any, say: Callable[[bytes], None]) -> None:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        for plain in resampler.resample(frame):
            say(linear_to_alaw(bytes(plain.planes[0])[: 2 * plain.samples]))
