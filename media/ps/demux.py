"""Program-stream bytes in, whole frames out (ISO/IEC 13818-1 2.5, GB/T 28181-2022 annex C)."""

from __future__ import annotations

from dataclasses import dataclass

from media.frame import Codec, Frame


@dataclass(slots=True)
class Tally:
    """What happened since birth; every number only grows."""

    bytes: int = 0
    frames: int = 0
    key_frames: int = 0
    audio_frames: int = 0
    resyncs: int = 0  # times the byte stream was lost and a pack header was searched
    skipped_bytes: int = 0  # bytes passed over while searching
    damaged: int = 0  # access units dropped or cut because something in them was missing
    withheld: int = 0  # whole video frames kept back while a key frame was awaited
    psm: int = 0
    psm_errors: int = 0
    pes: int = 0
    pes_errors: int = 0
    private_bytes: int = 0  # padding, private and unknown units passed over by length
    clock_repairs: int = 0


class Demuxer:
    """Program-stream bytes in, whole frames out.

    Feed payloads in order. What is unfinished is kept; what is damaged is dropped up to
    the next pack header and counted in `tally`. Never raises on what a camera sent.
    """

    def __init__(self, *, freeze_after_loss: bool = True) -> None:
        self.tally = Tally()
        self.video_codec: Codec | None = None
        self.audio_codec: Codec | None = None
        self.need_key = True

    def feed(
        self,
        payload: bytes | memoryview,
        lost_before: bool = False,
        rtp_timestamp: int | None = None,
        marker: bool = False,
    ) -> list[Frame]:
        return []

    def flush(self) -> list[Frame]:
        """Give out what is surely or probably whole: call it after 200 ms without a packet, and at the end."""
        return []
