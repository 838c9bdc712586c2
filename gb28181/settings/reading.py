"""A configuration as a device told it, read by its description with the tolerance real devices demand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gb28181.manscdp import fields as words
from gb28181.manscdp.config import Setting
from gb28181.settings.field import Field, Kind, SettingType, Value

MOST_THINGS = 64


@dataclass(frozen=True, slots=True)
class Told:
    """`value` is what could be read. `odd` are paths (`Item.1.FrameRate`, things from 0) of what is there and does not
    fit the description: it is in `value` all the same where it could be read at all."""

    value: Value
    odd: tuple[str, ...] = ()


def find(kind: SettingType, settings: Iterable[Setting]) -> Setting | None:
    """The element of a type among those of an answer, by any name it goes by."""
    names = {name.lower() for name in (kind.name, *kind.aliases)}
    return next((setting for setting in settings if setting.name.lower() in names), None)


def read(kind: SettingType, setting: Setting) -> Told:
    """What a device told. Never raises; fields of whatever edition are read when they are there."""
    odd: list[str] = []
    value = _read(kind.form, setting, "", odd)
    if value is None:
        value = _nothing(kind.form)
    return Told(value, tuple(odd))


def _nothing(field: Field) -> Value:
    return [] if field.kind is Kind.LIST else {} if field.kind is Kind.GROUP else ""


def _read(field: Field, setting: Setting, path: str, odd: list[str]) -> Value | None:
    match field.kind:
        case Kind.GROUP:
            return _group(field, setting, path, odd)
        case Kind.LIST:
            return _things(field, setting.within, path, odd)
    value, fits = _scalar(field, setting.text.strip())
    if not fits:
        odd.append(path or field.name)
    return value


def _group(field: Field, setting: Setting, path: str, odd: list[str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for part in field.fields:
        below = f"{path}.{part.name}" if path else part.name
        value: Value | None
        if part.kind is Kind.LIST and not part.is_wrapped:
            value = _things(part, setting.within, below, odd)
        else:
            inner = setting.find(part.name)
            value = _read(part, inner, below, odd) if inner is not None else None
        if value is not None:
            found[part.name] = value
    return found


def _things(field: Field, within: Iterable[Setting], path: str, odd: list[str]) -> list[Value]:
    things = [one for one in within if one.name.lower() == field.item.lower()][:MOST_THINGS]
    if field.most and len(things) > field.most:
        odd.append(path or field.name)
    start = f"{path}." if path else ""
    return [_group(field, thing, f"{start}{number}", odd) for number, thing in enumerate(things)]


def _scalar(field: Field, text: str) -> tuple[Value | None, bool]:
    """What a text says, and whether that fits; an empty text says nothing."""
    if not text and field.kind is not Kind.TEXT:
        return None, True
    match field.kind:
        case Kind.WHOLE:
            whole = words.integer(text)
            return whole, whole is not None and in_range(field, whole)
        case Kind.DECIMAL:
            number = words.number(text)
            return number, number is not None and in_range(field, number)
        case Kind.FLAG:
            flag = words.switch(text)
            return flag, flag is not None
        case Kind.CHOICE:
            choice = _spelt(field, text)
            return choice, is_choice(field, choice)
        case Kind.CHOICES:
            several = [_spelt(field, part) for part in words.multiple(text.replace(",", "/"))]
            return list(several), all(is_choice(field, one) for one in several)
        case Kind.CORNERS:
            sides = [words.integer(part.strip()) for part in text.split(",")]
            corners: list[Value] = [side for side in sides if side is not None]
            return (corners, True) if len(corners) == 4 == len(sides) else (None, False)
    return text, not field.pattern or re.fullmatch(field.pattern, text) is not None


def _spelt(field: Field, text: str) -> str:
    """A number among the choices may be written `01`."""
    if text not in field.choices and text.isascii() and text.isdigit() and str(int(text)) in field.choices:
        return str(int(text))
    return text


def in_range(field: Field, number: float) -> bool:
    return (field.low is None or number >= field.low) and number <= (words.MOST if field.high is None else field.high)


def is_choice(field: Field, text: str) -> bool:
    return text in field.choices or bool(field.pattern and re.fullmatch(field.pattern, text))
