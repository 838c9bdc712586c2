"""Alarms in the database, on the store's thread and by its one writer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from registry.alarm import ALARM_FIELDS, AlarmState, AlarmStep, AlarmWanted, KeptAlarm
from registry.alarm_rule import RULE_FIELDS, AlarmRule
from registry.store import tables

MANY = 500
"""Keys in one IN (...)."""

_alarms = tables.alarms
_steps = tables.alarm_steps
_rules = tables.alarm_rules
_links = tables.alarm_links
_STEP_FIELDS = ("alarm", "number", "at", "who", "deed", "note")

# What a statement gives is said by whoever reads its rows.
Ask = Callable[[Select[Any]], Awaitable[list[tuple[Any, ...]]]]
Write = Callable[[], AbstractAsyncContextManager["Carry"]]
Carry = Callable[[Any, list[dict[str, Any]]], Awaitable[int]]
"""Carries out one statement with its rows in the open transaction; how many rows it touched."""


class SqlAlarms:
    """Keeps `alarm_promise.AlarmShelf`. `ask` reads, `write` opens a transaction in which statements are carried out;
    `dialect` names the database once it is open."""

    def __init__(self, ask: Ask, write: Write, dialect: Callable[[], str]) -> None:
        self._ask = ask
        self._write = write
        self._dialect = dialect

    async def keep(self, alarms: Sequence[KeptAlarm], steps: Sequence[AlarmStep] = ()) -> None:
        async with self._write() as carry:
            if alarms:
                await carry(self._upsert(_alarms), [asdict(alarm) | {"state": str(alarm.state)} for alarm in alarms])
            if steps:
                await carry(self._upsert(_steps), [asdict(step) for step in steps])

    async def find(self, wanted: AlarmWanted, before: int | None, limit: int) -> list[KeptAlarm]:
        statement = _rows().where(*_conditions(wanted)).order_by(_alarms.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(_alarms.c.id < before)
        return [_alarm(row) for row in await self._ask(statement)]

    async def count(self, wanted: AlarmWanted) -> int:
        counted = await self._ask(select(func.count()).select_from(_alarms).where(*_conditions(wanted)))
        return int(counted[0][0])

    async def these(self, ids: Sequence[int]) -> list[KeptAlarm]:
        found: list[KeptAlarm] = []
        for start in range(0, len(ids), MANY):
            rows = await self._ask(_rows().where(_alarms.c.id.in_(ids[start : start + MANY])))
            found += map(_alarm, rows)
        return found

    async def steps(self, alarm: int) -> list[AlarmStep]:
        statement = select(*(_steps.c[name] for name in _STEP_FIELDS)).where(_steps.c.alarm == alarm)
        return [AlarmStep(*row) for row in await self._ask(statement.order_by(_steps.c.number))]

    async def standing(self) -> list[tuple[str, int, int]]:
        statement = select(_alarms.c.state, _alarms.c.priority, func.count())
        rows = await self._ask(statement.group_by(_alarms.c.state, _alarms.c.priority))
        return [(str(state), int(priority), int(count)) for state, priority, count in rows]

    async def last_id(self) -> int:
        last = await self._ask(select(func.max(_alarms.c.id)))
        return int(last[0][0] or 0)

    async def prune(self, before: float, most: int) -> int:
        kept = await self._ask(select(_alarms.c.id).order_by(_alarms.c.id.desc()).limit(1).offset(most))
        first = int(kept[0][0]) if kept else -1
        old = or_(_alarms.c.id <= bindparam("first"), _alarms.c.heard_at < bindparam("before"))
        gone = select(_alarms.c.id).where(old)
        values = [{"first": first, "before": before}]
        async with self._write() as carry:
            await carry(delete(_steps).where(_steps.c.alarm.in_(gone)), values)
            return await carry(delete(_alarms).where(old), values)

    async def rules(self) -> list[AlarmRule]:
        rows = await self._ask(select(*(_rules.c[name] for name in RULE_FIELDS)).order_by(_rules.c.id))
        known = [dict(zip(RULE_FIELDS, row, strict=True)) for row in rows]
        return [AlarmRule(**row | {"methods": tuple(map(int, row["methods"]))}) for row in known]

    async def keep_rule(self, rule: AlarmRule) -> None:
        async with self._write() as carry:
            await carry(self._upsert(_rules), [asdict(rule) | {"methods": "".join(map(str, rule.methods))}])

    async def drop_rule(self, rule: str) -> None:
        async with self._write() as carry:
            await carry(delete(_rules).where(_rules.c.id == bindparam("rule")), [{"rule": rule}])

    async def links(self) -> list[tuple[str, str, str]]:
        rows = await self._ask(select(_links.c.owner, _links.c.input, _links.c.camera).order_by(*_links.primary_key))
        return [(owner, name, camera) for owner, name, camera in rows]

    async def keep_link(self, owner: str, name: str, camera: str) -> None:
        async with self._write() as carry:
            await carry(self._upsert(_links), [{"owner": owner, "input": name, "camera": camera}])

    async def drop_link(self, owner: str, name: str) -> None:
        this = (_links.c.owner == bindparam("whose")) & (_links.c.input == bindparam("name"))
        async with self._write() as carry:
            await carry(delete(_links).where(this), [{"whose": owner, "name": name}])

    def _upsert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        insert = postgresql.insert(table) if self._dialect() == "postgresql" else sqlite.insert(table)
        others = [column for column in table.columns if not column.primary_key]
        return insert.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={column.name: insert.excluded[column.name] for column in others},
        )


async def carry_out(connection: AsyncConnection, statement: Any, rows: list[dict[str, Any]]) -> int:
    """One statement with its rows: what `Carry` promises."""
    result = await connection.execute(statement, rows if len(rows) != 1 else rows[0])
    return max(0, result.rowcount)


def _rows() -> Select[Any]:
    return select(*(_alarms.c[name] for name in ALARM_FIELDS))


def _alarm(row: tuple[Any, ...]) -> KeptAlarm:
    known = dict(zip(ALARM_FIELDS, row, strict=True))
    return KeptAlarm(**known | {"state": AlarmState(known["state"])})


def _conditions(wanted: AlarmWanted) -> list[ColumnElement[bool]]:
    columns = _alarms.c
    found: list[ColumnElement[bool]] = []
    for column, values in (
        (columns.state, wanted.states),
        (columns.priority, wanted.priorities),
        (columns.method, wanted.methods),
    ):
        if values:
            found.append(column.in_(list(values)))
    if wanted.owner:
        found.append(columns.owner == wanted.owner)
    if wanted.channel:
        found.append(or_(columns.channel == wanted.channel, columns.video == wanted.channel))
    if wanted.assigned_to:
        found.append(columns.assigned_to == wanted.assigned_to)
    if wanted.since is not None:
        found.append(columns.last_at >= wanted.since)
    if wanted.until is not None:
        found.append(columns.first_at < wanted.until)
    return found + [columns.words.contains(term, autoescape=True) for term in wanted.terms]
