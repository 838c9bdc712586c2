"""Stores to test with: in memory, SQLite in a file, and a PostgreSQL of our own that is thrown away."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from registry.directory import Directory
from registry.events import Bus
from registry.store.migrate import upgrade
from registry.store.tables import metadata

Urls = Callable[[], Awaitable[str]]


def program(name: str) -> str:
    """PostgreSQL's own programs; Debian keeps them off the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(places[0]) if places else (shutil.which(name) or name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A cluster on a socket in a folder of its own: its URL without the database's name.

    PostgreSQL refuses to run as root, and its user may not enter pytest's folders, so the folder is not `tmp_path`.
    """
    home = Path(tempfile.mkdtemp(prefix="lianwang-pg-", dir="/tmp"))
    run_as: dict[str, object] = {"cwd": home}
    name = pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:
        name = "postgres"
        shutil.chown(home, name, name)
        run_as |= {"user": name, "group": name, "extra_groups": []}
    data = home / "data"
    subprocess.run(
        [program("initdb"), "-D", data, "-A", "trust", "-U", name, "-E", "UTF8", "--locale=C.UTF-8", "-N"],
        check=True,
        capture_output=True,
        **run_as,  # type: ignore[call-overload]
    )
    settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={home}", "-c", "fsync=off"]
    server = subprocess.Popen(  # type: ignore[call-overload]
        [program("postgres"), "-D", data, *settings, "-c", "full_page_writes=off", "-c", "max_connections=20"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **run_as,
    )
    try:
        yield f"postgresql://{name}@/{{}}?host={home}"
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
        shutil.rmtree(home, ignore_errors=True)


_numbers = count(1)


@pytest.fixture(scope="session")
def swept() -> list[str]:
    """The one database that tests share, once it is made: made anew it would cost each test a second."""
    return []


@pytest.fixture
def shared_postgres(new_postgres: Urls, swept: list[str]) -> Urls:
    """Gives the shared database, with its tables empty."""

    async def sweep() -> str:
        if not swept:
            swept.append(await new_postgres())
            await upgrade(swept[0])
        user, _, rest = swept[0].removeprefix("postgresql://").partition("@/")
        name, _, host = rest.partition("?host=")
        connection = await asyncpg.connect(user=user, host=host, database=name)
        try:
            await connection.execute(";".join(f"DELETE FROM {table}" for table in metadata.tables))
        finally:
            await connection.close()
        return swept[0]

    return sweep


@pytest.fixture
def new_postgres(postgres_server: str) -> Urls:
    """Makes an empty database and gives its URL."""

    async def make() -> str:
        host = postgres_server.partition("host=")[2]
        user = postgres_server.removeprefix("postgresql://").partition("@")[0]
        connection = await _connect(user, host)
        name = f"lianwang_{next(_numbers)}"
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        return postgres_server.format(name)

    return make


async def _connect(user: str, host: str) -> asyncpg.Connection:
    for _ in range(100):
        with suppress(OSError, asyncpg.CannotConnectNowError):
            return await asyncpg.connect(user=user, host=host, database="postgres")
        await asyncio.sleep(0.1)
    raise TimeoutError("PostgreSQL did not come up in 10 s")


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy, made by the first who needs it."""
    return tmp_path_factory.mktemp("sqlite") / "empty.db"


STORES = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=STORES)
def new_url(request: pytest.FixtureRequest, tmp_path: Path, empty_sqlite: Path) -> Urls:
    """Makes an empty store of each kind and gives its URL."""
    if request.param == "postgres":
        maker: Urls = request.getfixturevalue("shared_postgres")
        return maker

    async def make() -> str:
        if request.param == "memory":
            return "memory:"
        if not empty_sqlite.exists():
            await upgrade(f"sqlite:///{empty_sqlite}")
        return f"sqlite:///{shutil.copy(empty_sqlite, tmp_path / f'{next(_numbers)}.db')}"

    return make


class Clock:
    """Time is a number that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def directory(new_url: Urls, clock: Clock) -> AsyncIterator[Directory]:
    opened = Directory(Bus(), clock=clock)
    await opened.open(await new_url())
    yield opened
    await opened.close()
