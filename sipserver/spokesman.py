"""A neighbour spoken to in the name of a user of ours: who it is goes with every request (GB/T 28181-2022 8.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gb28181.dialect import Dialect
from gb28181.identity import HEADER
from gb28181.peer import Call, Peer
from gb28181.sdp import Offer

Headers = Iterable[tuple[str, str]]


class Addressee(Protocol):
    """A neighbour whose requests may carry headers; `sipserver.link.Link` is one."""

    @property
    def code(self) -> str: ...
    @property
    def dialect(self) -> Dialect: ...
    @property
    def is_online(self) -> bool: ...
    async def ask(self, query: object, *, timeout_s: float | None = None, headers: Headers = ()) -> object: ...
    async def tell(self, notice: object, *, headers: Headers = ()) -> None: ...
    async def call(self, channel: str, offer: Offer, *, timeout_s: float = 15.0, headers: Headers = ()) -> Call: ...


class Spokesman:
    """Keeps the promises of `gb28181.peer.Peer` as the neighbour itself does, with Monitor-User-Identity added."""

    def __init__(self, peer: Addressee, identity: str) -> None:
        self._peer = peer
        self._headers = ((HEADER, identity),)

    def __repr__(self) -> str:
        return f"<Spokesman at {self._peer!r}>"

    @property
    def code(self) -> str:
        return self._peer.code

    @property
    def dialect(self) -> Dialect:
        return self._peer.dialect

    @property
    def is_online(self) -> bool:
        return self._peer.is_online

    async def ask(self, query: object, *, timeout_s: float | None = None) -> object:
        return await self._peer.ask(query, timeout_s=timeout_s, headers=self._headers)

    async def tell(self, notice: object) -> None:
        await self._peer.tell(notice, headers=self._headers)

    async def call(self, channel: str, offer: Offer, *, timeout_s: float = 15.0, headers: Headers = ()) -> Call:
        return await self._peer.call(channel, offer, timeout_s=timeout_s, headers=(*headers, *self._headers))

    def in_name_of(self, identity: str) -> Peer:
        return Spokesman(self._peer, identity)
