"""Which edition of the standard a peer speaks (GB/T 28181-2022 annex I, the X-GB-Ver header)."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache


class Edition(StrEnum):
    """An edition by its version text; order is by `number`, not by text."""

    V2011 = "1.0"
    V2011A = "1.1"
    V2016 = "2.0"
    V2022 = "3.0"

    number: int
    """Tenths of the version: 20 for 2016, 30 for 2022; compare these."""

    def __init__(self, version: str) -> None:
        self.number = int(version.replace(".", ""))

    @property
    def is_2022(self) -> bool:
        """Whether what came new in the 2022 edition may be sent."""
        return self.number >= 30


@lru_cache(maxsize=64)
def parse_edition(header: str | None) -> Edition:
    """The edition an X-GB-Ver header names; never raises.

    A peer without the header is taken for 2016, as is one with a text we cannot read. A version between or above the
    known ones counts as the newest known edition that is not newer.
    """
    number = _tenths((header or "").strip())
    if number is None:
        return Edition.V2016
    known = [edition for edition in Edition if edition.number <= number]
    return known[-1] if known else Edition.V2016


def _tenths(text: str) -> int | None:
    major, _, minor = text.partition(".")
    if not (major.isascii() and major.isdigit() and len(major) <= 3):
        return None
    minor = minor or "0"
    if not (minor.isascii() and minor.isdigit() and len(minor) <= 3):
        return None
    return int(major) * 10 + int(minor[0])
