"""What this room needs of others, in its own words; `app/wiring.py` grants it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from broker.watch import Lease, Watch
from gb28181.manscdp.catalog import Item
from registry.platform import Upper, UpperState


class Shared(Protocol):
    """What a code of an upper stands for here: `code`, known to us by `owner`; `owner` is "" for what is our own."""

    @property
    def owner(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def kind(self) -> str: ...


class Exporter(Protocol):
    """The one renderer of what an upper sees; `registry.exporting.Exporter` keeps this."""

    async def count(self, upper: Upper, scope: str | None = None) -> int: ...

    def pages(self, upper: Upper, scope: str | None, size: int) -> AsyncIterator[tuple[Item, ...]]: ...

    async def changes(self, upper: Upper) -> list[Item]: ...

    async def mark_sent(self, upper: Upper, items: Sequence[Item]) -> None: ...

    async def resolve(self, upper: Upper, code_there: str) -> Shared | None: ...

    async def code_there(self, upper: Upper, owner: str, code: str) -> str: ...


class Uppers(Protocol):
    """Where uppers are kept; `registry.directory.Directory` keeps this."""

    def uppers(self) -> Sequence[Upper]: ...

    def upper(self, code: str) -> Upper | None: ...

    def note_upper_state(self, state: UpperState) -> None: ...


class Below(Protocol):
    """A neighbour below to whom a question from above is handed on; `sipserver.link.Link` keeps this."""

    @property
    def is_online(self) -> bool: ...

    async def relay(
        self, body_builder: Callable[[int], bytes], *, timeout_s: float, many: bool, answer: bool = True
    ) -> list[bytes]: ...


class NeighboursBelow(Protocol):
    """Where neighbours below are found by code; `sipserver.below.below.Below` keeps this."""

    def peer(self, code: str) -> Below | None: ...


class Hall(Protocol):
    """Who grants streams; `broker.broker.Broker` keeps this."""

    async def watch(self, watch: Watch) -> Lease: ...

    async def release(self, lease_id: str) -> None: ...

    def begin(self, lease_id: str) -> None: ...

    async def inform(self, lease_id: str, body: bytes, content_type: str) -> int: ...

    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None: ...
