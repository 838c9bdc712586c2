"""How one upper is spoken to: where it is, what we are called there, its charset, edition and numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from gb28181.charset import Charset, charset_for
from gb28181.edition import Edition, parse_edition
from gb28181.manscdp.message import Manscdp, serialise
from registry.platform import Upper
from sipserver.above.registration import Place
from sipserver.addresses import family_of, resolved
from sipserver.sip.message import Field, Request, Response
from sipserver.stack import Dialog, Path, Stack

MANSCDP = "Application/MANSCDP+xml"
LAST_SN = 999_999
CONNECT_S = 5.0


class Way:
    """Everything that goes out to one upper is addressed here.

    `place` moves with a redirection. `path` is the way last found, None before the first; over TCP it is one
    connection for everything, kept open (GB/T 28181-2022 6.2).
    """

    def __init__(self, upper: Upper, stack: Stack, own_code: str, *, first_sn: int = 1) -> None:
        self.upper = upper
        self.stack = stack
        self.us = upper.our_code or own_code
        self.domain = upper.domain or upper.code[:10]
        self.home = Place(upper.code, upper.host, upper.port)
        self.place = self.home
        self.path: Path | None = None
        self.said_edition = ""
        self._resolved: tuple[Place, str] | None = None
        self._sn = first_sn % LAST_SN

    def __repr__(self) -> str:
        return f"<Way to {self.upper.code} at {self.place}>"

    @property
    def edition(self) -> Edition:
        """The edition both understand: ours for this upper, or the lower one that it answered."""
        ours = parse_edition(self.upper.edition)
        if not self.said_edition:
            return ours
        return min(ours, parse_edition(self.said_edition), key=lambda each: each.number)

    @property
    def charset(self) -> Charset:
        return charset_for(self.edition, self.upper.charset)

    @property
    def is_tcp(self) -> bool:
        return self.upper.transport == "tcp"

    def next_sn(self) -> int:
        self._sn = self._sn % LAST_SN + 1
        return self._sn

    def move(self, place: Place) -> None:
        """The upper is somewhere else now."""
        if place != self.place:
            self.place, self.path = place, None

    def forget(self) -> None:
        """Look the address up anew next time: names move."""
        self.path, self._resolved = None, None

    async def find(self) -> Path:
        """The path to the upper. Raises OSError when its name has no address or its port takes no connection."""
        host = await self._resolve()
        remote = (host, self.place.port)
        if self.is_tcp:
            async with asyncio.timeout(CONNECT_S):
                self.path = await self.stack.connect(remote)
        elif self.path is None or self.path.remote != remote:
            try:
                self.path = self.stack.udp_path(remote)
            except RuntimeError as off:
                raise OSError(str(off)) from None
        return self.path

    async def _resolve(self) -> str:
        if self._resolved is not None and self._resolved[0] == self.place:
            return self._resolved[1]
        host = await resolved(self.place.host, family_of(self.stack.settings.host))
        self._resolved = (self.place, host)
        return host

    @property
    def host(self) -> str | None:
        """The address the upper's packets come from, as far as we know it."""
        return self._resolved[1] if self._resolved is not None else None

    def request(
        self,
        method: str,
        path: Path,
        *,
        to_code: str = "",
        from_code: str = "",
        headers: Iterable[Field] = (),
        body: bytes = b"",
        call_id: str | None = None,
        cseq: int | None = None,
        from_tag: str | None = None,
    ) -> Request:
        """A request out of any dialog, from us to the upper unless other codes are given."""
        us = from_code or self.us
        return self.stack.new_request(
            method,
            self.uri,
            from_uri=f"sip:{us}@{self.domain}",
            to_uri=f"sip:{to_code or self.place.code}@{self.domain}",
            path=path,
            contact_user=self.us,
            headers=headers,
            body=body,
            content_type=MANSCDP if body else None,
            call_id=call_id,
            cseq=cseq,
            from_tag=from_tag,
        )

    @property
    def uri(self) -> str:
        """The upper as Request-URI and digest uri: its code in its domain, which after a redirection is its place."""
        if self.place == self.home:
            return f"sip:{self.place.code}@{self.domain}"
        return f"sip:{self.place.code}@{self.place}"

    def written(self, value: Manscdp) -> bytes:
        """A message in the upper's charset and edition."""
        return serialise(value, self.charset, self.edition)

    async def say(self, body: bytes, *, timeout_s: float, dialog: Dialog | None = None) -> Response:
        """One MESSAGE, in a session when one is given. Raises RequestTimedOut, TransportLost, OSError."""
        if dialog is not None:
            return await dialog.request("MESSAGE", body=body, content_type=MANSCDP, timeout_s=timeout_s)
        path = await self.find()
        return await self.stack.ask(self.request("MESSAGE", path, body=body), path, timeout_s=timeout_s)
