"""The Subject header of an INVITE: who sends which stream to whom (GB/T 28181-2022 annex L)."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Subject:
    """`sender:serial,receiver:serial`.

    The sender's serial has at most 20 characters, begins with 0 for live and 1 for recorded video, and is the same
    for every request of the same live stream.
    """

    sender: str
    sender_serial: str
    receiver: str
    receiver_serial: str

    @classmethod
    def parse(cls, header: str) -> Subject:
        """What a header says; blanks around the parts are forgiven. ValueError when it has not four parts."""
        if len(header) > _LONGEST:
            raise ValueError(f"a Subject has at most {_LONGEST} characters, not {len(header)}")
        sides = [side.strip() for side in header.split(",")]
        parts = [[part.strip() for part in side.split(":")] for side in sides]
        if len(parts) != 2 or any(len(side) != 2 or not side[0] for side in parts):
            raise ValueError(f"a Subject reads sender:serial,receiver:serial, not {header!r}")
        (sender, sender_serial), (receiver, receiver_serial) = parts
        return cls(sender, sender_serial, receiver, receiver_serial)

    @property
    def is_live(self) -> bool:
        return not self.sender_serial.startswith("1")

    def __str__(self) -> str:
        return f"{self.sender}:{self.sender_serial},{self.receiver}:{self.receiver_serial}"
