"""Faults to order: what a simulated platform does wrong, so that others can be seen to bear it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

KINDS = {
    "sum-num": "sum-num=+3      claim so many items more (or fewer) than there are",
    "lose-part": "lose-part=2     leave this part of every list unsaid (the first is 1); may be repeated",
    "repeat-part": "repeat-part=2   say this part twice; may be repeated",
    "backwards": "backwards       say the parts from the last to the first",
    "late": "late=2.5        so many seconds before every part and every answer",
    "wrong-charset": "wrong-charset   declare GB2312 and write UTF-8",
    "silent": "silent=Catalog  SIP 200, and no answer after it; a CmdType, may be repeated",
    "mute": "mute=INVITE     no word of SIP either; a method or CmdType, may be repeated",
    "refuse": "refuse=INVITE:486  answer a method or CmdType with this status; may be repeated",
    "no-y": "no-y            leave the y= line out of offers and answers",
    "foreign-ssrc": "foreign-ssrc    send (or ask for) another SSRC than agreed, or of another realm",
    "silent-media": "silent-media    take calls and send nothing",
    "redirect": "redirect=CODE@HOST:PORT  answer REGISTER with 302 to that platform (role upper)",
}


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong. `silent`, `mute` and `refuse` name methods (INVITE) or kinds of message (Catalog)."""

    sum_num_off_by: int = 0
    lose_parts: frozenset[int] = frozenset()
    repeat_parts: frozenset[int] = frozenset()
    backwards: bool = False
    late_s: float = 0.0
    wrong_charset: bool = False
    silent: frozenset[str] = frozenset()
    mute: frozenset[str] = frozenset()
    refuse: Mapping[str, int] = field(default_factory=dict)
    no_y: bool = False
    foreign_ssrc: bool = False
    silent_media: bool = False
    redirect: tuple[str, str, int] | None = None
    """Code, host and port of another platform."""

    @classmethod
    def ordered(cls, orders: Iterable[str]) -> Faults:
        """Faults as written on a command line, see `KINDS`. ValueError for one that cannot be meant."""
        faults = cls()
        for order in orders:
            name, _, value = order.partition("=")
            if name not in KINDS:
                raise ValueError(f"there is no fault {name!r}; known are {', '.join(KINDS)}")
            try:
                faults = replace(faults, **_change(faults, name, value))
            except (ValueError, IndexError) as error:
                raise ValueError(f"{order!r} cannot be meant; write it like {KINDS[name].split()[0]}") from error
        return faults

    def parts(self, parts: list[Any]) -> list[Any]:  # Any: parts of whichever list
        """The parts of a list as they go out."""
        kept: list[Any] = []
        for number, part in enumerate(parts, 1):
            if number not in self.lose_parts:
                kept += [part] * (2 if number in self.repeat_parts else 1)
        return kept[::-1] if self.backwards else kept

    def ssrc(self, agreed: int) -> int:
        """The number that is really used where `agreed` was."""
        return (agreed + 7_000_000) % 2**32 if self.foreign_ssrc else agreed


def _change(faults: Faults, name: str, value: str) -> dict[str, Any]:  # Any: each field's own type
    match name:
        case "sum-num":
            return {"sum_num_off_by": int(value)}
        case "lose-part":
            return {"lose_parts": faults.lose_parts | {int(value)}}
        case "repeat-part":
            return {"repeat_parts": faults.repeat_parts | {int(value)}}
        case "late":
            return {"late_s": float(value)}
        case "silent" | "mute":
            if not value:
                raise ValueError("whom?")
            return {name: getattr(faults, name) | {value}}
        case "refuse":
            what, _, status = value.partition(":")
            if not what or not 300 <= int(status) < 700:
                raise ValueError("what, with which status?")
            return {"refuse": {**faults.refuse, what: int(status)}}
        case "redirect":
            code, _, address = value.partition("@")
            host, _, port = address.rpartition(":")
            if not code or not host:
                raise ValueError("where to?")
            return {"redirect": (code, host.strip("[]"), int(port))}
    return {name.replace("-", "_"): True}
