"""A browser's microphone by WebRTC: whatever it sends is turned into A-law at 8 kHz.

Loaded when the first one comes: the library takes half a second and much memory that a house without talk has no use
for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import av
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError

from media.g711 import linear_to_alaw
from media.rtc import Standing, make_answer, settle, take_offer

ANSWER_S = 5.0
RATE_HZ = 8000


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


class Booth:
    """Where microphones are taken. One for the process."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        settle(standing)

    async def take(self, offer: str, client: str, say: Callable[[bytes], None]) -> RtcMicrophone:
        """Answer an offer with a microphone in it; `client` is the address that it came from. Raises ValueError for
        one that cannot be used."""
        # No server is asked for our address: who comes by WebRTC comes to where our page comes from.
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        tracks: list[Any] = []
        connection.on("track", tracks.append)
        try:
            async with asyncio.timeout(ANSWER_S):
                await take_offer(connection, offer, client)
                if not any(track.kind == "audio" for track in tracks):
                    raise ValueError("the offer brings no sound")
                answer = await make_answer(connection, self._standing)
        except BaseException as error:
            await connection.close()
            if isinstance(error, ValueError) or not isinstance(error, Exception):
                raise
            # aiortc raises whatever an offer's lines bring about.
            raise ValueError(f"the offer cannot be answered: {type(error).__name__} {error}") from None
        microphone = RtcMicrophone(connection, answer)
        for track in tracks:
            if track.kind == "audio":
                microphone.hear(track, say)
        return microphone


def booth(host: str, announced: str, first_port: int, last_port: int) -> Booth:
    """See `media.rtc.Standing`."""
    return Booth(Standing(host, announced, first_port, last_port))


async def _pump(track: Any, say: Callable[[bytes], None]) -> None:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        for plain in resampler.resample(frame):
            say(linear_to_alaw(bytes(plain.planes[0])[: 2 * plain.samples]))
