"""What this room needs of others, in its own words; `app/wiring.py` grants it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from broker.watch import Lease, Watch
from gb28181.manscdp.catalog import Item
from registry.channel import Channel
from registry.device import Device
from registry.platform import Upper, UpperState
from sipserver.below.following import Subject
from sipserver.link import Manners


class Shared(Protocol):
    """What a code of an upper stands for here: `code`, known to us by `owner`; `owner` is "" for what is our own.

    `owners` are all neighbours that have it, where several paths lead to it (2022 annex H).
    """

    @property
    def owner(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def owners(self) -> tuple[str, ...]: ...


class Rendering(Protocol):
    """One consistent picture of what an upper sees, however slowly it is read."""

    @property
    def total(self) -> int: ...

    def pages(self, size: int) -> AsyncIterator[tuple[Item, ...]]: ...


class Exporter(Protocol):
    """The one renderer of what an upper sees; `registry.exporting.Exporter` keeps this.

    `scope` and `code_there` are codes as the upper knows them.
    """

    on_dirty: Callable[[str], None] | None
    """Told the code of an upper that may see something new."""

    def rendering(self, upper: Upper, scope: str | None = None) -> AbstractAsyncContextManager[Rendering]:
        """Raises LookupError on entering for a scope that is not shared."""

    def offline(self, upper: Upper, scope: str | None = None, size: int = 100) -> AsyncIterator[tuple[Item, ...]]:
        """What does not work now, each with the event OFF. Raises LookupError as `rendering`."""

    async def changes(self, upper: Upper) -> list[Item]:
        """What differs from what the upper was told last, each with its event; empty when it knows all."""

    async def mark_sent(self, upper: Upper, items: Sequence[Item]) -> None: ...

    async def forget_sent(self, upper: Upper) -> None: ...

    async def resolve(self, upper: Upper, code_there: str) -> Shared | None: ...

    async def code_there(self, upper: Upper, owner: str, code: str) -> str: ...

    async def shared_as(self, upper: Upper, owner: str, code: str) -> str | None: ...


class Uppers(Protocol):
    """Where uppers are kept; `registry.directory.Directory` keeps this."""

    def uppers(self) -> Sequence[Upper]: ...

    def upper(self, code: str) -> Upper | None: ...

    def note_upper_state(self, state: UpperState) -> None: ...

    def device(self, code: str) -> Device | None: ...

    def all_devices(self) -> Iterable[Device]: ...

    async def channel(self, owner: str, code: str) -> Channel | None: ...

    def platforms_to(self, channel: Channel) -> tuple[str, ...]: ...


class PeerBelow(Protocol):
    """A neighbour below to whom a question from above is handed on; `sipserver.link.Link` keeps this."""

    @property
    def is_online(self) -> bool: ...

    @property
    def is_expected(self) -> bool: ...

    @property
    def manners(self) -> Manners: ...

    async def relay(
        self,
        body_builder: Callable[[int], bytes],
        *,
        timeout_s: float | None = None,
        answer: bool = True,
        headers: Iterable[tuple[str, str]] = (),
        may_wait: bool = True,
    ) -> list[bytes]: ...


class NeighboursBelow(Protocol):
    """Where neighbours below are found by code; `sipserver.below.below.Below` keeps this."""

    def peer(self, code: str) -> PeerBelow | None: ...


class Hall(Protocol):
    """Who grants streams; `broker.broker.Broker` keeps this."""

    async def watch(self, watch: Watch) -> Lease: ...

    async def release(self, lease_id: str) -> None: ...

    def begin(self, lease_id: str) -> None: ...

    async def inform(self, lease_id: str, body: bytes, content_type: str) -> int: ...

    def on_lease_end(self, lease_id: str, listener: Callable[[str], None]) -> None: ...


class Following(Protocol):
    """Who subscribes below for what is followed above; `sipserver.below.below.Below` keeps this."""

    def follow(self, code: str, subject: Subject, *, target: str = "", interval_s: int = 0, by: str = "") -> None:
        """Raises LookupError, ValueError."""

    def unfollow(self, code: str, subject: Subject, *, target: str = "", by: str = "") -> None: ...
