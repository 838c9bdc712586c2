"""The program stream itself for viewers by HTTP: payloads as they came, not unpacked, shared by all who take it."""

from __future__ import annotations

from media.outlets.chunk import Chunk
from media.outlets.tide import Pace, Tide
from media.outlets.viewer import Viewer
from media.outlets.wave import Heads
from media.passage import Passage, Sent, WayState
from media.run import Run


class Program:
    """Takes from the passage while there are viewers. Newcomers begin at the pack of the last key frame."""

    is_congested = False
    """Viewers skip ahead; the source is never held back for them."""

    def __init__(self, passage: Passage, pace: Pace) -> None:
        self._passage = passage
        self._tide = Tide(pace)
        self._kept: list[Chunk] = []
        self._heads = Heads(1)

    @property
    def viewers(self) -> int:
        return self._tide.viewers

    @property
    def has_kept(self) -> bool:
        """Whether a newcomer sees a picture at once."""
        return self._passage.has_kept

    def join(self, viewer: Viewer, now: float) -> None:
        if not self._tide.viewers:
            self._kept = [Chunk(run.payload(), number == 0) for number, run in enumerate(self._passage.kept)]
            self._passage.join(self)
        if self._kept:
            viewer.begin(self._kept, self._heads, now)
        self._tide.join(viewer, is_ahead=bool(self._kept))

    def leave(self, viewer: Viewer) -> None:
        """Harmless when it has left."""
        was_watched = bool(self._tide.viewers)
        self._tide.leave(viewer)
        if was_watched and not self._tide.viewers:
            self._passage.leave(self)
            self._kept.clear()

    def flush(self) -> None:
        """What has gathered for the viewers goes out now."""
        self._tide.flush()

    # --- what the passage gives ------------------------------------------------------------------------------

    def take(self, run: Run, is_key: bool, now: float) -> None:
        chunk = Chunk(run.payload(), is_key)
        if is_key:
            self._kept = []
        if not self._passage.has_kept:
            self._kept.clear()  # too much of it, or too old
        elif self._kept or is_key:
            self._kept.append(chunk)
        self._tide.put(chunk, self._heads, now)

    def lend(self) -> WayState | None:
        """Viewers need more than sending."""
        return None

    def take_back(self, sent: Sent, timestamp: int, now: float) -> None: ...

    def note_error(self, error: int) -> None: ...

    def rejoin(self) -> None:
        """What comes now is another stream: viewers go on at its first key frame."""
        self._kept.clear()
        self._heads = Heads(self._heads.generation + 1)
