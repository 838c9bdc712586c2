"""Encodes one stream while somebody watches and sends it to each of them, starting every receiver at a key frame."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from media.frame import Codec
from media.ps.mux import Muxer
from simulator.sender import Sender
from simulator.tone import Tone
from simulator.video import VideoSource

log = logging.getLogger(__name__)


class Pump:
    """One encoder and its receivers. `make_source` is called when the first receiver comes."""

    def __init__(self, make_source: Callable[[], VideoSource], *, sound: bool = True) -> None:
        self._make_source = make_source
        self._sound = sound
        self._receivers: dict[Sender, bool] = {}
        self._ended: dict[Sender, Callable[[str], None]] = {}
        self._key_wanted = False
        self._renewed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def receivers(self) -> int:
        return len(self._receivers)

    def add(self, sender: Sender, on_end: Callable[[str], None]) -> None:
        """Send to `sender` from the next key frame on; `on_end(reason)` when it can be reached no more."""
        self._receivers[sender] = False
        self._ended[sender] = on_end
        self._key_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="pump")

    def remove(self, sender: Sender) -> None:
        self._receivers.pop(sender, None)
        self._ended.pop(sender, None)

    def want_key_frame(self) -> None:
        self._key_wanted = True

    def renew(self) -> None:
        """Make the source anew for the next picture: it is set otherwise."""
        self._renewed = True

    async def close(self) -> None:
        self._receivers.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        tone = Tone()
        self._renewed = True
        begun_90k = next_90k = 0
        due = time.monotonic()
        while self._receivers:
            if self._renewed:
                self._renewed = False
                source = await asyncio.to_thread(self._make_source)
                muxer = Muxer(source.settings.codec, Codec.G711A if self._sound else None)
                period_s = 1 / source.settings.fps
                begun_90k = next_90k  # the stream's clock goes on
            key, self._key_wanted = self._key_wanted, False
            frame = await asyncio.to_thread(source.next_frame, key=key)
            frame = replace(frame, pts_90k=begun_90k + frame.pts_90k, dts_90k=begun_90k + frame.dts_90k)
            next_90k = frame.pts_90k + 90000 // source.settings.fps
            sound = tone.until(next_90k) if self._sound else None
            pack = muxer.pack(frame, (sound,) if sound else ())
            for sender, started in list(self._receivers.items()):
                if started or frame.key:
                    await self._send(sender, pack, frame.pts_90k)
            due = max(due + period_s, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _send(self, sender: Sender, pack: bytes, pts_90k: int) -> None:
        if sender not in self._receivers:
            return
        self._receivers[sender] = True
        try:
            await sender.send(pack, pts_90k)
        except OSError as error:
            on_end = self._ended.get(sender)
            self.remove(sender)
            if on_end is not None:
                on_end(str(error) or type(error).__name__)
