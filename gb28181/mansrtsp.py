"""MANSRTSP, the control of a recording that flows (2022 annex B): written by who plays it, and read as far as whoever
passes it on must know it.

A body that is passed on goes on byte for byte (media.md 6.5).
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
    """One request. `scale` None keeps the speed; `jumps` says that it goes on elsewhere than where it stands, `npt_s`
    where, in seconds from the beginning, when it says so in such seconds."""

    method: Method
    scale: float | None = None
    jumps: bool = False
    npt_s: float | None = None


def read_control(body: bytes) -> Control | None:
    """What a body asks for, whichever version token its start line has; None for what is no request of ours.

    >>> read_control(b"PLAY RTSP/1.0\\r\\nCSeq: 2\\r\\nRange: npt=100-\\r\\n\\r\\n")
    Control(method=<Method.PLAY: 'PLAY'>, scale=None, jumps=True, npt_s=100.0)
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
    wanted = headers.get("range", "") if method is Method.PLAY else ""
    return Control(method, _number(headers.get("scale", "")), _jumps(wanted), _seconds(wanted))


def pause(cseq: int) -> bytes:
    """Stand still where it is."""
    return _written("PAUSE", cseq, "PauseTime: now")


def resume(cseq: int) -> bytes:
    """Go on from where it stands, at the speed it had: no Scale (media.md 6.2)."""
    return _written("PLAY", cseq, "Range: npt=now-")


def scale(cseq: int, speed: float) -> bytes:
    """Another speed from where it stands: no Range. Negative plays backwards (2022 B.2.8)."""
    return _written("PLAY", cseq, f"Scale: {float(speed)!r}")


def seek(cseq: int, npt_s: float) -> bytes:
    """Go on elsewhere, seconds from the beginning of what was asked for: no Scale, the speed stays."""
    return _written("PLAY", cseq, f"Range: npt={max(0.0, npt_s):.3f}".rstrip("0").rstrip(".") + "-")


def _written(method: str, cseq: int, line: str) -> bytes:
    # 2016 samples print MANSRTSP/1.0; RTSP/1.0 is what devices of either edition take (media.md 6.1).
    return f"{method} RTSP/1.0\r\nCSeq: {cseq}\r\n{line}\r\n\r\n".encode()


def _jumps(wanted: str) -> bool:
    """`npt=now-` goes on where it stands (2016 misprints ntp); any other range begins somewhere else."""
    start = wanted.partition("=")[2].partition("-")[0].strip().casefold()
    return bool(start) and start != "now"


def _seconds(wanted: str) -> float | None:
    """Where `npt=100-` begins."""
    unit, _, rest = wanted.partition("=")
    start = rest.partition("-")[0].strip()
    is_plain = start.replace(".", "", 1).isdigit() and start.isascii() and len(start) <= 12
    return float(start) if unit.strip().casefold() in ("npt", "ntp") and is_plain else None


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if -64 <= found <= 64 else None
