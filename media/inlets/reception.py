"""How a session is received, as RTCP receiver reports say it (RFC 3550 6.4.1)."""

from __future__ import annotations

from media.rtp import RtpPacket, Unwrapper
from media.run import Run

CLOCK_HZ = 90_000

ReceptionState = tuple[bool, int, int, float, float, bool]
"""Whether this payload type is followed, the highest and the last number, the transit, the jitter, whether it began."""


class Reception:
    """What a report needs beside the counts of packets: the highest number, the jitter, the sender's last report.

    Follows the payload type that came first: sound beside it may count on its own.
    """

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self.jitter = 0.0
        self._payload_type = -1
        self._sequences = Unwrapper(16)
        self._highest = 0
        self._is_begun = False
        self._transit = 0.0
        self._packets_before = 0
        self._lost_before = 0
        self._report_middle = 0
        self._report_at = 0.0

    def note(self, packet: RtpPacket | Run, now: float) -> None:
        """The first packet, or packets, of each frame."""
        if packet.payload_type != self._payload_type:
            if self._payload_type != -1:
                return
            self._payload_type = packet.payload_type
        self._highest = max(self._highest, self._sequences.unwrap(packet.sequence))
        transit = now * CLOCK_HZ - packet.timestamp
        difference = abs(transit - self._transit)
        # A camera clock that jumps says nothing of the network.
        if self._is_begun and difference < CLOCK_HZ:
            self.jitter += (difference - self.jitter) / 16
        self._transit = transit
        self._is_begun = True

    def lend(self, payload_type: int) -> ReceptionState | None:
        """Where it stands, for one who notes in its place; None before the first packet."""
        last = self._sequences.last
        if last is None:
            return None
        follows = payload_type == self._payload_type
        return follows, self._highest, last, self._transit, self.jitter, self._is_begun

    def take_back(self, highest: int, last: int, transit: float, jitter: float) -> None:
        """Where whoever had it left it."""
        self._highest, self._sequences.last, self._transit, self.jitter = highest, last, transit, jitter

    def note_sender_report(self, middle: int, now: float) -> None:
        """The middle 32 bits of the NTP time of a sender report."""
        self._report_middle = middle
        self._report_at = now

    def block(self, sequence: int, packets: int, lost: int, now: float) -> dict[str, int]:
        """The fields of a report block by the names of `rtcp.receiver_report`.

        `sequence` is that of the last packet; `packets` and `lost` are totals.
        """
        self._highest = max(self._highest, self._sequences.unwrap(sequence))
        packets_now = packets - self._packets_before
        lost_now = max(0, lost - self._lost_before)
        self._packets_before = packets
        self._lost_before = lost
        expected_now = packets_now + lost_now
        return {
            "fraction_lost": min(255, (lost_now << 8) // expected_now) if expected_now > 0 else 0,
            "lost": min(0x7FFFFF, lost),
            "highest_sequence": self._highest & 0xFFFFFFFF,
            "jitter": min(0xFFFFFFFF, int(self.jitter)),
            "lsr": self._report_middle,
            "dlsr": min(0xFFFFFFFF, int((now - self._report_at) * 65536)) if self._report_middle else 0,
        }
