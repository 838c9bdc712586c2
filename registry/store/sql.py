"""The store over SQLAlchemy Core: SQLite in WAL mode, or PostgreSQL by its URL.

All SQL runs on a thread of its own. There is one writer at a time; SQLite knows no more, and PostgreSQL has no need.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from asyncpg import InterfaceError, PostgresError
from sqlalchemy import (
    Column,
    Delete,
    Insert,
    MetaData,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    event,
    func,
    insert,
    make_url,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from gb28181.code import Kind
from registry.store import tables
from registry.store.alarm_sql import Carry, SqlAlarms, carry_out
from registry.store.fix_sql import SqlFixes
from registry.store.loop_thread import LoopThread
from registry.store.migrate import upgrade_over
from registry.store.promise import (
    AUDIT_TEXTS,
    LONGEST_SEGMENT_MS,
    ChannelRow,
    Row,
    SearchLine,
    SegmentRow,
    SegmentSum,
    SentRow,
    Shelf,
)
from registry.store.revision import UnknownRevision
from registry.store.url import driver_url

COPY_FROM = 1_000
"""Rows from which PostgreSQL takes them by COPY."""
MANY = 500
"""Keys in one IN (...)."""
CACHE_KB = 2_048
"""Pages of the file that each SQLite connection keeps; the system keeps them all once more, for everybody."""
BUSY_MS = 10_000
"""How long SQLite waits for another program that writes."""

_channels = tables.channels
_members = tables.memberships
_sent = tables.upper_sent
_segments = tables.segments
_columns = tuple(column.name for column in _channels.columns)
_incoming = Table("incoming", MetaData(), *(Column(column.name, column.type) for column in _channels.columns))
_in_order = select(*(_channels.c[name] for name in ChannelRow._fields))
_sent_rows = select(*(_sent.c[name] for name in SentRow._fields))
_segment_rows = select(*(_segments.c[name] for name in SegmentRow._fields))


class SqlStore:
    """Keeps `promise.Store`. `url` is sqlite:///file or postgresql://...; ValueError for another."""

    def __init__(self, url: str) -> None:
        self._url = driver_url(url)
        self._thread = LoopThread("store")
        self._engine: AsyncEngine | None = None
        self._one_at_a_time = asyncio.Lock()
        self.alarms = SqlAlarms(self._read_rows, self._carrying, lambda: self._ready.dialect.name)
        self.fixes = SqlFixes(self._read_rows, self._carrying, lambda: self._ready.dialect.name)

    def __repr__(self) -> str:
        return f"SqlStore({self._url.partition('://')[0]})"

    async def open(self) -> None:
        self._thread.start()
        try:
            await self._thread.run(self._open())
        except (SQLAlchemyError, UnknownRevision, PostgresError, InterfaceError, OSError) as error:
            await self.close()
            raise ConnectionError(self._complaint(error)) from error
        except BaseException:
            await self.close()
            raise

    def _complaint(self, error: Exception) -> str:
        """One sentence for whoever set the URL; its password is not in it."""
        url = make_url(self._url)
        shown = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        if cause.startswith("[Errno "):
            cause = cause.partition("] ")[2]
        if isinstance(error, UnknownRevision):
            cure = "was it written by a newer version?"
        elif url.get_backend_name() == "sqlite":
            cure = "its folder must be there and writable for us"
        else:
            cure = "is PostgreSQL running there, and are user, password and database's name right?"
        return f"the database {shown} cannot be opened ({cause}); {cure}"

    async def _open(self) -> None:
        self._engine = create_async_engine(self._url)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine.sync_engine, "connect", _tune_sqlite)
        async with self._engine.begin() as connection:
            await connection.run_sync(upgrade_over)

    async def close(self) -> None:
        if self._engine is not None:
            await self._thread.run(self._engine.dispose())
            self._engine = None
        await self._thread.stop()

    @property
    def _ready(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("the store is not open")
        return self._engine

    @property
    def lent(self) -> int:
        """So many connections are at work."""
        pool = self._ready.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[SqlWriting]:
        async with self._one_at_a_time:
            connection = self._ready.connect()
            try:
                await self._thread.run(_begin(connection))
                yield SqlWriting(self._thread, connection)
            except BaseException:
                await self._thread.run(_end(connection, keep=False))
                raise
            await self._thread.run(_end(connection, keep=True))

    @asynccontextmanager
    async def _carrying(self) -> AsyncIterator[Carry]:
        async with self.writing() as writing:
            yield writing.carry

    async def load(self, shelf: Shelf) -> list[Row]:
        return [dict(row) for row in await self._read_mappings(select(tables.SHELVES[shelf]))]

    async def channels(self, keys: Sequence[tuple[str, str]]) -> list[ChannelRow]:
        by_owner: dict[str, list[str]] = {}
        for owner, code in keys:
            by_owner.setdefault(owner, []).append(code)
        found: list[ChannelRow] = []
        # Not (owner, code) IN (...): SQLite has no index for pairs in a list.
        for owner, codes in by_owner.items():
            for start in range(0, len(codes), MANY):
                some = codes[start : start + MANY]
                found += await self._read_channels(
                    _in_order.where(_channels.c.owner == owner, _channels.c.code.in_(some))
                )
        return found

    async def namesakes(self, code: str, limit: int) -> list[ChannelRow]:
        return await self._read_channels(
            _in_order.where(_channels.c.code == code).order_by(_channels.c.owner).limit(limit)
        )

    async def beginning(self, prefix: str, limit: int) -> list[tuple[str, str]]:
        statement = (
            select(_channels.c.owner, _channels.c.code)
            .where(_channels.c.code >= prefix, _channels.c.code < prefix + chr(0x10FFFF))
            .order_by(_channels.c.code, _channels.c.owner)
            .limit(limit)
        )
        return [(str(row["owner"]), str(row["code"])) for row in await self._read_mappings(statement)]

    async def channels_of(self, owner: str, after: str, limit: int) -> list[ChannelRow]:
        return await self._read_channels(_page(owner, after, limit))

    async def standing(self, place: str, after: tuple[str, str], limit: int) -> list[ChannelRow]:
        at_home = (
            _in_order.where(_channels.c.place == place, tuple_(_channels.c.code, _channels.c.owner) > after)
            .order_by(_channels.c.code, _channels.c.owner)
            .limit(limit)
        )
        as_members = (
            _in_order.join_from(
                _members, _channels, and_(_members.c.owner == _channels.c.owner, _members.c.code == _channels.c.code)
            )
            .where(_members.c.place == place, tuple_(_members.c.code, _members.c.owner) > after)
            .order_by(_members.c.code, _members.c.owner)
            .limit(limit)
        )
        rows = await self._read_channels(at_home) + await self._read_channels(as_members)
        return sorted(rows, key=lambda row: (row.code, row.owner))[:limit]

    async def lines(self, after: tuple[str, str], limit: int) -> list[SearchLine]:
        statement = (
            select(*(_channels.c[name] for name in SearchLine._fields))
            .where(tuple_(_channels.c.owner, _channels.c.code) > after)
            .order_by(_channels.c.owner, _channels.c.code)
            .limit(limit)
        )
        return await self._thread.run(self._read_lines(statement))

    async def export_rows(self, after: tuple[str, str], limit: int) -> list[ChannelRow]:
        return await self._read_channels(
            _in_order.where(tuple_(_channels.c.code, _channels.c.owner) > after)
            .order_by(_channels.c.code, _channels.c.owner)
            .limit(limit)
        )

    async def alike(self, codes: Sequence[str]) -> list[ChannelRow]:
        found: list[ChannelRow] = []
        for start in range(0, len(codes), MANY):
            found += await self._read_channels(_in_order.where(_channels.c.code.in_(codes[start : start + MANY])))
        return found

    async def shared(self, after: str, limit: int) -> list[str]:
        statement = (
            select(_channels.c.code)
            .where(_channels.c.code > after, func.substr(_channels.c.owner, 11, 3) == f"{Kind.SERVER:d}")
            .group_by(_channels.c.code)
            .having(func.count() > 1)
            .order_by(_channels.c.code)
            .limit(limit)
        )
        return [str(row["code"]) for row in await self._read_mappings(statement)]

    async def sent(self, upper: str, after: tuple[str, str], limit: int) -> list[SentRow]:
        return await self._read_sent(
            _sent_rows.where(_sent.c.upper == upper, tuple_(_sent.c.code, _sent.c.code_there) > after)
            .order_by(_sent.c.code, _sent.c.code_there)
            .limit(limit)
        )

    async def sent_of(self, upper: str, codes: Sequence[str]) -> list[SentRow]:
        found: list[SentRow] = []
        for start in range(0, len(codes), MANY):
            some = codes[start : start + MANY]
            found += await self._read_sent(_sent_rows.where(_sent.c.upper == upper, _sent.c.code.in_(some)))
        return found

    async def sent_count(self, upper: str) -> int:
        counted = await self._read_mappings(select(func.count().label("n")).where(_sent.c.upper == upper))
        return int(str(counted[0]["n"]))

    async def segments(self, owner: str, channel: str, start_ms: int, end_ms: int, limit: int) -> list[SegmentRow]:
        columns = _segments.c
        statement = (
            _segment_rows.where(
                columns.owner == owner,
                columns.channel == channel,
                columns.start_ms > start_ms - LONGEST_SEGMENT_MS,
                columns.start_ms < end_ms,
                columns.end_ms > start_ms,
            )
            .order_by(columns.start_ms, columns.recording, columns.name)
            .limit(limit)
        )
        return await self._read_segments(statement)

    async def segments_of(self, recording: str) -> list[SegmentRow]:
        return await self._read_segments(
            _segment_rows.where(_segments.c.recording == recording).order_by(_segments.c.name)
        )

    async def oldest_segments(self, owner: str, channel: str, limit: int) -> list[SegmentRow]:
        statement = _segment_rows.where(_segments.c.locked.is_(False))
        if owner or channel:
            statement = statement.where(_segments.c.owner == owner, _segments.c.channel == channel)
        return await self._read_segments(statement.order_by(_segments.c.start_ms).limit(limit))

    async def segment_sums(self) -> list[SegmentSum]:
        columns = _segments.c
        statement = select(
            columns.owner,
            columns.channel,
            func.count().label("files"),
            func.sum(columns.bytes).label("bytes"),
            func.min(columns.start_ms).label("first_ms"),
            func.max(columns.end_ms).label("last_ms"),
        ).group_by(columns.owner, columns.channel)
        rows = await self._read_mappings(statement)
        return [
            SegmentSum(str(row["owner"]), str(row["channel"]), *(int(str(row[name])) for name in _SUMS)) for row in rows
        ]

    async def audits(self, before: int | None, limit: int, text: str = "", what: str = "") -> list[Row]:
        book = tables.audit.c
        statement = select(tables.audit).order_by(book.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(book.id < before)
        if what:
            statement = statement.where(book.what == what)
        if text:
            statement = statement.where(or_(*(book[name].icontains(text, autoescape=True) for name in AUDIT_TEXTS)))
        return [dict(row) for row in await self._read_mappings(statement)]

    # A statement is Select[Any]: what its rows hold is said by the reader.

    async def _read_mappings(self, statement: Select[Any]) -> list[Mapping[str, object]]:
        async def read() -> list[Mapping[str, object]]:
            async with self._ready.connect() as connection:
                found = await connection.execute(statement)
                # SQLAlchemy's names of columns are a kind of str that strict readers refuse.
                names = [str(name) for name in found.keys()]  # noqa: SIM118  # it is no dict
                return [dict(zip(names, row, strict=True)) for row in found]

        return await self._thread.run(read())

    async def _read_rows(self, statement: Select[Any]) -> list[tuple[Any, ...]]:
        async def read() -> list[tuple[Any, ...]]:
            async with self._ready.connect() as connection:
                return [tuple(row) for row in await connection.execute(statement)]

        return await self._thread.run(read())

    async def _read_channels(self, statement: Select[Any]) -> list[ChannelRow]:
        async def read() -> list[ChannelRow]:
            async with self._ready.connect() as connection:
                return await _channel_rows(connection, statement)

        return await self._thread.run(read())

    async def _read_sent(self, statement: Select[Any]) -> list[SentRow]:
        async def read() -> list[SentRow]:
            async with self._ready.connect() as connection:
                return [SentRow._make(row) for row in (await connection.execute(statement)).all()]

        return await self._thread.run(read())

    async def _read_segments(self, statement: Select[Any]) -> list[SegmentRow]:
        async def read() -> list[SegmentRow]:
            async with self._ready.connect() as connection:
                return [SegmentRow._make(row) for row in (await connection.execute(statement)).all()]

        return await self._thread.run(read())

    async def _read_lines(self, statement: Select[Any]) -> list[SearchLine]:
        async with self._ready.connect() as connection:
            return [SearchLine._make(row) for row in (await connection.execute(statement)).all()]


class SqlWriting:
    """Keeps `promise.Writing` over one connection with an open transaction."""

    def __init__(self, thread: LoopThread, connection: AsyncConnection) -> None:
        self._run = thread.run
        self._connection = connection
        self._is_postgresql = connection.dialect.name == "postgresql"

    async def put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        if rows:
            statement = _upsert(tables.SHELVES[shelf], self._is_postgresql)
            await self._run(self._execute_many(statement, list(rows)))

    async def remove(self, shelf: Shelf, keys: Sequence[tuple[object, ...]]) -> None:
        if keys:
            table = tables.SHELVES[shelf]
            names = [column.name for column in table.primary_key]
            rows = [{f"key_{name}": value for name, value in zip(names, key, strict=True)} for key in keys]
            statement = delete(table).where(*(table.c[name] == bindparam(f"key_{name}") for name in names))
            await self._run(self._execute_many(statement, rows))

    async def heard(self, at: Mapping[str, float]) -> None:
        if at:
            devices = tables.devices
            statement = (
                update(devices).where(devices.c.code == bindparam("key_code")).values(heard_at=bindparam("when"))
            )
            rows: list[Row] = [{"key_code": code, "when": when} for code, when in at.items()]
            await self._run(self._execute_many(statement, rows))

    async def page(self, owner: str, after: str, limit: int) -> list[ChannelRow]:
        return await self._run(_channel_rows(self._connection, _page(owner, after, limit)))

    async def these(self, owner: str, codes: Sequence[str]) -> list[ChannelRow]:
        found: list[ChannelRow] = []
        for start in range(0, len(codes), MANY):
            statement = _in_order.where(_channels.c.owner == owner, _channels.c.code.in_(codes[start : start + MANY]))
            found += await self._run(_channel_rows(self._connection, statement))
        return found

    async def alike(self, codes: Sequence[str], but: str) -> list[ChannelRow]:
        found: list[ChannelRow] = []
        for start in range(0, len(codes), MANY):
            statement = _in_order.where(_channels.c.code.in_(codes[start : start + MANY]), _channels.c.owner != but)
            found += await self._run(_channel_rows(self._connection, statement))
        return found

    async def put_channels(self, rows: Sequence[ChannelRow]) -> None:
        if not rows:
            return
        if self._is_postgresql and len(rows) >= COPY_FROM:
            await self._run(self._copy_channels(rows))
        else:
            await self._run(self._put_rows(rows))
        await self._run(self._put_members(rows))

    async def set_online(self, owner: str, online: Mapping[str, bool]) -> None:
        if online:
            statement = (
                update(_channels)
                .where(_channels.c.owner == owner, _channels.c.code == bindparam("key_code"))
                .values(online=bindparam("state"))
            )
            rows: list[Row] = [{"key_code": code, "state": state} for code, state in online.items()]
            await self._run(self._execute_many(statement, rows))

    async def drop_channels(self, owner: str, codes: Sequence[str]) -> None:
        for start in range(0, len(codes), MANY):
            some = codes[start : start + MANY]
            for table in (_channels, _members):
                await self._run(self._execute(delete(table).where(table.c.owner == owner, table.c.code.in_(some))))

    async def drop_owner(self, owner: str) -> None:
        for table in (_channels, _members, tables.directories, tables.holdings):
            await self._run(self._execute(delete(table).where(table.c.owner == owner)))

    async def audit(self, row: Row) -> None:
        await self._run(self._execute_many(insert(tables.audit), [row]))

    async def put_sent(self, rows: Sequence[SentRow]) -> None:
        if rows and self._is_postgresql:
            await self._run(self._execute_many(_upsert(_sent, True), [row._asdict() for row in rows]))
        elif rows:
            await self._run(self._execute_raw(_SQLITE_SENT, rows))

    async def set_sent_online(self, upper: str, online: Mapping[str, bool]) -> None:
        if online:
            statement = update(_sent).where(*_SENT_KEY).values(online=bindparam("state"))
            rows: list[Row] = [
                {"key_upper": upper, "key_there": there, "state": state} for there, state in online.items()
            ]
            await self._run(self._execute_many(statement, rows))

    async def drop_sent(self, upper: str, theirs: Sequence[str]) -> None:
        if theirs:
            rows: list[Row] = [{"key_upper": upper, "key_there": there} for there in theirs]
            await self._run(self._execute_many(delete(_sent).where(*_SENT_KEY), rows))

    async def forget_sent(self, upper: str) -> None:
        await self._run(self._execute(delete(_sent).where(_sent.c.upper == upper)))

    async def put_segments(self, rows: Sequence[SegmentRow]) -> None:
        if rows and self._is_postgresql:
            await self._run(self._execute_many(_upsert(_segments, True), [row._asdict() for row in rows]))
        elif rows:
            await self._run(self._execute_raw(_SQLITE_SEGMENTS, rows))

    async def drop_segments(self, keys: Sequence[tuple[str, str]]) -> None:
        if keys:
            rows: list[Row] = [{"key_recording": recording, "key_name": name} for recording, name in keys]
            statement = delete(_segments).where(
                _segments.c.recording == bindparam("key_recording"), _segments.c.name == bindparam("key_name")
            )
            await self._run(self._execute_many(statement, rows))

    async def lock_segments(self, owner: str, channel: str, start_ms: int, end_ms: int, locked: bool) -> None:
        columns = _segments.c
        statement = (
            update(_segments)
            .where(
                columns.owner == owner,
                columns.channel == channel,
                columns.start_ms > start_ms - LONGEST_SEGMENT_MS,
                columns.start_ms < end_ms,
                columns.end_ms > start_ms,
            )
            .values(locked=bindparam("key_locked"))
        )
        await self._run(self._execute_many(statement, [{"key_locked": locked}]))

    async def carry(self, statement: Any, rows: list[Row]) -> int:
        """One statement of a shelf of its own."""
        return await self._run(carry_out(self._connection, statement, rows))

    async def _execute_raw(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        # The driver takes the rows as they are; through Core each would become a dictionary first.
        await self._connection.exec_driver_sql(statement, list(rows))

    async def _execute(self, statement: Delete) -> None:
        await self._connection.execute(statement)

    async def _execute_many(self, statement: Any, rows: list[Row]) -> None:  # any statement that takes parameters
        await self._connection.execute(statement, rows)

    async def _put_rows(self, rows: Sequence[ChannelRow]) -> None:
        if self._is_postgresql:
            await self._connection.execute(_upsert(_channels, True), [row._asdict() for row in rows])
        else:
            await self._execute_raw(_SQLITE_UPSERT, rows)

    async def _put_members(self, rows: Sequence[ChannelRow]) -> None:
        """Write the further places anew; most owners have none, and then nothing is written."""
        owner = rows[0].owner
        codes = {row.code for row in rows}
        mine = (_members.c.owner == owner, _members.c.code >= min(codes), _members.c.code <= max(codes))
        had = {code for (code,) in await self._connection.execute(select(_members.c.code).where(*mine).distinct())}
        away: list[Row] = [{"key_owner": owner, "key_code": code} for code in had & codes]
        if away:
            by_key = (_members.c.owner == bindparam("key_owner"), _members.c.code == bindparam("key_code"))
            await self._connection.execute(delete(_members).where(*by_key), away)
        members: list[Row] = [
            {"owner": row.owner, "code": row.code, "place": place}
            for row in rows
            if row.also
            for place in row.also.split("\n")
        ]
        if members:
            await self._connection.execute(insert(_members), members)

    async def _copy_channels(self, rows: Sequence[ChannelRow]) -> None:
        await self._connection.exec_driver_sql(
            "CREATE TEMP TABLE incoming (LIKE channels INCLUDING DEFAULTS) ON COMMIT DROP"
        )
        raw = await self._connection.get_raw_connection()
        driver = raw.driver_connection
        if driver is None:
            raise ConnectionError("PostgreSQL's connection is gone")
        await driver.copy_records_to_table("incoming", records=rows, columns=ChannelRow._fields)
        source = select(*(_incoming.c[name] for name in _columns))
        await self._connection.execute(_guarded(postgresql.insert(_channels).from_select(_columns, source), _channels))
        await self._connection.exec_driver_sql("DROP TABLE incoming")


async def _begin(connection: AsyncConnection) -> None:
    await connection.start()
    await connection.begin()


async def _end(connection: AsyncConnection, *, keep: bool) -> None:
    if connection.sync_connection is None:
        return  # it never began
    try:
        if keep:
            await connection.commit()
        else:
            await connection.rollback()
    finally:
        await connection.close()


async def _channel_rows(connection: AsyncConnection, statement: Select[Any]) -> list[ChannelRow]:
    return [ChannelRow._make(row) for row in (await connection.execute(statement)).all()]


def _page(owner: str, after: str, limit: int) -> Select[Any]:
    statement = _in_order.where(_channels.c.owner == owner, _channels.c.code > after)
    return statement.order_by(_channels.c.code).limit(limit)


def _upsert(table: Table, is_postgresql: bool) -> Insert:
    return _guarded(postgresql.insert(table) if is_postgresql else sqlite.insert(table), table)


def _guarded(statement: postgresql.Insert | sqlite.Insert, table: Table) -> Insert:
    """INSERT that changes what is there already, but only where something differs: an equal row costs no write."""
    others = [column for column in table.columns if not column.primary_key]
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={column.name: statement.excluded[column.name] for column in others},
        where=or_(*(column.is_distinct_from(statement.excluded[column.name]) for column in others)),
    )


def _tune_sqlite(connection: Any, _record: object) -> None:  # a DBAPI connection, which has no common type
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_MS}", f"cache_size=-{CACHE_KB}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


_SQLITE_UPSERT = str(_upsert(_channels, False).compile(dialect=sqlite.dialect()))
_SQLITE_SENT = str(_upsert(_sent, False).compile(dialect=sqlite.dialect()))
_SQLITE_SEGMENTS = str(_upsert(_segments, False).compile(dialect=sqlite.dialect()))
_SUMS = SegmentSum._fields[2:]
_SENT_KEY = (
    _sent.c.upper == bindparam("key_upper"),
    _sent.c.code_there == bindparam("key_there"),
)
