"""The packets of one session to frames: each payload type to the unpacker it needs (media.md 3.2, R10 to R12)."""

from __future__ import annotations

from collections.abc import Mapping

from media.frame import Codec, Frame
from media.rtp import RtpPacket


class Unpacker:
    """All payload types of one RTP session.

    `payloads` maps payload numbers to rtpmap names in upper case; what the bytes show wins over it.
    """

    def __init__(self, payloads: Mapping[int, str] | None = None, *, freeze_after_loss: bool = True) -> None:
        self.video_codec: Codec | None = None
        self.audio_codec: Codec | None = None
        self.need_key = True

    def feed(self, packet: RtpPacket, lost_before: bool = False) -> list[Frame]:
        return []

    def flush(self) -> list[Frame]:
        """Call after 200 ms without a packet, and at the end."""
        return []
