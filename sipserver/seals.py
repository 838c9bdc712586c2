"""Signs what goes to neighbours with whom that was agreed, and disbelieves what comes from them unsigned (signalling
3.9). REGISTER and its answers are never signed: they have their digest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from registry.seals import SealBook
from sipserver.sip.message import Request, Response
from sipserver.sip.note import WINDOW_S, Seal
from sipserver.sip.path import Path


@dataclass(slots=True)
class SealTally:
    """Messages of one neighbour since the seal was made or we started."""

    signed: int = 0
    believed: int = 0
    disbelieved: int = 0
    last_why: str = ""
    """Why the last one was not believed."""


class Seals:
    """The notary of a SIP stack (`sipserver.sip.endpoint.Notary`).

    `owners_at` are those who know which neighbours are at an address. A request that names a sealed neighbour as its
    sender is looked at wherever it comes from.
    """

    def __init__(
        self,
        book: SealBook,
        owners_at: Iterable[Callable[[Path], Iterable[str]]] = (),
        *,
        window_s: float = WINDOW_S,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._owners_at = tuple(owners_at)
        self._window_s = window_s
        self._wall_clock = wall_clock
        self._made: dict[str, tuple[object, Seal]] = {}
        self._tallies: dict[str, SealTally] = {}

    def tally(self, code: str) -> SealTally:
        return self._tallies.setdefault(code, SealTally()) if self._book.of(code) is not None else SealTally()

    def stamp(self, message: Request | Response, path: Path) -> None:
        if not len(self._book) or _is_of_register(message):
            return
        code = self._whose(message, path, is_theirs=False)
        seal = self._seal(code)
        if seal is not None:
            seal.stamp(message, self._wall_clock())
            self.tally(code).signed += 1

    def why_not(self, message: Request | Response, path: Path) -> str:
        if not len(self._book) or _is_of_register(message):
            return ""
        code = self._whose(message, path, is_theirs=True)
        seal = self._seal(code)
        if seal is None:
            return ""
        why = seal.why_not(message, self._wall_clock(), self._window_s)
        tally = self.tally(code)
        if why:
            tally.disbelieved += 1
            tally.last_why = why
        else:
            tally.believed += 1
        return why

    def _whose(self, message: Request | Response, path: Path, *, is_theirs: bool) -> str:
        """The sealed neighbour at the other end, "" when there is none. Several may share an address: then the one
        that the message names."""
        there = [code for known in self._owners_at for code in known(path) if self._book.of(code) is not None]
        named = _named(message, is_theirs=is_theirs)
        if named in there or (is_theirs and isinstance(message, Request) and self._book.of(named) is not None):
            return named
        return there[0] if there else ""

    def _seal(self, code: str) -> Seal | None:
        kept = self._book.of(code) if code else None
        if kept is None:
            return None
        made = self._made.get(code)
        if made is None or made[0] is not kept:
            made = self._made[code] = (kept, Seal(kept.seed, kept.algorithm, kept.is_hex, kept.is_of_uris))
            self._tallies[code] = SealTally()
        return made[1]


def _is_of_register(message: Request | Response) -> bool:
    if isinstance(message, Request):
        return message.method == "REGISTER"
    return (message.headers.get("CSeq") or "").rstrip().endswith("REGISTER")


def _named(message: Request | Response, *, is_theirs: bool) -> str:
    """Whom the message names at the other end: From of their requests and of our answers to them, To else."""
    is_from = isinstance(message, Request) is is_theirs
    try:
        return message.from_.user if is_from else message.to.user
    except ValueError:
        return ""
