"""RTP packets out of a TCP byte stream: RFC 4571 lengths, or the '$' framing that cameras borrow from RTSP."""

from __future__ import annotations


class Framer:
    """Bytes of one connection in, whole packets out.

    `is_lost` turns true when the framing could not be found again within the bound: close the connection then.
    """

    def __init__(self, *, ssrc: int | None = None, packet_limit: int = 65535, search_limit: int = 2 << 20) -> None:
        self.ssrc = ssrc
        self.is_lost = False
        self.resyncs = 0
        self.skipped_bytes = 0

    def feed(self, data: bytes) -> list[memoryview]:
        return []
