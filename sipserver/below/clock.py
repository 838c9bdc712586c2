"""The Date header as the standard writes it, which is not RFC 3261's way (GB/T 28181-2022 9.10)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

BEIJING = timezone(timedelta(hours=8))


def date_header(at: float) -> str:
    """UNIX seconds as `yyyy-MM-ddTHH:mm:ss.SSS`, Beijing time, without a zone.

    >>> date_header(1714950489.123)
    '2024-05-06T07:08:09.123'
    """
    seconds, microseconds = divmod(round(at * 1_000_000), 1_000_000)
    return f"{_to_the_second(seconds)}.{microseconds // 1000:03d}"


@lru_cache(maxsize=4)
def _to_the_second(at: int) -> str:
    return datetime.fromtimestamp(at, BEIJING).replace(tzinfo=None).isoformat()
