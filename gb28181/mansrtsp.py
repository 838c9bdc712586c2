"""MANSRTSP, the control of a recording that flows: read as far as whoever passes it on must know it (2022 annex B).

The body itself goes on byte for byte (media.md 6.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CONTENT_TYPE = "Application/MANSRTSP"
LONGEST = 4096
_LINES = 64


class Method(StrEnum):
    """What is asked for."""

    PLAY = "PLAY"
    PAUSE = "PAUSE"
    TEARDOWN = "TEARDOWN"


@dataclass(frozen=True, slots=True)
class Control:
    """One request. `scale` None keeps the speed; `jumps` says that it goes on elsewhere than where it stands."""

    method: Method
    scale: float | None = None
    jumps: bool = False


def read_control(body: bytes) -> Control | None:
    """What a body asks for, whichever version token its start line has; None for what is no request of ours.

    >>> read_control(b"PLAY RTSP/1.0\\r\\nCSeq: 2\\r\\nRange: npt=100-\\r\\n\\r\\n")
    Control(method=<Method.PLAY: 'PLAY'>, scale=None, jumps=True)
    """
    if len(body) > LONGEST:
        return None
    lines = body.decode("ascii", "replace").splitlines()[:_LINES]
    words = lines[0].split() if lines else []
    try:
        method = Method(words[0].upper() if words else "")
    except ValueError:
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().casefold(), value.strip())
    return Control(
        method, _number(headers.get("scale", "")), method is Method.PLAY and _jumps(headers.get("range", ""))
    )


def _jumps(wanted: str) -> bool:
    """`npt=now-` goes on where it stands (2016 misprints ntp); any other range begins somewhere else."""
    start = wanted.partition("=")[2].partition("-")[0].strip().casefold()
    return bool(start) and start != "now"


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if -64 <= found <= 64 else None
