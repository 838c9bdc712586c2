"""One voice at many loudspeakers: what is said goes out by the clock, a piece of 20 ms to each, whoever is slow."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable

from media.ports import Ports
from media.voice.lips import peak
from media.voice.mouth import LoudMouth
from media.voice.plane import PIECE_S, Mouth, MouthStatistics, MouthWish, Road, VoiceStatistics
from media.voice.reservoir import PIECE, Reservoir

log = logging.getLogger(__name__)

MOST_BEHIND = 5
"""Pieces that are made up for after our clock came late; what is later is left out."""
LEVEL_S = 0.25


class Chorus:
    """Keeps `media.voice.plane.Voice`."""

    def __init__(self, ports: Ports, announce_host: str) -> None:
        self._ports = ports
        self._announce_host = announce_host
        self._reservoir = Reservoir()
        self._mouths: dict[str, LoudMouth] = {}
        self._ids = itertools.count(1)
        self._listeners: list[Callable[[bytes], None]] = []
        self._clock: asyncio.Task[None] | None = None
        self._level, self._level_at = 0.0, float("-inf")
        self._heard_bytes = self._pieces = self._silences = self._late_ticks = 0

    def say(self, sound: bytes) -> None:
        """See `Voice.say`."""
        self._heard_bytes += len(sound)
        now, loud = time.monotonic(), peak(sound)
        if loud >= self._level or now - self._level_at > LEVEL_S:
            self._level, self._level_at = loud, now
        self._reservoir.put(sound)

    async def open(self, wish: MouthWish) -> Mouth:
        """See `Voice.open`."""
        by_six = ":" in wish.towards if wish.towards else None
        pair = self._ports.lend(time.monotonic(), listen=wish.road is Road.LISTEN, by_six=by_six)
        try:
            mouth = LoudMouth(wish, pair, self.say if wish.is_ear else self._tell)
        except BaseException:
            self._ports.give_back(pair, time.monotonic())
            raise
        mouth.start()
        name = str(next(self._ids))
        self._mouths[name] = mouth
        if self._clock is None:
            self._clock = asyncio.create_task(self._run(), name="voice clock")
        return Mouth(name, self._announce_host, mouth.port)

    def aim(self, mouth: str, host: str, port: int, *, form: str = "", payload_type: int = 8) -> None:
        """See `Voice.aim`."""
        found = self._mouths.get(mouth)
        if found is not None:
            if form:
                found.change_form(form, payload_type)
            found.aim(host, port)

    def begin(self, mouth: str) -> None:
        """See `Voice.begin`."""
        found = self._mouths.get(mouth)
        if found is not None:
            found.has_begun = True

    async def shut(self, mouth: str) -> None:
        """See `Voice.shut`."""
        found = self._mouths.pop(mouth, None)
        if found is not None:
            try:
                await found.close()
            finally:
                self._ports.give_back(found.pair, time.monotonic())

    def statistics(self, mouth: str) -> MouthStatistics | None:
        found = self._mouths.get(mouth)
        return found.statistics() if found is not None else None

    def figures(self) -> VoiceStatistics:
        return VoiceStatistics(
            level=self._level if time.monotonic() - self._level_at <= LEVEL_S else 0.0,
            waiting_s=len(self._reservoir) / PIECE * PIECE_S,
            heard_bytes=self._heard_bytes,
            pieces=self._pieces,
            silences=self._silences,
            dropped=self._reservoir.dropped,
            late_ticks=self._late_ticks,
        )

    def on_heard(self, listener: Callable[[bytes], None]) -> None:
        self._listeners.append(listener)

    async def close(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
        for name in tuple(self._mouths):
            await self.shut(name)

    def _tell(self, sound: bytes) -> None:
        for listener in self._listeners:
            listener(sound)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += PIECE_S
            behind = int((loop.time() - due) / PIECE_S)
            late = behind if behind > MOST_BEHIND else 0
            if late:
                due += late * PIECE_S
                self._late_ticks += 1
            await asyncio.sleep(max(0.0, due - loop.time()))
            try:
                self._tick(late)
            except Exception:
                log.exception("a piece of voice could not be said; the next one is")

    def _tick(self, late: int) -> None:
        piece = self._reservoir.take()
        said = [mouth.speak(piece, late) for mouth in self._mouths.values()]
        if any(said):
            self._pieces += 1
        elif said:
            self._silences += 1
