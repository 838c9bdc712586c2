"""All recordings of a plane: each in a folder of its own below the one that the settings name."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from media.frame import Frame
from media.outlets.pen import Pen
from media.outlets.recording import Habits, Recorder, Sound
from media.outlets.segment import mend, without_line
from media.outlets.taking import Taker
from media.plane import NoCapacity, OutletClosed, PlaneEvent, RecorderStatistics, RecordingWish, TakingWish
from media.plane import Recorder as Place

log = logging.getLogger(__name__)

LET_GO_S = 2.0
"""How long the end of a recording waits for the disk; after that it ends without us."""
LET_GO_LOOKS = 100
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class Recorders:
    """By their inlet. `root` is "" where nothing may be recorded."""

    def __init__(
        self,
        root: str,
        habits: Habits,
        tell: Callable[[PlaneEvent], None],
        wall: Callable[[], float],
        most: int,
    ) -> None:
        self._root = root
        self._habits = habits
        self._tell = tell
        self._wall = wall
        self._most = most
        self._pen = Pen()
        self._keeper = Pen("recordings made safe")
        self._porter = Pen("recordings taken")
        self._of: dict[str, dict[str, Recorder | Taker]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def attach(
        self,
        inlet: str,
        wish: RecordingWish,
        sound: Callable[[], Sound | None],
        kept: Sequence[Frame] = (),
        now: float = 0.0,
    ) -> Place:
        """Begin at the key frame that is kept, or at the next one. Raises NoCapacity, and ValueError for a name that
        is none."""
        self._check(wish.recording)
        folder = Path(self._root) / wish.recording
        # A process before us may have died over it.
        self._pen.give(lambda: without_line(folder), lambda names, _: self._mend(folder, names or []))
        recorder = Recorder(
            secrets.token_hex(8),
            inlet,
            wish,
            folder,
            habits=self._habits,
            pen=self._pen,
            keeper=self._keeper,
            sound=sound,
            tell=self._tell,
            wall=self._wall,
        )
        self._of.setdefault(inlet, {})[recorder.name] = recorder
        recorder.catch_up(kept, now)
        return Place(recorder.name, wish.recording)

    def take(self, inlet: str, wish: TakingWish, sound: Callable[[], Sound | None]) -> Place:
        """The same for a recording of a device, which is written whole."""
        self._check(wish.name)
        name, folder = secrets.token_hex(8), Path(self._root) / wish.name
        # With a thread of its own: a download makes a large file safe at its end, and recordings do not wait for that.
        taker = Taker(name, inlet, wish, folder, habits=self._habits, pen=self._porter, sound=sound, tell=self._tell)
        self._of.setdefault(inlet, {})[name] = taker
        return Place(name, wish.name)

    def _mend(self, folder: Path, names: list[str]) -> None:
        """Those that had no line before we began here; it takes long where they are large."""
        if names:
            self._keeper.give(lambda: mend(folder, names), lambda mended, failure: None)

    def _check(self, name: str) -> None:
        if not self._root:
            raise NoCapacity("no folder for recordings is set here; only workers of the server's own machine record")
        if len(self) >= self._most:
            raise NoCapacity(f"all {self._most} recordings are running")
        # Names come from outside and become a folder's: letters, digits, - and _, so that none leads out of ours.
        if not 0 < len(name) <= 80 or not LETTERS.issuperset(name):
            raise ValueError(f"a recording's name is 1 to 80 letters, digits, - and _, not {name[:80]!r}")
        if any(_name(each) == name for of in self._of.values() for each in of.values()):
            raise ValueError(f"{name} is being recorded")

    def frame(self, inlet: str, frame: Frame, now: float) -> None:
        for recorder in self._of.get(inlet, {}).values():
            recorder.frame(frame, now)

    def cut(self, inlet: str) -> None:
        """The source begins anew."""
        for recorder in self._of.get(inlet, {}).values():
            recorder.cut()

    def tick(self, now: float) -> None:
        """A few times a second."""
        for of in self._of.values():
            for recorder in of.values():
                recorder.tick(now)

    def has_any(self, inlet: str) -> bool:
        return bool(self._of.get(inlet))

    def has(self, inlet: str, outlet: str) -> bool:
        return outlet in self._of.get(inlet, {})

    async def detach(self, inlet: str, outlet: str, why: str) -> None:
        """End one and wait until it is on disk, for a while; harmless when it is gone."""
        recorder = self._of.get(inlet, {}).pop(outlet, None)
        if recorder is None:
            return
        if not self._of[inlet]:
            del self._of[inlet]
        recorder.close()
        for _ in range(LET_GO_LOOKS):
            if recorder.is_written:
                break
            await asyncio.sleep(LET_GO_S / LET_GO_LOOKS)
        if not recorder.is_written:
            log.warning("%r is not all on disk after %g s; what is there is whole", recorder, LET_GO_S)
        self._tell(OutletClosed(inlet, outlet, why))

    async def end(self, inlet: str, why: str) -> None:
        """All of one inlet."""
        for outlet in tuple(self._of.get(inlet, {})):
            await self.detach(inlet, outlet, why)

    def statistics(self, inlet: str) -> tuple[RecorderStatistics, ...]:
        return tuple(recorder.statistics() for recorder in self._of.get(inlet, {}).values())

    async def stop(self) -> None:
        """Wait for the writer; every recording has been ended."""
        for pen in (self._pen, self._keeper, self._porter):  # what is written is then made safe
            if not await pen.stop(LET_GO_S):
                log.warning("recordings are not all on disk after %g s; what is there is whole", LET_GO_S)


def _name(recorder: Recorder | Taker) -> str:
    return recorder.wish.recording if isinstance(recorder, Recorder) else recorder.wish.name
