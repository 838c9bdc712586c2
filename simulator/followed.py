"""A subscription as the subscriber sees it: what was told, in how many pages, and what it believes since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gb28181.manscdp.catalog import Catalog, CatalogNotice, as_notice
from gb28181.manscdp.message import Manscdp, parse
from simulator.mirror import Mirror
from sipserver.stack import Dialog, Incoming


class Followed:
    """A subscription of ours. `news` are its NOTIFYs in order, `state` what the last Subscription-State said."""

    def __init__(self, subject: str, target: str, mirror: Mirror) -> None:
        self.subject = subject
        self.target = target
        self.mirror = mirror
        self.news: list[Manscdp] = []
        self.pages: list[int] = []
        self.state = ""
        self.refuse = 0
        self.dialog: Dialog | None = None
        self.granted_s = 0
        self._more = asyncio.Event()

    def hear(self, incoming: Incoming) -> None:
        request = incoming.request
        self.state = request.headers.get("Subscription-State") or self.state
        if self.refuse:
            incoming.respond(self.refuse)
            return
        try:
            said = parse(request.body) if request.body else None
        except ValueError:
            incoming.respond(400)
            return
        incoming.respond(200)
        if isinstance(said, Catalog):
            said = as_notice(said)
        if said is not None:
            self.news.append(said)
        if isinstance(said, CatalogNotice):
            self.pages.append(len(said.items))
            self.mirror.apply(said.items)
        self._more.set()

    @property
    def events(self) -> list[tuple[str, str]]:
        """(event, code) of all catalog news."""
        return [
            (item.event or "", item.code)
            for said in self.news
            if isinstance(said, CatalogNotice)
            for item in said.items
        ]

    async def wait_for(self, condition: Callable[[Followed], bool], patience_s: float = 10.0) -> None:
        """Until a condition on us holds. TimeoutError when it does not come to."""
        async with asyncio.timeout(patience_s):
            while not condition(self):
                self._more.clear()
                await self._more.wait()
