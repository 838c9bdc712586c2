"""Firmware packages that operators brought, on a shelf on disk: `ID.bin`, and `ID.json`, which says what it is."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

PIECE = 1024 * 1024


class Package(msgspec.Struct, frozen=True):
    """A firmware for devices of `manufacturer`; `version` is what they call it. Times are UNIX seconds."""

    id: str
    name: str
    version: str
    manufacturer: str
    size: int
    sha256: str
    by: str
    at: float


class ShelfFull(Exception):
    """There is no room for a further package; the message says why."""


class FirmwareShelf:
    """At most `most` packages of at most `largest` bytes each. `open` before use."""

    def __init__(self, folder: Path, *, largest: int, most: int, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._largest = largest
        self._most = most
        self._clock = clock
        self._packages: dict[str, Package] = {}
        self._coming = 0

    async def open(self) -> None:
        """Know what is in the folder, which the first package makes; what a crash left half-way is swept out."""
        self._packages = await asyncio.to_thread(self._look)

    def all(self) -> tuple[Package, ...]:
        """The youngest first."""
        return tuple(sorted(self._packages.values(), key=lambda package: -package.at))

    def get(self, package: str) -> Package | None:
        return self._packages.get(package)

    def path(self, package: Package) -> Path:
        return self._folder / f"{package.id}.bin"

    async def receive(
        self, name: str, version: str, manufacturer: str, by: str, pieces: AsyncIterator[bytes]
    ) -> Package:
        """Take a package as it comes. Raises ShelfFull, and ValueError when it is empty or too large; then nothing is
        left of it."""
        if len(self._packages) + self._coming >= self._most:
            raise ShelfFull(f"{self._most} packages are on the shelf; remove one first")
        self._coming += 1
        ident = secrets.token_hex(8)
        half = self._folder / f"{ident}.part"
        try:
            size, digest = await self._write(half, pieces)
            package = Package(ident, name, version, manufacturer, size, digest, by, self._clock())
            await asyncio.to_thread(self._put, half, package)
            self._packages[ident] = package
            return package
        finally:
            self._coming -= 1
            await asyncio.to_thread(half.unlink, missing_ok=True)

    async def remove(self, package: str) -> bool:
        """False when there is no such package."""
        gone = self._packages.pop(package, None)
        if gone is None:
            return False
        await asyncio.to_thread(self._drop, gone)
        return True

    async def _write(self, path: Path, pieces: AsyncIterator[bytes]) -> tuple[int, str]:
        digest, size, gathered = hashlib.sha256(), 0, bytearray()
        file = await asyncio.to_thread(self._new_file, path)
        try:
            async for piece in pieces:
                size += len(piece)
                if size > self._largest:
                    raise ValueError(f"a package has at most {self._largest} bytes")
                digest.update(piece)
                gathered += piece
                if len(gathered) >= PIECE:
                    await asyncio.to_thread(file.write, bytes(gathered))
                    gathered.clear()
            await asyncio.to_thread(file.write, bytes(gathered))
        finally:
            await asyncio.to_thread(file.close)
        if not size:
            raise ValueError("the package is empty")
        return size, digest.hexdigest()

    def _new_file(self, path: Path) -> BinaryIO:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _put(self, half: Path, package: Package) -> None:
        os.replace(half, self.path(package))
        self.path(package).with_suffix(".json").write_bytes(msgspec.json.encode(package))

    def _drop(self, package: Package) -> None:
        for suffix in (".json", ".bin"):
            with suppress(OSError):
                self.path(package).with_suffix(suffix).unlink(missing_ok=True)

    def _look(self) -> dict[str, Package]:
        for half in self._folder.glob("*.part"):
            half.unlink(missing_ok=True)
        found = {}
        for about in self._folder.glob("*.json"):
            with suppress(OSError, msgspec.MsgspecError):
                package = msgspec.json.decode(about.read_bytes(), type=Package)
                if about.stem == package.id and self.path(package).is_file():
                    found[package.id] = package
        return found
