"""Neighbours with whom every message is signed: what was agreed with each (signalling 3.9). Held in memory, written
through; a seed goes out to nobody but the signer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from registry.store.promise import Row, Shelf, Store, Writing

MOST_SEALS = 10_000


@dataclass(frozen=True, slots=True)
class SealKept:
    """What was agreed with the neighbour `code`, below or above; `sipserver.sip.note.Seal` gives the meanings.

    Times are UNIX seconds.
    """

    code: str
    seed: str = field(repr=False)
    algorithm: str = "SM3"
    is_hex: bool = False
    is_of_uris: bool = False
    since: float | None = None


class SealBook:
    """Seals by code."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._seals: dict[str, SealKept] = {}

    def __len__(self) -> int:
        return len(self._seals)

    async def open(self) -> None:
        """Take in what was kept."""
        for row in await self._store.load(Shelf.SEALS):
            seal = _seal_of(row)
            self._seals[seal.code] = seal

    def all(self) -> tuple[SealKept, ...]:
        return tuple(self._seals.values())

    def of(self, code: str) -> SealKept | None:
        return self._seals.get(code)

    async def keep(self, seal: SealKept) -> SealKept:
        """From now on everything to and from that neighbour is signed. ValueError when there are too many."""
        if seal.code not in self._seals and len(self._seals) >= MOST_SEALS:
            raise ValueError(f"{MOST_SEALS} neighbours are signed with already")
        seal = replace(seal, since=self._clock())
        async with self._store.writing() as writing:
            await writing.put(Shelf.SEALS, [asdict(seal)])
        self._seals[seal.code] = seal
        return seal

    async def drop(self, code: str) -> None:
        """Nothing is signed there any more. LookupError when nothing was."""
        if code not in self._seals:
            raise LookupError(f"nothing is signed with {code}")
        async with self._store.writing() as writing:
            await writing.remove(Shelf.SEALS, [(code,)])
        self._seals.pop(code, None)

    async def strike(self, writing: Writing, code: str) -> None:
        """The neighbour is being removed, and its seal with it."""
        await writing.remove(Shelf.SEALS, [(code,)])
        self._seals.pop(code, None)


def _seal_of(row: Row) -> SealKept:
    since = row["since"]
    return SealKept(
        str(row["code"]),
        str(row["seed"]),
        str(row["algorithm"]),
        bool(row["is_hex"]),
        bool(row["is_of_uris"]),
        float(since) if isinstance(since, int | float) else None,
    )
