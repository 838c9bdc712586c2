"""RTCP as this trade uses it (RFC 3550 6): receiver reports out, sender reports and BYE in."""

from __future__ import annotations


def receiver_report(
    own_ssrc: int, ssrc: int, *, fraction_lost: int, lost: int, highest_sequence: int, jitter: int, lsr: int, dlsr: int
) -> bytes:
    """One report block, 32 bytes."""
    return b""
