"""A tap on a SIP stack: every message of one side, kept in order for eyes, and a wait for the one that fits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from gb28181.charset import decode
from gb28181.manscdp.message import Manscdp, parse
from sipserver.sip.message import Request, Response
from sipserver.stack import Stack, Traffic

Fits = str | type | Callable[["Seen"], object]


@dataclass(frozen=True, slots=True)
class Seen:
    """One message as it crossed the wire; `out` when the tapped side sent it. Retransmissions are marked."""

    out: bool
    message: Request | Response
    raw: bytes
    repeated: bool

    @property
    def method(self) -> str:
        """Of a request its method; of a response that of its CSeq."""
        return self.message.method if isinstance(self.message, Request) else self.message.cseq.method

    @property
    def status(self) -> int:
        """0 for a request."""
        return self.message.status if isinstance(self.message, Response) else 0

    @property
    def body(self) -> bytes:
        return self.message.body

    @property
    def text(self) -> str:
        return decode(self.message.body)

    @property
    def said(self) -> Manscdp | None:
        """The MANSCDP value it carries; None when it carries none."""
        try:
            return parse(self.body) if self.body.lstrip().startswith(b"<") else None
        except ValueError:
            return None

    @property
    def xml(self) -> ElementTree.Element:
        """The body as XML, read by nothing of ours beyond its charset."""
        return ElementTree.fromstring(self.text.partition("?>")[2])


class Tap:
    """Listens to a stack from now on, beside whoever listens already. With `about`, keeps only what names that code.

    Put it on before the stack starts, unless somebody listens to it already.
    """

    def __init__(self, stack: Stack, about: str = "") -> None:
        self.messages: list[Seen] = []
        self._about = about.encode()
        self._came = asyncio.Event()
        listening = stack.on_traffic

        def listen(traffic: Traffic) -> None:
            self._keep(traffic)
            if listening is not None:
                listening(traffic)

        stack.on_traffic = listen

    def __len__(self) -> int:
        return len(self.messages)

    def clear(self) -> None:
        """Forget what came so far, so that a wait is for news only."""
        self.messages.clear()

    def all(self, fits: Fits, *, out: bool | None = None) -> list[Seen]:
        """What fits, repeats left out: a method or CmdType by name, a type of MANSCDP, or a predicate."""
        return [seen for seen in self.messages if _fits(seen, fits, out)]

    async def see(self, fits: Fits, *, out: bool | None = None, patience_s: float = 10.0) -> Seen:
        """The first that fits, waited for when it has not come. AssertionError when it never does."""
        try:
            async with asyncio.timeout(patience_s):
                while not (found := self.all(fits, out=out)):
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            heard = [_line(seen) for seen in self.messages[-20:]]
            raise AssertionError(f"nothing fits {fits}; the last that came: {heard}") from None
        return found[0]

    async def hear(self, kind: type, *, out: bool | None = None, patience_s: float = 10.0) -> Any:
        """The value of the first message of a type of MANSCDP."""
        return (await self.see(kind, out=out, patience_s=patience_s)).said

    def answer_to(self, request: Seen) -> Seen:
        """The final response to a request that was seen. LookupError while there is none."""
        for seen in self.messages:
            same = seen.message.call_id == request.message.call_id and seen.message.cseq == request.message.cseq
            if same and seen.status >= 200:
                return seen
        raise LookupError(f"no answer to {_line(request)}")

    def _keep(self, traffic: Traffic) -> None:
        if self._about not in traffic.raw:
            return
        self.messages.append(Seen(traffic.direction == "out", traffic.message, traffic.raw, traffic.repeated))
        self._came.set()


def _fits(seen: Seen, fits: Fits, out: bool | None) -> bool:
    if seen.repeated or (out is not None and seen.out is not out):
        return False
    if isinstance(fits, str):
        return not seen.status and (seen.method == fits or f"<CmdType>{fits}</CmdType>" in seen.text)
    if isinstance(fits, type):
        return not seen.status and isinstance(seen.said, fits)
    return bool(fits(seen))


def _line(seen: Seen) -> str:
    way = "out" if seen.out else "in"
    return f"{way} {seen.status or ''} {seen.method} {type(seen.said).__name__ if seen.said else ''}".strip()
