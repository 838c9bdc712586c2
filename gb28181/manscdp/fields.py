"""Typed fields read off an element, with the tolerance that real devices demand (signalling reference 10.3).

Names are compared without case and namespace, and a field that cannot be read counts as absent: nothing here raises.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Iterator
from datetime import datetime
from math import isfinite
from xml.etree.ElementTree import Element

LONGEST_TEXT = 1024
"""Characters kept of any one field; the standard's longest text is as long."""

MOST = 2**31 - 1
"""The largest count; nobody has more, and whoever stores it may rely on 32 bits."""

BEIJING_S = 8 * 3600
"""Seconds by which times on the wire, Beijing time without a zone, are ahead of UTC."""


class Fields:
    """The children of an element by name; of several with one name the first counts."""

    __slots__ = ("_children", "element")

    def __init__(self, element: Element) -> None:
        self.element = element
        self._children: dict[str, Element] = {}
        for child in element:
            self._children.setdefault(local_name(child), child)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._children

    def child(self, *names: str) -> Element | None:
        """The first child that has one of the names."""
        for name in names:
            found = self._children.get(name.lower())
            if found is not None:
                return found
        return None

    def inside(self, *names: str) -> Fields | None:
        found = self.child(*names)
        return Fields(found) if found is not None else None

    def every(self, *names: str) -> Iterator[Element]:
        wanted = {name.lower() for name in names}
        return (child for child in self.element if local_name(child) in wanted)

    def text(self, *names: str) -> str:
        return text_of(self.child(*names))

    def integer(self, *names: str) -> int | None:
        return integer(self.text(*names))

    def count(self, *names: str) -> int | None:
        """A whole number from 0 to `MOST`, None for any other: what counts things, and what numbers kinds."""
        value = self.integer(*names)
        return value if value is not None and 0 <= value <= MOST else None

    def number(self, *names: str) -> float | None:
        return number(self.text(*names))

    def time(self, *names: str) -> float | None:
        return time(self.text(*names))

    def switch(self, *names: str) -> bool | None:
        return switch(self.text(*names))


def local_name(element: Element) -> str:
    """An element's name, lower case, without the namespace that the standard's messages do not have."""
    return element.tag.rpartition("}")[2].lower()


def text_of(element: Element | None) -> str:
    if element is None or element.text is None:
        return ""
    return element.text.strip()[:LONGEST_TEXT]


def integer(text: str) -> int | None:
    """A whole number: `7`, `+7`, `7.0`; None for "", `null`, `-` and whatever is above 18 digits."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits.isascii() and digits.isdigit() and len(digits) <= 18:
        return int(text)
    value = number(text)
    return int(value) if value is not None and value.is_integer() and abs(value) < 1e15 else None


def number(text: str) -> float | None:
    """A decimal number: also `117,31`, `117.31E`, `31.8°`; W and S make it negative. None when it is none."""
    try:
        value = float(text if text.isascii() else "")
    except ValueError:
        return _odd_number(text)
    return value if isfinite(value) else None


def _odd_number(text: str) -> float | None:
    kept = text.strip().rstrip("EeNn°度 \t")
    negative = kept[-1:] in ("W", "w", "S", "s")
    kept = kept.rstrip("WwSs°度 \t").replace("，", ",")
    if kept.count(",") == 1 and "." not in kept:
        kept = kept.replace(",", ".")
    digits = kept[1:] if kept[:1] in ("+", "-") else kept
    if not (digits.isascii() and digits.replace(".", "", 1).isdigit()) or len(digits) > 32:
        return None
    value = float(kept)
    return -value if negative else value


_ON = frozenset({"on", "online", "ok", "1", "true", "yes", "normal"})
_OFF = frozenset({"off", "offline", "error", "0", "false", "no", "notok", "abnormal"})


def switch(text: str) -> bool | None:
    """ON/OFF, and what devices write for it; None when it says neither."""
    word = text.casefold()
    return True if word in _ON else False if word in _OFF else None


def time(text: str) -> float | None:
    """UNIX seconds of a time on the wire; Beijing time unless it has a zone. None when it names no moment.

    Fractions, `Z`, `+08:00`, a blank for `T`, unpadded parts and `/` between them are read; all zeros is no time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _odd_time(text)
    shift = moment.utcoffset()
    return _unix(moment, BEIJING_S if shift is None else shift.total_seconds())


def _unix(moment: datetime, ahead_s: float) -> float:
    return timegm((*moment.timetuple()[:6], 0, 0, 0)) + moment.microsecond / 1e6 - ahead_s


def _odd_time(text: str) -> float | None:
    cleaned = text.strip().upper()[:40].replace("/", "-").replace("T", " ")
    day, _, clock = cleaned.partition(" ")
    clock = clock.replace(" ", "")
    ahead_s: float = BEIJING_S
    if clock.endswith("Z"):
        clock, ahead_s = clock[:-1], 0
    for sign, direction in (("+", 1), ("-", -1)):
        clock, found, zone = clock.partition(sign)
        if found:
            hours, minutes = _numbers(zone, ":", 2)
            ahead_s = direction * (hours * 3600 + minutes * 60)
            break
    clock, _, fraction = clock.partition(".")
    try:
        moment = datetime(*_numbers(day, "-", 3), *_numbers(clock, ":", 3))  # type: ignore[arg-type]  # six whole numbers
    except (ValueError, OverflowError):
        return None
    part_s = float(f"0.{fraction}") if fraction.isascii() and fraction.isdigit() else 0.0
    return _unix(moment, ahead_s) + part_s


def _numbers(text: str, mark: str, count: int) -> tuple[int, ...]:
    parts = text.split(mark)[:count]
    whole = [int(part) if part.isascii() and part.isdigit() and len(part) <= 4 else 0 for part in parts]
    return tuple(whole + [0] * (count - len(whole)))


def wire_time(at: float) -> str:
    """UNIX seconds as the wire has them: Beijing time, whole seconds, no zone. Years 1 to 9999 only."""
    days_s = int(at // 1) + BEIJING_S
    return datetime.fromordinal(_EPOCH_DAY + days_s // 86400).strftime("%Y-%m-%d") + "T" + _clock(days_s % 86400)


_EPOCH_DAY = datetime(1970, 1, 1).toordinal()


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def multiple(text: str) -> tuple[str, ...]:
    """The values of a multi-valued text, joined with `/` on the wire; blanks are dropped."""
    return tuple(part for piece in text.split("/") if (part := piece.strip()))
