"""An inlet that nobody sends to: it fetches its stream, and is else like any other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from media.frame import Frame
from media.inlets.session import Phase, Session
from media.plane import Aim, Seen, Steering, Verdict
from media.sources.kept import KeptPull
from media.sources.pull import Ended, Pull
from media.sources.pulled_receiver import PulledReceiver

log = logging.getLogger(__name__)


class PulledSession(Session):
    """`make_pull` gives a fresh fetching for every `aim`; the rest are the arguments of every session."""

    def __init__(self, make_pull: Callable[[], Pull], receiver: PulledReceiver, name: str, *of_session: Any) -> None:
        super().__init__(name, receiver, *of_session)
        self._pulled = receiver
        self._make_pull = make_pull
        self._pull: Pull | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def aim(self, aim: Aim) -> None:
        """Begin to fetch, anew when it failed."""
        self._let_go()
        self._pulled.has_sound = False
        super().aim(aim)
        self._pull = self._make_pull()
        self._fetching = asyncio.create_task(self._fetch(self._pull), name=f"media pull {self.name}")

    def steer(self, steering: Steering) -> None:
        """Of a recording of ours; whatever else is fetched goes on as it does."""
        if isinstance(self._pull, KeptPull):
            self._pull.steer(steering)

    async def close(self) -> None:
        """A server is told good-bye; what it takes is waited for."""
        self._let_go()
        await super().close()
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _fetch(self, pull: Pull) -> None:
        try:
            ended = await pull.run(self)
        except Exception as error:
            log.exception("fetching for %r failed; it counts as lost and may be aimed again", self)
            ended = Ended(Verdict.LOST, f"our side failed: {error}")
        if self.phase is Phase.AIMED:
            self._fail(Seen(ended.verdict, note=ended.note, codecs=ended.codecs))
        elif self.phase is Phase.FLOWING:
            self._fail(Seen(Verdict.LOST, note=ended.note))

    def _let_go(self) -> None:
        fetching, self._fetching = self._fetching, None
        if fetching is not None and fetching is not asyncio.current_task():
            fetching.cancel()
            self._leaving.add(fetching)
            fetching.add_done_callback(self._leaving.discard)

    def _fail(self, seen: Seen) -> None:
        """What the clocks of every inlet found, told with what was answered on the way."""
        witness = self.receiver.witness
        # Whatever came is unpacked by its kind, which the source told; only a key frame can be missing in it.
        verdict = Verdict.NO_KEY_FRAME if seen.verdict is Verdict.NOT_PS else seen.verdict
        steps = self._pull.steps if self._pull is not None else ()
        told = Seen(
            verdict, witness.packets, witness.bytes, seen.sources, codecs=seen.codecs, note=seen.note, steps=steps
        )
        self._let_go()
        super()._fail(told)

    # --- what whoever fetches says (Taker) -------------------------------------------------------------------

    def came(self, packets: int, size: int, host: str, now: float) -> None:
        if host and not self._pulled.witness.packets:
            self._pulled.witness.note_source((host, 0))
        self._pulled.came(packets, size, now)

    def announce(self, *, has_sound: bool) -> None:
        self._pulled.has_sound = has_sound

    def frame(self, frame: Frame, now: float) -> None:
        self._pulled.give(frame, now)

    @property
    def is_congested(self) -> bool:
        return self.passage.is_congested

    def lost(self, packets: int) -> None:
        self._pulled.lost_here = packets
