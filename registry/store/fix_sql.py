"""Places in the database, on the store's thread and by its one writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from registry.fix import FIX_FIELDS, KeptFix
from registry.store import tables
from registry.store.alarm_sql import Ask, Write

_fixes = tables.fixes


class SqlFixes:
    """Keeps `fix_promise.FixShelf`."""

    def __init__(self, ask: Ask, write: Write, dialect: Callable[[], str]) -> None:
        self._ask = ask
        self._write = write
        self._dialect = dialect

    async def keep(self, fixes: Sequence[KeptFix]) -> None:
        if fixes:
            async with self._write() as carry:
                await carry(self._upsert(), [asdict(fix) for fix in fixes])

    async def track(self, owner: str, code: str, start_ms: int, end_ms: int, limit: int) -> list[KeptFix]:
        columns = _fixes.c
        statement = (
            _rows()
            .where(columns.owner == owner, columns.code == code, columns.at_ms >= start_ms, columns.at_ms < end_ms)
            .order_by(columns.at_ms.desc())
            .limit(limit)
        )
        return [KeptFix(*row) for row in await self._ask(statement)][::-1]

    async def latest(self, limit: int) -> list[KeptFix]:
        columns = _fixes.c
        last = (
            select(columns.owner, columns.code, func.max(columns.at_ms).label("at_ms"))
            .group_by(columns.owner, columns.code)
            .subquery()
        )
        joined = (columns.owner == last.c.owner) & (columns.code == last.c.code) & (columns.at_ms == last.c.at_ms)
        statement = _rows().join(last, joined).order_by(columns.at_ms.desc(), columns.owner, columns.code).limit(limit)
        return [KeptFix(*row) for row in await self._ask(statement)]

    async def count(self) -> int:
        return int((await self._ask(select(func.count()).select_from(_fixes)))[0][0])

    async def prune(self, before_ms: int, most: int) -> int:
        edge = await self._ask(select(_fixes.c.at_ms).order_by(_fixes.c.at_ms.desc()).limit(1).offset(most))
        old = or_(_fixes.c.at_ms < bindparam("before"), _fixes.c.at_ms <= bindparam("edge"))
        values = [{"before": before_ms, "edge": int(edge[0][0]) if edge else -1}]
        async with self._write() as carry:
            return await carry(delete(_fixes).where(old), values)

    async def forget(self, owner: str) -> None:
        async with self._write() as carry:
            await carry(delete(_fixes).where(_fixes.c.owner == bindparam("whose")), [{"whose": owner}])

    def _upsert(self) -> postgresql.Insert | sqlite.Insert:
        insert = postgresql.insert(_fixes) if self._dialect() == "postgresql" else sqlite.insert(_fixes)
        others = [column.name for column in _fixes.columns if not column.primary_key]
        return insert.on_conflict_do_update(
            index_elements=list(_fixes.primary_key), set_={name: insert.excluded[name] for name in others}
        )


def _rows() -> Select[Any]:
    return select(*(_fixes.c[name] for name in FIX_FIELDS))
