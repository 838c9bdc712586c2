"""Between whom a message travels: transport, both addresses, and the connection on a stream."""

from __future__ import annotations

from dataclasses import dataclass

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Path:
    """`transport` is "UDP" or "TCP"; `connection` numbers the TCP connection and is 0 over UDP."""

    transport: str
    remote: Address
    local: Address
    connection: int = 0

    @property
    def is_reliable(self) -> bool:
        return self.transport != "UDP"

    def __str__(self) -> str:
        return f"{self.transport} {self.local[0]}:{self.local[1]} - {self.remote[0]}:{self.remote[1]}"
