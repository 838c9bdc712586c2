"""The house stands as drawn: who may import whom, and nobody dodges it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
ROOMS = ("gb28181", "sipserver", "broker", "registry", "media", "simulator", "web", "app")

# A room, and the doors it may go through. The longest prefix that fits a file is its room.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "gb28181": (),
    "sipserver.sip": (),
    "sipserver.transport": ("sipserver.sip",),
    "sipserver.exchange": ("sipserver.sip",),
    "sipserver.stack": ("sipserver.sip", "sipserver.transport", "sipserver.exchange"),
    "sipserver": ("sipserver", "gb28181", "registry", "broker"),
    "media": (),
    "registry": ("gb28181",),
    "broker": ("gb28181", "registry", "media.plane", "media.voice.plane"),
    "web": ("gb28181", "registry", "broker"),
    "simulator": (
        "gb28181",
        "sipserver.sip",
        "sipserver.transport",
        "sipserver.stack",
        "media.aac",
        "media.annexb",
        "media.es",
        "media.flv",
        "media.fmp4",
        "media.frame",
        "media.framing",
        "media.g711",
        "media.ps",
        "media.reorder",
        "media.rtcp",
        "media.rtp",
        "media.sniff",
    ),
    "app": ("gb28181", "sipserver", "broker", "registry", "media", "simulator", "web"),
}
# Words of the media plane that the web may speak: values only, through the broker's own floor.
# Every file is read once, by one process.
pytestmark = pytest.mark.xdist_group("house")

PURE = ("gb28181", "sipserver/sip")
NEVER_IN_PURE = {"asyncio", "socket", "time", "threading", "selectors", "subprocess"}


def _files() -> Iterator[Path]:
    for room in ROOMS:
        for path in sorted((HOUSE / room).rglob("*.py")):
            if "node_modules" not in path.parts and "migrations" not in path.parts:
                yield path


@cache
def _read(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from broker import watch` means broker.watch, and so does `from broker.watch import Watch`.
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def _room(module: str) -> str:
    return max((room for room in MAY_IMPORT if module == room or module.startswith(room + ".")), key=len)


def _within(module: str, door: str) -> bool:
    return module == door or module.startswith(door + ".")


def test_every_import_goes_through_a_door_that_is_open():
    wrong = []
    for path in _files():
        module = _name(path)
        room = _room(module)
        for imported, line in _imports(_read(path)):
            if imported.split(".")[0] not in ROOMS or _within(imported, room):
                continue
            if not any(_within(imported, door) for door in MAY_IMPORT[room]):
                wrong.append(f"{path.relative_to(HOUSE)}:{line} {room} may not import {imported}")
    assert not wrong, "\n".join(wrong)


def test_nobody_imports_the_roof():
    wrong = [
        f"{path.relative_to(HOUSE)}:{line}"
        for path in _files()
        if path.relative_to(HOUSE).parts[0] != "app"
        for imported, line in _imports(_read(path))
        if _within(imported, "app")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_import_hides_in_a_function_or_under_type_checking():
    wrong = []
    for path in _files():
        tree = _read(path)
        for node in ast.walk(tree):
            hides = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or (
                isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            )
            if hides:
                wrong += [
                    f"{path.relative_to(HOUSE)}:{line} hides {imported}"
                    for child in ast.iter_child_nodes(node)
                    for imported, line in _imports(child)
                    if imported.split(".")[0] in ROOMS
                ]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_the_language_and_the_sip_core_open_no_socket_and_read_no_clock():
    wrong = [
        f"{path.relative_to(HOUSE)}:{line} uses {imported}"
        for path in _files()
        if any(path.relative_to(HOUSE).as_posix().startswith(room + "/") for room in PURE)
        for imported, line in _imports(_read(path))
        if imported.split(".")[0] in NEVER_IN_PURE
    ]
    assert not wrong, "\n".join(wrong)


def test_sqlalchemy_stays_in_the_store():
    wrong = [
        f"{path.relative_to(HOUSE)}:{line}"
        for path in _files()
        if not path.relative_to(HOUSE).as_posix().startswith("registry/store/")
        for imported, line in _imports(_read(path))
        if imported.split(".")[0] in {"sqlalchemy", "alembic", "aiosqlite", "asyncpg"}
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", sorted(_files()), ids=lambda path: str(path.relative_to(HOUSE)))
def test_the_first_line_of_every_file_says_what_it_is(path: Path):
    assert ast.get_docstring(_read(path)), f"{path} says nothing of itself"
