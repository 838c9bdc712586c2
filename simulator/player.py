"""Plays a recording to one receiver and obeys MANSRTSP: pause, go on, faster, slower, elsewhere, backwards.

GB/T 28181-2022 annex B; the picture is painted while it is played, and its end is told once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from media.ps.mux import Muxer
from simulator.sender import Sender
from simulator.video import VideoSource

SCALES = (-4.0, 32.0)


class Player:
    """`run` until the end or until cancelled; `position_s` counts from the recording's start."""

    def __init__(self, make_source: Callable[[], VideoSource], sender: Sender, length_s: float, speed: float) -> None:
        self._make_source = make_source
        self._sender = sender
        self.length_s = length_s
        self.scale = speed
        self.position_s = 0.0
        self.commands: list[str] = []
        self._going = asyncio.Event()
        self._going.set()
        self._key_wanted = True

    async def run(self) -> None:
        """Send until the recording is over. OSError when the receiver can be reached no more."""
        source = await asyncio.to_thread(self._make_source)
        muxer = Muxer(source.settings.codec, None)
        step_s = 1 / source.settings.fps
        due = time.monotonic()
        while 0.0 <= self.position_s < self.length_s:
            if not self._going.is_set():
                await self._going.wait()
                due = time.monotonic()
            key, self._key_wanted = self._key_wanted, False
            frame = await asyncio.to_thread(source.next_frame, key=key)
            await self._sender.send(muxer.pack(frame), frame.pts_90k)
            self.position_s += step_s if self.scale > 0 else -step_s
            due = max(due + step_s / abs(self.scale), time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def obey(self, body: bytes) -> bytes:
        """Do what an INFO says; the MANSRTSP answer comes back. ValueError when it says nothing we know."""
        lines = body.decode("ascii", "replace").replace("\r\n", "\n").split("\n")
        method = lines[0].split(" ")[0].upper()
        headers = {
            name.strip().casefold(): value.strip() for name, mark, value in (line.partition(":") for line in lines[1:])
        }
        self.commands.append(method)
        match method:
            case "PAUSE":
                self._going.clear()
            case "PLAY":
                self._play(headers.get("scale", ""), headers.get("range", ""))
            case "TEARDOWN":
                self.position_s = self.length_s
                self._going.set()
            case _:
                raise ValueError(f"MANSRTSP has no {method[:20]!r}")
        return f"RTSP/1.0 200 OK\r\nCSeq: {headers.get('cseq', '0')}\r\n\r\n".encode()

    def _play(self, scale: str, span: str) -> None:
        if scale:
            wanted = float(scale)
            if not wanted or not SCALES[0] <= wanted <= SCALES[1]:
                raise ValueError(f"a scale is {SCALES[0]} to {SCALES[1]} and not 0, not {scale[:20]!r}")
            self.scale = wanted
        kind, _, times = span.partition("=")
        start = times.partition("-")[0].strip()
        if kind.strip().casefold() == "npt" and start not in ("", "now"):
            self.position_s = min(max(0.0, float(start)), self.length_s)
            self._key_wanted = True
        self._going.set()
