"""Gives each request that comes in to the side it belongs to: those above us, or those below."""

from __future__ import annotations

from typing import Protocol

from sipserver.stack import Incoming, Path, Stack


class Claimant(Protocol):
    """The side above: it says which requests are its own."""

    def claims(self, incoming: Incoming) -> bool: ...

    def take(self, incoming: Incoming) -> None: ...

    def connection_lost(self, path: Path) -> None: ...


class Switchboard:
    """Takes over the stack's callbacks from the side below, which must have set its own before.

    What `above` claims is its own; everything else goes below, which knows strangers from neighbours. Close it before
    either side: then both hear no more.
    """

    def __init__(self, stack: Stack, above: Claimant) -> None:
        self._stack = stack
        self._above = above
        self._below_takes = stack.on_request
        self._below_lost = stack.on_connection_lost
        self.above_taken = 0
        stack.on_request = self.take
        stack.on_connection_lost = self._connection_lost

    def take(self, incoming: Incoming) -> None:
        """One request out of any dialog."""
        if self._above.claims(incoming):
            self.above_taken += 1
            self._above.take(incoming)
        elif self._below_takes is not None:
            self._below_takes(incoming)
        else:
            incoming.respond(503)

    def close(self) -> None:
        """Give the stack back to the side below."""
        if self._stack.on_request == self.take:
            self._stack.on_request = self._below_takes
        if self._stack.on_connection_lost == self._connection_lost:
            self._stack.on_connection_lost = self._below_lost

    def _connection_lost(self, path: Path) -> None:
        self._above.connection_lost(path)
        if self._below_lost is not None:
            self._below_lost(path)
