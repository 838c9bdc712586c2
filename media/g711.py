"""G.711 A-law and mu-law to 16-bit linear samples and back (ITU-T G.711), by table."""

from __future__ import annotations

import sys
from array import array

ALAW_SILENCE = 0xD5
ULAW_SILENCE = 0xFF


def _alaw_value(code: int) -> int:
    code ^= 0x55
    segment, step = code >> 4 & 7, code & 0x0F
    size = step << 4 | 8 if segment == 0 else (step << 4 | 0x108) << (segment - 1)
    return size if code & 0x80 else -size


def _ulaw_value(code: int) -> int:
    code ^= 0xFF
    size = ((code & 0x0F) << 3 | 0x84) << (code >> 4 & 7)
    return 0x84 - size if code & 0x80 else size - 0x84


_ALAW = array("h", [_alaw_value(code) for code in range(256)])
_ULAW = array("h", [_ulaw_value(code) for code in range(256)])


def _float_table(values: array[int]) -> tuple[bytes, bytes, bytes, bytes]:
    # The first, second, third and fourth byte of each value.
    floats = array("f", [value / 32768 for value in values]).tobytes()
    return floats[0::4], floats[1::4], floats[2::4], floats[3::4]


_ALAW_FLOATS = _float_table(_ALAW)
_ULAW_FLOATS = _float_table(_ULAW)


def _coding_table(values: array[int], silence: int) -> bytes:
    # Indexed by the sample as an unsigned 16-bit number; each sample goes to the code with the nearest value, the lower
    # of two equally near. Runs of equal codes are laid at once: this is done whenever a process starts.
    code_of = dict(sorted(zip(values, range(256), strict=True), key=lambda pair: pair[1] == silence))
    steps = sorted(code_of)
    table = bytearray()
    for value, following in zip(steps, [*steps[1:], 65536], strict=True):
        last = min((value + following) // 2, 32767)
        table += bytes([code_of[value]]) * (last + 32769 - len(table))
    return bytes(table[32768:] + table[:32768])


_TO_ALAW = _coding_table(_ALAW, ALAW_SILENCE)
_TO_ULAW = _coding_table(_ULAW, ULAW_SILENCE)


def alaw_to_linear(data: bytes) -> bytes:
    """Signed 16-bit little-endian samples, two bytes for each code."""
    return _expanded(data, _ALAW)


def ulaw_to_linear(data: bytes) -> bytes:
    """Signed 16-bit little-endian samples, two bytes for each code."""
    return _expanded(data, _ULAW)


def alaw_to_floats(data: bytes) -> bytes:
    """The same samples as floating point in -1 to 1, four bytes for each code, in the machine's order."""
    return _as_floats(data, _ALAW_FLOATS)


def ulaw_to_floats(data: bytes) -> bytes:
    """The same samples as floating point in -1 to 1, four bytes for each code, in the machine's order."""
    return _as_floats(data, _ULAW_FLOATS)


def linear_to_alaw(samples: bytes) -> bytes:
    """From signed 16-bit little-endian samples; an odd last byte is left out."""
    return _compressed(samples, _TO_ALAW)


def linear_to_ulaw(samples: bytes) -> bytes:
    """From signed 16-bit little-endian samples; an odd last byte is left out."""
    return _compressed(samples, _TO_ULAW)


def _expanded(data: bytes, values: array[int]) -> bytes:
    samples = array("h", [values[code] for code in data])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _as_floats(data: bytes, table: tuple[bytes, bytes, bytes, bytes]) -> bytes:
    # A byte of all samples at a time: four steps instead of one for each sample.
    floats = bytearray(4 * len(data))
    for place, values in enumerate(table):
        floats[place::4] = data.translate(values)
    return bytes(floats)


def _compressed(samples: bytes, table: bytes) -> bytes:
    numbers = array("H", samples[: len(samples) & ~1])
    if sys.byteorder == "big":
        numbers.byteswap()
    return bytes([table[number] for number in numbers])
