"""The ten digits of a `y=` line and the number in the RTP header they stand for (GB/T 28181-2022 annex G)."""

from __future__ import annotations

from dataclasses import dataclass

MAX_SERIAL = 9999
_MAX_NUMBER = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, order=True)
class Ssrc:
    """A stream's number: `number` is what RTP carries, `text` what SDP prints.

    >>> Ssrc(100000001).text
    '0100000001'
    """

    number: int

    def __post_init__(self) -> None:
        if not 0 <= self.number <= _MAX_NUMBER:
            raise ValueError(f"an SSRC has 32 bits, not {self.number}")

    @property
    def text(self) -> str:
        return f"{self.number:010d}"

    @property
    def is_live(self) -> bool:
        """Whether the first digit says live (0) rather than recorded (1)."""
        return self.number < 1_000_000_000

    @property
    def serial(self) -> int:
        return self.number % (MAX_SERIAL + 1)

    def __str__(self) -> str:
        return self.text


def ssrc_number(live: bool, domain_code: str, serial: int) -> int:
    """The number of a new stream of the realm `domain_code` (20 digits, or the 10 of its domain).

    ValueError when `serial` is not 0..9999 or the code has no digits 4 to 8.
    """
    if not 0 <= serial <= MAX_SERIAL:
        raise ValueError(f"a stream's serial is 0..{MAX_SERIAL}, not {serial}")
    middle = domain_code[3:8]
    if not (len(middle) == 5 and middle.isascii() and middle.isdigit()):
        raise ValueError(f"a realm's code has 10 or 20 digits, not {domain_code!r}")
    return int(f"{0 if live else 1}{middle}{serial:04d}")


def parse_y(text: str) -> int | None:
    """The number of a `y=` line, None when it says nothing usable (absent, 0, not a number, above 32 bits).

    Fewer than ten digits are a lost leading zero, printed so in the standard's own sample.
    """
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        return None
    number = int(digits)
    return number if 0 < number <= _MAX_NUMBER else None
