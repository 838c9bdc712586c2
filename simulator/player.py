"""Plays a recording to one receiver and obeys MANSRTSP: pause, go on, faster, slower, elsewhere, backwards.

GB/T 28181-2022 annex B; the picture is painted while it is played, with the recording's own clock burnt in, and its
time stamps are those of the recording. Its end is told once, by whoever runs it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from media.frame import Frame
from media.ps.mux import Muxer
from simulator.sender import Sender
from simulator.video import VideoSource

SCALES = (-4.0, 32.0)
WHOLE_UP_TO = 2.0
"""At higher speeds pictures are left out, as in recorders."""
PLAIN = "RTSP/1.0"


class Player:
    """`run` until the end or until cancelled; `position_s` counts from the recording's start, which is at `begins_at`.

    `is_whole` leaves no picture out, whatever the speed (downloads). `breaks(sent_s)` is asked after every picture
    whether the connection breaks here.
    """

    def __init__(
        self,
        make_source: Callable[[], VideoSource],
        sender: Sender,
        length_s: float,
        speed: float,
        *,
        begins_at: float = 0.0,
        is_whole: bool = False,
        ignores_speed: bool = False,
        backwards_at_most: float = -SCALES[0],
        breaks: Callable[[float], bool] = lambda sent_s: False,
    ) -> None:
        self._make_source = make_source
        self._sender = sender
        self.length_s = length_s
        self.scale = speed
        self.position_s = 0.0
        self.has_broken = False
        self.commands: list[str] = []
        self.scales: list[float] = []
        """The speeds it was asked for."""
        self._begins_at = begins_at
        self._is_whole = is_whole
        self._ignores_speed = ignores_speed
        self._backwards_at_most = backwards_at_most
        self._breaks = breaks
        self._going = asyncio.Event()
        self._going.set()
        self._key_wanted = True
        self._jumps = 0

    async def run(self) -> None:
        """Send until the recording is over. OSError when the receiver can be reached no more."""
        source = await asyncio.to_thread(self._make_source)
        muxer = Muxer(source.settings.codec, None)
        sent_s = 0.0
        due = time.monotonic()
        while 0.0 <= self.position_s < self.length_s:
            if not self._going.is_set():
                await self._going.wait()
                due = time.monotonic()
            if self.scale < 0:
                due = await self._play_backwards(source, muxer, due)
                continue
            step_s = self._step_s(source)
            await self._show(source, muxer, self.position_s)
            # A seek while we waited has set the position already.
            jumps = self._jumps
            sent_s += step_s
            due = max(due + step_s / self.scale, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if jumps == self._jumps:
                self.position_s = round(self.position_s + step_s, 6)
            if self._breaks(sent_s):
                self.has_broken = True
                return

    async def _play_backwards(self, source: VideoSource, muxer: Muxer, due: float) -> float:
        """One group of pictures: the last ones first, but within the group forward (media.md 6.4)."""
        jumps, scale = self._jumps, self.scale
        end_s, step_s = self.position_s, self._step_s(source)
        begin_s = max(0.0, end_s - source.settings.gop_s)
        self._key_wanted = True
        at_s = begin_s
        while at_s < end_s - step_s / 2 and self._going.is_set() and (jumps, scale) == (self._jumps, self.scale):
            await self._show(source, muxer, at_s)
            at_s += step_s
            due = max(due + step_s / abs(scale), time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        if jumps == self._jumps and self._going.is_set():
            self.position_s = begin_s if begin_s > 0 else -step_s
        return due

    async def _show(self, source: VideoSource, muxer: Muxer, at_s: float) -> None:
        key, self._key_wanted = self._key_wanted, False
        jumps = self._jumps
        painted = await asyncio.to_thread(source.next_frame, key=key, at=self._begins_at + at_s)
        if jumps != self._jumps:
            return  # it was asked to go on elsewhere meanwhile
        time_90k = round(at_s * 90_000)
        frame = Frame(painted.codec, painted.data, time_90k, time_90k, painted.key)
        await self._sender.send(muxer.pack(frame), time_90k)

    def _step_s(self, source: VideoSource) -> float:
        step_s = 1 / source.settings.fps
        speed = abs(self.scale)
        return step_s if self._is_whole or speed <= WHOLE_UP_TO else step_s * speed / WHOLE_UP_TO

    def obey(self, body: bytes) -> bytes:
        """Do what an INFO says; the MANSRTSP answer comes back. ValueError when it says nothing we know."""
        lines = body.decode("ascii", "replace").replace("\r\n", "\n").split("\n")
        method = lines[0].split(" ")[0].upper()
        headers = {
            name.strip().casefold(): value.strip() for name, mark, value in (line.partition(":") for line in lines[1:])
        }
        self.commands.append(method)
        said = [f"{PLAIN} 200 OK", f"CSeq: {headers.get('cseq', '0')}"]
        match method:
            case "PAUSE":
                self._going.clear()
            case "PLAY":
                self._play(headers.get("scale", ""), headers.get("range", ""))
                if "scale" in headers:
                    said.append(f"Scale: {self.scale!r}")
                said.append(f"Range: npt={self.position_s:g}-")
                said.append(f"RTP-Info: seq={self._sender.sequence};rtptime={round(self.position_s * 90_000)}")
            case "TEARDOWN":
                self.position_s = self.length_s
                self._jumps += 1
                self._going.set()
            case _:
                raise ValueError(f"MANSRTSP has no {method[:20]!r}")
        return "".join(f"{line}\r\n" for line in [*said, ""]).encode()

    def _play(self, scale: str, span: str) -> None:
        if scale:
            wanted = float(scale)
            if not wanted or not SCALES[0] <= wanted <= SCALES[1]:
                raise ValueError(f"a scale is {SCALES[0]} to {SCALES[1]} and not 0, not {scale[:20]!r}")
            self.scales.append(wanted)
            if not self._ignores_speed:
                self.scale = max(wanted, -self._backwards_at_most)
                self._key_wanted = True
        kind, _, times = span.partition("=")
        start = times.partition("-")[0].strip()
        if kind.strip().casefold() == "npt" and start not in ("", "now"):
            self.position_s = min(max(0.0, float(start)), self.length_s)
            self._jumps += 1
            self._key_wanted = True
        self._going.set()
