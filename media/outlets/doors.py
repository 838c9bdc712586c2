"""Where viewers come in: HTTP-FLV, and FLV or fMP4 by WebSocket. Bytes go straight to the wire, without a task each.

aiohttp does the handshake and reads what the viewer says; pieces are written to its transport ready framed, the same
bytes for every viewer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any

from aiohttp import HttpVersion11, WSMsgType, web

from media.outlets.chunk import Form, chunked, plain, websocket
from media.outlets.viewer import Wire
from media.plane import OutletKind

log = logging.getLogger(__name__)

UNSENT_BYTES = 128 * 1024
"""What the system may hold unsent for one viewer; more would be seconds that cannot be skipped."""
TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
HEARTBEAT_S = 20.0
CLOSING_S = 2.0
MESSAGES_LIMIT = 1000
"""Viewers have nothing to say; one that talks on is shut out."""

Enter = Callable[[Wire, Form], asyncio.Future[str]]
"""Gives a viewer its place: the future ends, with the reason, when nothing more will come."""

EXTENSIONS = {OutletKind.FMP4_WS: "mp4", OutletKind.FLV_HTTP: "flv", OutletKind.FLV_WS: "flv"}


async def serve_http(request: web.Request, enter: Enter) -> web.StreamResponse:
    """FLV as an endless body: chunked for HTTP/1.1, until the connection closes for HTTP/1.0."""
    response = web.StreamResponse(headers={"Content-Type": "video/x-flv", "Cache-Control": "no-store"})
    is_chunked = request.version >= HttpVersion11
    if is_chunked:
        response.enable_chunked_encoding()
    else:
        response.force_close()
    await response.prepare(request)
    wire = _wire_of(request)
    if wire is None:
        return response
    ended = enter(wire, chunked if is_chunked else plain)
    await ended
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(CLOSING_S):
            await response.write_eof()
    return response


async def serve_websocket(request: web.Request, enter: Enter) -> web.StreamResponse:
    """Binary messages, each whole pieces of the format; text messages announce what comes (fMP4)."""
    response = web.WebSocketResponse(timeout=CLOSING_S, heartbeat=HEARTBEAT_S, compress=False, max_msg_size=4096)
    if not response.can_prepare(request).ok:
        raise web.HTTPUpgradeRequired(text="this address is for a WebSocket")
    await response.prepare(request)
    wire = _wire_of(request)
    if wire is None:
        return response
    ended = enter(wire, websocket)
    listening = asyncio.create_task(_listen(response), name="media viewer")
    try:
        waits: set[asyncio.Future[Any]] = {ended, listening}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
    if ended.done() and not wire.is_closing():
        await response.close(message=ended.result().encode()[:120])
    return response


async def _listen(response: web.WebSocketResponse) -> None:
    """Until the viewer closes. Pings are answered by aiohttp meanwhile."""
    for _ in range(MESSAGES_LIMIT):
        message = await response.receive()
        if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return


def _wire_of(request: web.Request) -> Wire | None:
    wire = request.transport
    if wire is None or wire.is_closing():
        return None
    opened = wire.get_extra_info("socket")
    if opened is not None:
        with contextlib.suppress(OSError):  # a UNIX socket behind a proxy has no such thing
            opened.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return wire
