"""What a device shall be set to: checked by the description, then the one element of a DeviceConfig."""

from __future__ import annotations

import re
from itertools import pairwise

from gb28181.charset import Charset, encode
from gb28181.manscdp import fields as words
from gb28181.manscdp.config import Setting
from gb28181.manscdp.writing import printed
from gb28181.settings.field import Field, Kind, SettingType, Value
from gb28181.settings.reading import in_range, is_choice


class Unfit(ValueError):
    """A value that cannot be set. `path` is where (`Item.1.Text`, things from 0, "" the whole), `rule` which rule it
    breaks, `limit` what that rule allows."""

    def __init__(self, path: str, rule: str, limit: str = "") -> None:
        super().__init__(f"{path or 'the value'} is {rule}{f' ({limit})' if limit else ''}")
        self.path = path
        self.rule = rule
        self.limit = limit


def write(kind: SettingType, value: Value, year: str) -> Setting:
    """The element that sets a type to `value` on a device of that edition.

    Fields that are only read, and those of the other edition, are left out, so that what was read may be given back
    changed. Raises Unfit.
    """
    if year not in kind.years:
        raise Unfit("", "not-in-edition", "/".join(kind.years))
    if not kind.may_be_set(year):
        raise Unfit("", "read-only")
    element = _element(kind.form, value, year, "")
    if kind.form.kind is Kind.GROUP and not element.within:
        raise Unfit("", "empty")
    return element


def _element(field: Field, value: Value, year: str, path: str) -> Setting:
    match field.kind:
        case Kind.GROUP:
            return Setting(field.name, within=_parts(field, value, year, path))
        case Kind.LIST:
            things = _things(field, value, year, path)
            return Setting(field.name, within=things, attributes=(("Num", str(len(things))),))
    return Setting(field.name, _text(field, value, path))


def _parts(field: Field, value: Value, year: str, path: str) -> tuple[Setting, ...]:
    if not isinstance(value, dict):
        raise Unfit(path, "not-a-group")
    strange = value.keys() - {part.name for part in field.fields}
    if strange:
        raise Unfit(_below(path, min(strange)), "unknown-field")
    made: list[Setting] = []
    for part in field.fields:
        if year not in part.set:
            continue
        at = _below(path, part.name)
        given = value.get(part.name)
        is_needed = _is_needed(part, value)
        if given is None and part.kind is Kind.LIST and is_needed:
            given = []
        if given is None or (given == "" and part.kind is not Kind.TEXT):
            if is_needed:
                raise Unfit(at, "missing")
            continue
        made.extend(_list(part, given, year, at) if part.kind is Kind.LIST else (_element(part, given, year, at),))
    return tuple(made)


def _is_needed(part: Field, beside: dict[str, Value]) -> bool:
    if part.must_when is not None:
        name, wanted = part.must_when
        return beside.get(name) == wanted
    return part.must


def _list(field: Field, value: Value, year: str, path: str) -> tuple[Setting, ...]:
    """A list among its neighbours, with the count before it."""
    things = _things(field, value, year, path)
    count = (Setting(field.counted_by, str(len(things))),) if field.counted_by else ()
    if field.is_wrapped:
        return (*count, Setting(field.name, within=things, attributes=(("Num", str(len(things))),)))
    return (*count, *things)


def _things(field: Field, value: Value, year: str, path: str) -> tuple[Setting, ...]:
    if not isinstance(value, list):
        raise Unfit(path, "not-a-list")
    if len(value) > field.most:
        raise Unfit(path, "too-many", str(field.most))
    if len(value) < field.fewest:
        raise Unfit(path, "too-few", str(field.fewest))
    things = tuple(
        Setting(field.item, within=_parts(field, thing, year, _below(path, str(number))))
        for number, thing in enumerate(value)
    )
    given = [thing for thing in value if isinstance(thing, dict)]
    if field.distinct:
        names = [thing.get(field.distinct) for thing in given]
        twice = next((number for number, name in enumerate(names) if name in names[:number]), None)
        if twice is not None:
            raise Unfit(f"{_below(path, str(twice))}.{field.distinct}", "twice")
    if field.is_span:
        _check_spans(given, path)
    return things


def _check_spans(spans: list[dict[str, Value]], path: str) -> None:
    moments = []
    for number, span in enumerate(spans):
        start, stop = (tuple(span[f"{end}{unit}"] for unit in ("Hour", "Min", "Sec")) for end in ("Start", "Stop"))
        if start >= stop:  # whole numbers, checked before
            raise Unfit(_below(path, str(number)), "ends-before-it-starts")
        moments.append((start, stop, number))
    for (_, stop, _number), (start, _stop, number) in pairwise(sorted(moments)):
        if start < stop:
            raise Unfit(_below(path, str(number)), "overlaps")


def _text(field: Field, value: Value, path: str) -> str:
    match field.kind:
        case Kind.WHOLE:
            if isinstance(value, bool) or not isinstance(value, int):
                raise Unfit(path, "not-a-whole-number")
            return printed(_ranged(field, value, path))
        case Kind.DECIMAL:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Unfit(path, "not-a-number")
            return printed(_ranged(field, float(value), path))
        case Kind.FLAG:
            if not isinstance(value, bool):
                raise Unfit(path, "not-yes-or-no")
            return str(int(value))
        case Kind.CHOICE:
            return _choice(field, value, path)
        case Kind.CHOICES:
            if not isinstance(value, list):
                raise Unfit(path, "not-a-list")
            return "/".join(_choice(field, one, path) for one in value)
        case Kind.CORNERS:
            return _corners(value, path)
    return _letters(field, value, path)


def _ranged(field: Field, number: int | float, path: str) -> int | float:
    if not in_range(field, number):
        high = words.MOST if field.high is None else field.high
        raise Unfit(path, "out-of-range", f"{field.low}-{high}" if field.high is not None else f">= {field.low}")
    return number


def _choice(field: Field, value: Value, path: str) -> str:
    if not isinstance(value, str) or not is_choice(field, value):
        raise Unfit(path, "no-such-choice", "/".join(field.choices))
    return value


def _corners(value: Value, path: str) -> str:
    sides = value if isinstance(value, list) else []
    whole = [side for side in sides if isinstance(side, int) and not isinstance(side, bool) and 0 <= side <= 99_999]
    if len(whole) != 4 or len(sides) != 4:
        raise Unfit(path, "not-four-corners")
    if whole[0] >= whole[2] or whole[1] >= whole[3]:
        raise Unfit(path, "empty-box")
    return ",".join(map(str, whole))


def _letters(field: Field, value: Value, path: str) -> str:
    if not isinstance(value, str):
        raise Unfit(path, "not-a-text")
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise Unfit(path, "not-printable")
    if field.longest and len(encode(value, Charset.GB18030)) > field.longest:
        raise Unfit(path, "too-long", str(field.longest))
    if len(value) > words.LONGEST_TEXT:
        raise Unfit(path, "too-long", str(words.LONGEST_TEXT))
    if len(value) < field.fewest:
        raise Unfit(path, "missing")
    if field.pattern and re.fullmatch(field.pattern, value) is None:
        raise Unfit(path, "wrong-form", field.pattern)
    return value


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
