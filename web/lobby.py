"""Connections that say nothing whole: whoever only opens them, or dribbles a head, is shown out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web


class Lobby:
    """A first request must have come `patience_s` after a connection was seen; later ones the server times itself."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since: dict[web.RequestHandler, float] = {}
        self._asked: set[web.RequestHandler] = set()
        self.connections: Callable[[], Iterable[web.RequestHandler]] = tuple
        """Given by whoever runs the server."""
        self.shown_out = 0

    def asked(self, request: web.Request) -> None:
        """A whole head came."""
        if isinstance(request.protocol, web.RequestHandler):
            self._asked.add(request.protocol)

    def sweep(self, now: float) -> None:
        """Close those that have waited too long, and forget those that are gone. Call every few seconds."""
        here = set(self.connections())
        self._asked &= here
        self._since = {each: self._since.get(each, now) for each in here - self._asked}
        for connection, since in self._since.items():
            if now - since >= self._patience_s:
                self.shown_out += 1
                connection.force_close()
