"""Elementary streams in RTP: H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640), G.711 (RFC 3551) into frames."""

from __future__ import annotations

from typing import Protocol

from media.frame import Frame


class Depacketiser(Protocol):
    """What the program-stream Demuxer also promises."""

    def feed(
        self,
        payload: bytes | memoryview,
        lost_before: bool = False,
        rtp_timestamp: int | None = None,
        marker: bool = False,
    ) -> list[Frame]: ...

    def flush(self) -> list[Frame]: ...
