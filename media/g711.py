"""G.711 A-law and mu-law to 16-bit linear samples and back (ITU-T G.711)."""

from __future__ import annotations


def alaw_to_linear(data: bytes) -> bytes:
    """Signed 16-bit little-endian samples."""
    return b""


def ulaw_to_linear(data: bytes) -> bytes:
    """Signed 16-bit little-endian samples."""
    return b""


def linear_to_alaw(samples: bytes) -> bytes:
    """From signed 16-bit little-endian samples; an odd last byte is left out."""
    return b""


def linear_to_ulaw(samples: bytes) -> bytes:
    """From signed 16-bit little-endian samples; an odd last byte is left out."""
    return b""
