"""What a demultiplexer counts, for statistics and for the words an operator hears."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Tally:
    """What happened since birth; every number only grows."""

    frames: int = 0
    key_frames: int = 0
    audio_frames: int = 0
    resyncs: int = 0  # times the byte stream was lost and a pack header was searched
    skipped_bytes: int = 0  # bytes passed over while searching
    damaged: int = 0  # access units dropped because something in them was missing
    withheld: int = 0  # whole video frames kept back while a key frame was awaited
    psm: int = 0
    psm_errors: int = 0
    pes: int = 0
    pes_errors: int = 0
    private_bytes: int = 0  # private, padding and unknown units, passed over by length
    clock_repairs: int = 0

    def add(self, other: Tally) -> None:
        """Add another's numbers to these."""
        for count in fields(self):
            setattr(self, count.name, getattr(self, count.name) + getattr(other, count.name))
