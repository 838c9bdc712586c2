"""A call that was taken, as the caller sees it: its answer, its media, the words within it, its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from gb28181.manscdp.message import parse
from gb28181.manscdp.status import MediaStatus
from gb28181.routepath import ROUTE_PATH, read_route
from gb28181.sdp import Answer
from simulator.receiver import Receiver
from sipserver.sip.message import Response
from sipserver.stack import Dialog, Incoming

_ANSWER_S = 5.0


class Call:
    """A call of ours that was taken. `answer` is its SDP, `receiver` what came; `is_over` once they hung up."""

    def __init__(self, dialog: Dialog, response: Response, answer: Answer, receiver: Receiver) -> None:
        self.dialog = dialog
        self.response = response
        self.answer = answer
        self.receiver = receiver
        self.ended = asyncio.Event()
        self.media_status: list[MediaStatus] = []
        dialog.on_end = lambda _: self.ended.set()
        dialog.on_request = self._hear

    @property
    def route(self) -> tuple[str, ...]:
        """The platforms it came through, from the top (2022 annex H)."""
        return read_route(self.response.headers.get(ROUTE_PATH))

    async def wait_frames(self, count: int, patience_s: float = 10.0) -> None:
        await self.receiver.wait_frames(count, patience_s)

    async def inform(self, body: bytes) -> Response:
        """An INFO with MANSRTSP."""
        return await self.dialog.request("INFO", body=body, content_type="Application/MANSRTSP", timeout_s=_ANSWER_S)

    async def bye(self) -> None:
        await self.dialog.bye(timeout_s=_ANSWER_S)
        await self.receiver.close()

    def _hear(self, incoming: Incoming) -> None:
        incoming.respond(200)
        if incoming.request.method == "MESSAGE":
            with suppress(ValueError):
                said = parse(incoming.request.body)
                if isinstance(said, MediaStatus):
                    self.media_status.append(said)
