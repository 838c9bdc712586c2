"""RTCP as this trade uses it (RFC 3550 6): receiver reports out, sender reports and BYE in."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, BYE = 200, 201, 202, 203
_REPORT = Struct(">BBHIIIIIII")
_SENDER = Struct(">BBHIIIIII")
_PACKETS_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Part:
    """One packet of a compound: its type, the SSRC it speaks for (None without one) and its body after the header."""

    kind: int
    count: int
    ssrc: int | None
    body: bytes


def receiver_report(
    own_ssrc: int,
    ssrc: int,
    *,
    fraction_lost: int,
    lost: int,
    highest_sequence: int,
    jitter: int,
    lsr: int = 0,
    dlsr: int = 0,
) -> bytes:
    """One report block, 32 bytes (RFC 3550 6.4.2). `lost` is held within 24 signed bits, `dlsr` is in 1/65536 s."""
    losses = (fraction_lost & 0xFF) << 24 | (max(-0x800000, min(lost, 0x7FFFFF)) & 0xFFFFFF)
    return _REPORT.pack(
        0x81, RECEIVER_REPORT, 7, own_ssrc, ssrc, losses, highest_sequence & 0xFFFFFFFF, jitter & 0xFFFFFFFF, lsr, dlsr
    )


def source_description(ssrc: int, cname: str) -> bytes:
    """SDES with a CNAME, which every compound must carry (RFC 3550 6.5). Raises ValueError over 255 bytes."""
    name = cname.encode()
    if len(name) > 255:
        raise ValueError(f"a CNAME has at most 255 bytes, not {len(name)}")
    chunk = ssrc.to_bytes(4, "big") + b"\x01" + bytes((len(name),)) + name
    chunk += bytes(4 - len(chunk) % 4)
    return b"\x81\xca" + (len(chunk) // 4).to_bytes(2, "big") + chunk


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int) -> bytes:
    """A sender report without blocks, 28 bytes; `ntp` is the 64-bit NTP time (RFC 3550 6.4.1)."""
    return _SENDER.pack(
        *(0x80, SENDER_REPORT, 6, ssrc, ntp >> 32 & 0xFFFFFFFF, ntp & 0xFFFFFFFF, timestamp & 0xFFFFFFFF),
        *(packets & 0xFFFFFFFF, octets & 0xFFFFFFFF),
    )


def bye(ssrc: int) -> bytes:
    """BYE for one source, 8 bytes (RFC 3550 6.6)."""
    return b"\x81\xcb\x00\x01" + ssrc.to_bytes(4, "big")


def parts(packet: bytes | memoryview) -> list[Part]:
    """The packets of a compound, up to what is no RTCP; never raises."""
    data = bytes(packet)
    found: list[Part] = []
    position = 0
    while position + 4 <= len(data) and len(found) < _PACKETS_LIMIT:
        if data[position] & 0xC0 != 0x80 or not 192 <= data[position + 1] <= 223:
            break
        end = position + 4 + 4 * (data[position + 2] << 8 | data[position + 3])
        if end > len(data):
            break
        body = data[position + 4 : end]
        ssrc = int.from_bytes(body[:4], "big") if len(body) >= 4 else None
        found.append(Part(data[position + 1], data[position] & 0x1F, ssrc, body))
        position = end
    return found


def sender_report_middle(packet: bytes | memoryview) -> int | None:
    """The middle 32 bits of a sender report's NTP time, as a receiver report gives them back; None without one."""
    for part in parts(packet):
        if part.kind == SENDER_REPORT and len(part.body) >= 24:
            return int.from_bytes(part.body[6:10], "big")
    return None


def is_bye(packet: bytes | memoryview) -> bool:
    """Whether the sender says that it ends."""
    return any(part.kind == BYE for part in parts(packet))
