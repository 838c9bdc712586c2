"""The receiver of an inlet that fetches its stream: it counts, and hands on the frames it is given."""

from __future__ import annotations

from media.frame import Frame
from media.inlets.rtp_receiver import RtpReceiver


class PulledReceiver(RtpReceiver):
    """Where the counts of an inlet are. Whoever fetches unpacks by itself, so frames are given to it as they are."""

    has_sound: bool = False
    lost_here: int = 0

    @property
    def announces_audio(self) -> bool:
        return self.has_sound

    @property
    def is_understood(self) -> bool:
        return self.witness.packets > 0

    @property
    def need_key(self) -> bool:
        """Nobody whom we fetch from takes a wish for a key frame."""
        return False

    @property
    def lost(self) -> int:
        return self.lost_here

    def came(self, packets: int, size: int, now: float) -> None:
        """Something came."""
        self.packet_at = now
        self.witness.packets += packets
        self.witness.bytes += size

    def give(self, frame: Frame, now: float) -> None:
        self._give(frame, now)
