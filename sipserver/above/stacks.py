"""From which address of ours each upper is spoken to: the house's own stack, or one more where that cannot do it.

An upper may want another local address, or be reached by another family of addresses than the house listens on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from socket import AF_UNSPEC, AddressFamily

from registry.platform import Upper
from sipserver.addresses import family_of, resolved
from sipserver.stack import Incoming, Path, Stack

log = logging.getLogger(__name__)

MOST_STACKS = 64


class Stacks:
    """`of(upper)` gives the stack to use; what comes in on one of ours goes to `take`, its lost connections to
    `lost`."""

    def __init__(self, house: Stack, take: Callable[[Incoming], None], lost: Callable[[Path], None]) -> None:
        self._house = house
        self._take = take
        self._lost = lost
        self._more: dict[str, Stack] = {}

    async def of(self, upper: Upper) -> Stack:
        """Raises OSError when an address cannot be listened on, ValueError when there are too many."""
        wanted = upper.local_host or await self._wanted_family(upper)
        if wanted in ("", self._house.settings.host, self._house.settings.public_host):
            return self._house
        stack = self._more.get(wanted)
        if stack is None:
            if len(self._more) >= MOST_STACKS:
                raise ValueError(f"uppers use {MOST_STACKS} local addresses already")
            stack = await self._open(wanted)
            self._more[wanted] = stack
        return stack

    async def close(self) -> None:
        stacks, self._more = tuple(self._more.values()), {}
        for stack in stacks:
            stack.on_connection_lost = None
            await stack.close()

    async def _wanted_family(self, upper: Upper) -> str:
        """Every address of the other family for an upper that the house's own does not reach; else ""."""
        ours = family_of(self._house.settings.host)
        try:
            host = str(ip_address(upper.host))
        except ValueError:
            host = await self._looked_up(upper.host, ours)
        if not host or ours is AF_UNSPEC or family_of(host) is ours:
            return ""
        return "::" if ":" in host else "0.0.0.0"

    async def _looked_up(self, name: str, ours: AddressFamily) -> str:
        """An address of a name, of our family where it has one; "" when it has none: the agent says so, and tries
        again."""
        for family in (ours, AF_UNSPEC):
            try:
                return await resolved(name, family)
            except OSError:
                continue
        return ""

    async def _open(self, host: str) -> Stack:
        settings = replace(self._house.settings, host=host, port=self._house.port, public_host="")
        try:
            return await self._started(Stack(settings, clock=self._house.clock))
        except OSError:
            # The port may be the house's already, bound to every address.
            return await self._started(Stack(replace(settings, port=0), clock=self._house.clock))

    async def _started(self, stack: Stack) -> Stack:
        stack.on_request = self._take
        stack.on_connection_lost = self._lost
        stack.on_traffic = self._house.on_traffic
        stack.on_disbelieved = self._house.on_disbelieved
        stack.notary = self._house.notary
        await stack.start()
        log.info("uppers are spoken to from %s:%d, too", stack.settings.host, stack.port)
        return stack
