"""What people want to know of a stream's way in: its rates, and how far apart its key frames are."""

from __future__ import annotations

from media.frame import Frame
from media.rates import Counted, Rates

Seen = tuple[int, int, int, int, int, int, float, int, int]
"""Pictures, key frames among them, the last one's time; whether a group is whole, its pictures and its length; when the
open one began, by our clock and by the stream's, and its pictures."""


class Gauge:
    """Told of every frame, and of the counters a few times a second; nothing here is done for a packet."""

    def __init__(self) -> None:
        self.rates = Rates()
        self.gop_frames: int | None = None
        """Pictures of the last whole group, its key frame included; None before there was one."""
        self.gop_s: float | None = None
        """And its length by the stream's own clock."""
        self.leg = 0
        """How often a recording went on elsewhere or otherwise; each time a new leg of it began."""
        self.leg_90k = 0
        """How much of the sender's own time was shown on this leg."""
        self._leg_last_90k: int | None = None
        self._key_at: float | None = None
        self._key_90k: int | None = None
        self._since_key = 0
        self._pictures = 0
        self._unseen = 0
        self._frames_before = 0

    def note(self, frame: Frame, now: float) -> None:
        """A frame of the stream."""
        if not frame.codec.is_video:
            return
        self._pictures += 1
        if self._leg_last_90k is not None and frame.dts_90k > self._leg_last_90k:
            self.leg_90k += frame.dts_90k - self._leg_last_90k
        self._leg_last_90k = frame.dts_90k
        if frame.key:
            if self._key_90k is not None:
                self.gop_frames = self._since_key
                self.gop_s = max(0, frame.dts_90k - self._key_90k) / 90_000
            self._key_at, self._key_90k, self._since_key = now, frame.dts_90k, 0
        self._since_key += 1

    def begin_leg(self) -> None:
        """The recording goes on elsewhere, or at another speed."""
        self.leg += 1
        self.leg_90k = 0
        self._leg_last_90k = None

    @property
    def has_leg(self) -> bool:
        """Whether a picture of this leg was seen."""
        return self._leg_last_90k is not None

    def lend(self) -> tuple[int | None, int]:
        """When the open group began by the stream's clock, and how many pictures it has."""
        return self._key_90k, self._since_key

    def pass_by(self, seen: Seen) -> None:
        """Pictures that nobody told us of one by one."""
        pictures, keys, dts_90k, has_group, group_frames, group_90k, key_at, key_90k, since_key = seen
        if not pictures:
            return
        self._pictures += pictures
        self._since_key = since_key
        if keys:
            self._key_at, self._key_90k = key_at, key_90k
            if has_group:
                self.gop_frames, self.gop_s = group_frames, group_90k / 90_000
        if self._leg_last_90k is not None:
            self.leg_90k += max(0, dts_90k - self._leg_last_90k)
            self._leg_last_90k = dts_90k

    def doze(self) -> None:
        """Pictures go by unseen, or the source begins anew: the group that was open stays without an end."""
        self._key_90k = None
        self._key_at = None

    def sleep(self, frames: int) -> None:
        """From here on nobody unpacks; all of `frames` were told of."""
        self.doze()
        self._frames_before = frames

    def sample(
        self, packets: int, bytes_: int, lost: int, frames: int, now: float, *, is_awake: bool, is_last: bool = False
    ) -> None:
        """Look at the counters. While nobody unpacks, `frames` counts the pictures by their time stamps."""
        if not is_awake:
            self._unseen += max(0, frames - self._frames_before)
        self._frames_before = frames
        self.rates.sample(Counted(packets, bytes_, lost, self._pictures + self._unseen), now, is_last=is_last)

    def key_frame_age_s(self, now: float) -> float | None:
        """None when none has been seen, or none is looked for."""
        return None if self._key_at is None else max(0.0, now - self._key_at)
