"""Whether a device is set as it was told to be: what was wanted against what it tells afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gb28181.settings.field import Field, Kind, SettingType, Value


@dataclass(frozen=True, slots=True)
class Difference:
    """`told` is None when the device does not say. Things of a list are counted from 0 in `path`; "" is the whole."""

    path: str
    wanted: Value
    told: Value | None


def differences(kind: SettingType, wanted: Value, told: Value, year: str) -> tuple[Difference, ...]:
    """Where what was set and what is told are not the same.

    Only what may be both set and told in that edition is compared, and only what was given. Things of a list are the
    same whatever their order, where something tells them apart.
    """
    return tuple(_compare(kind.form, wanted, told, year, ""))


def _compare(field: Field, wanted: Value, told: Value | None, year: str, path: str) -> Iterator[Difference]:
    if field.kind is Kind.GROUP and isinstance(wanted, dict):
        yield from _compare_parts(field, wanted, told if isinstance(told, dict) else {}, year, path)
    elif field.kind is Kind.LIST and isinstance(wanted, list):
        yield from _compare_things(field, wanted, told if isinstance(told, list) else [], year, path)
    elif wanted != told:
        yield Difference(path, wanted, told)


def _compare_parts(
    field: Field, wanted: dict[str, Value], told: dict[str, Value], year: str, path: str
) -> Iterator[Difference]:
    for part in field.fields:
        value = wanted.get(part.name)
        if value is None or year not in part.set or year not in part.told:
            continue
        if value == "" and part.kind is not Kind.TEXT:
            continue
        yield from _compare(part, value, told.get(part.name), year, f"{path}.{part.name}" if path else part.name)


def _compare_things(field: Field, wanted: list[Value], told: list[Value], year: str, path: str) -> Iterator[Difference]:
    if field.is_partial:
        told = _those_of(field, wanted, told)
    if len(wanted) != len(told):
        yield Difference(path, wanted, told)
        return
    start = f"{path}." if path else ""
    for number, (one, other) in enumerate(zip(_ordered(field, wanted), _ordered(field, told), strict=True)):
        if isinstance(one, dict):
            yield from _compare_parts(field, one, other if isinstance(other, dict) else {}, year, f"{start}{number}")


def _ordered(field: Field, things: list[Value]) -> list[Value]:
    if not field.distinct:
        return things
    return sorted(things, key=lambda thing: str(thing.get(field.distinct, "")) if isinstance(thing, dict) else "")


def _those_of(field: Field, wanted: list[Value], told: list[Value]) -> list[Value]:
    """Of what is told, the things that were wanted."""
    names = [thing.get(field.distinct) for thing in wanted if isinstance(thing, dict)]
    return [thing for thing in told if isinstance(thing, dict) and thing.get(field.distinct) in names]
