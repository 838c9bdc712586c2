"""How much of a stranger's message we are willing to hold; every bound of the SIP layer has its name here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one endpoint. Bytes, counts and seconds as the names say.

    A message that breaks one of the first group is answered 400, 413 or 513 where it can be answered, and counted.
    """

    head_bytes: int = 16_384
    line_bytes: int = 8_192
    head_lines: int = 128
    vias: int = 70
    body_bytes: int = 8 * 1024 * 1024  # 10 000 records in one TCP message (GB/T 28181-2022, annex on large answers)
    # Above this many live server transactions a request is still answered, but its answer is not kept for repeats.
    transactions: int = 300_000
    # Unreadable requests of one host beyond this are counted and no longer answered.
    refusals_a_second: int = 20
    calls: int = 20_000
    connections: int = 20_000
    connections_a_host: int = 4_096
    unsent_bytes: int = 4 * 1024 * 1024
    first_message_s: float = 30.0
    half_message_s: float = 60.0
    idle_s: float = 600.0


DEFAULT_LIMITS = Limits()
