"""What real devices do beside the book with their media, to order (media reference 8). A stream is spoilt after it
was made by the book, pack by pack, by a hand that shares nothing with our demuxer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

KINDS = {
    "ssrc-zero": "answer y=0000000000 and send SSRC 0",
    "no-psm": "leave the program stream map out",
    "pes-length-0": "write PES_packet_length 0 on pictures",
    "hik-units": "put private units (BD with start codes inside, BF) between the packets, as Hikvision does",
    "dollar": "over TCP, frame RTP by $ as RTSP does, not by RFC 4571",
    "jump": "have the time stamps jump, forth and back, every few seconds",
    "other-port": "over UDP, send from another port than the answer says",
}

BA, BC, BD, BF = 0xBA, 0xBC, 0xBD, 0xBF
JUMP_EVERY = 60
JUMPS_90K = (90_000 * 3_600, -90_000 * 3_599, 45_000, 2**33 - 90_000 * 7)
CLOCK_33 = 2**33 - 1


@dataclass(frozen=True, slots=True)
class Quirks:
    """One field for each of `KINDS`."""

    ssrc_zero: bool = False
    no_psm: bool = False
    pes_length_0: bool = False
    hik_units: bool = False
    dollar: bool = False
    jump: bool = False
    other_port: bool = False


class Spoiler:
    """Spoils one receiver's packs."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._touches_packs = quirks.no_psm or quirks.pes_length_0 or quirks.hik_units or quirks.jump
        self._packs = 0
        self._ahead_90k = 0

    def spoil(self, pack: bytes, pts_90k: int) -> tuple[bytes, int]:
        """The pack as it goes out, and its time."""
        if not self._touches_packs:
            return pack, pts_90k
        self._packs += 1
        if self._quirks.jump and self._packs % JUMP_EVERY == 0:
            self._ahead_90k += JUMPS_90K[self._packs // JUMP_EVERY % len(JUMPS_90K)]
        return b"".join(self._spoilt(pack)), pts_90k + self._ahead_90k

    def _spoilt(self, pack: bytes) -> Iterator[bytes]:
        quirks = self._quirks
        for kind, piece in pieces(pack):
            if kind == BC and quirks.no_psm:
                continue
            if quirks.jump and kind >= 0xC0:
                piece = shifted(piece, self._ahead_90k)
            if quirks.pes_length_0 and 0xE0 <= kind <= 0xEF:
                piece = piece[:4] + b"\0\0" + piece[6:]
            yield piece
            if quirks.hik_units and kind == BA:
                yield private_units(self._packs)


def pieces(pack: bytes) -> Iterator[tuple[int, bytes]]:
    """The headers and packets of a pack that was made by the book, each with its stream id."""
    at = 0
    while at + 6 <= len(pack):
        kind = pack[at + 3]
        size = 14 + (pack[at + 13] & 7) if kind == BA else 6 + int.from_bytes(pack[at + 4 : at + 6], "big")
        yield kind, pack[at : at + size]
        at += size


def shifted(pes: bytes, by_90k: int) -> bytes:
    """A PES packet whose PTS and DTS are others."""
    flags = pes[7] >> 6
    for place, is_there in ((9, flags & 2), (14, flags == 3)):
        if is_there:
            pes = pes[:place] + _stamp(pes[place : place + 5], by_90k) + pes[place + 5 :]
    return pes


def _stamp(stamp: bytes, by_90k: int) -> bytes:
    """ISO/IEC 13818-1 2.4.3.7: 33 bits in three runs, each with a marker behind it."""
    time = (stamp[0] >> 1 & 7) << 30 | stamp[1] << 22 | stamp[2] >> 1 << 15 | stamp[3] << 7 | stamp[4] >> 1
    time = time + by_90k & CLOCK_33
    high, mid, low = time >> 30, time >> 15 & 0x7FFF, time & 0x7FFF
    return bytes(
        (stamp[0] & 0xF0 | high << 1 | 1, mid >> 7, (mid & 0x7F) << 1 | 1, low >> 7, (low & 0x7F) << 1 | 1),
    )


def private_units(number: int) -> bytes:
    """A private stream with what looks like start codes inside, and one without a PES header."""
    inside = b"\x84\x80\x05\x21\x00\x01\x00\x01" + b"\x00\x00\x00\x01\x00\x00\x01\xba\x44" + number.to_bytes(4, "big")
    inside += b"\x00\x00\x01\xe0\x00\x00"
    other = b"HKMI" + number.to_bytes(4, "big") + b"\x00\x00\x01\x65"
    return b"".join(
        b"\x00\x00\x01" + bytes((kind,)) + len(body).to_bytes(2, "big") + body
        for kind, body in ((BD, inside), (BF, other))
    )
