"""Where viewers come in: FLV and PS by HTTP, FLV and fMP4 by WebSocket. Hands are shaken here, the plane has the rest.

aiohttp reads the request and writes the answer. Then the connection is taken from it: its descriptor is doubled and its
transport let go, which closes only the transport's own. Behind TLS there is no such socket to take: the plane gets one
end of a pair, and what it writes there is carried on by the transport. The plane may be in another process either way.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable

from aiohttp import HttpVersion11, web

from media.outlets.carrier import Answer, Carrier
from media.plane import OutletKind, Seating, Seats, WireForm
from media.signing import Signer

log = logging.getLogger(__name__)

SHAKING_S = 2.0
"""How long the answer to a handshake may take to go out."""
VERSION = {"Sec-WebSocket-Version": "13"}
WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

EXTENSIONS = {
    OutletKind.FMP4_WS: "mp4",
    OutletKind.FLV_HTTP: "flv",
    OutletKind.FLV_WS: "flv",
    OutletKind.PS_HTTP: "ps",
}
CONTENT_TYPES = {OutletKind.FLV_HTTP: "video/x-flv", OutletKind.PS_HTTP: "video/MP2P"}
"""The kinds that come as the body of an HTTP answer; all others are WebSockets."""


class Doors:
    """The viewers' addresses on any aiohttp application; they carry their own proof of right."""

    def __init__(self, prefix: str, signer: Signer, seats: Seats, wall: Callable[[], float] = time.time) -> None:
        self.refused = 0
        self._prefix = prefix
        self._signer = signer
        self._seats = seats
        self._wall = wall

    def routes(self) -> list[web.RouteDef]:
        # A HEAD would spend the address and show nothing.
        return [web.get(self._prefix + "/{inlet}/{outlet}", self._serve, allow_head=False)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        inlet, outlet = request.match_info["inlet"], request.match_info["outlet"].partition(".")[0]
        kind = self._claim(request, inlet, outlet)
        is_seated = False
        try:
            response, form = _answer_http(request, kind) if kind in CONTENT_TYPES else _answer_websocket(request)
            carrier = Carrier(request, response, form)
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(SHAKING_S):
                    opened = await carrier.take()
                is_seated = True
                is_legacy = request.query.get("codec") == "legacy" and kind is not OutletKind.FMP4_WS
                self._seats.seat(outlet, Seating(carrier.form, is_legacy, carrier.said), opened)
                await carrier.carry()
            return response
        except OSError as error:
            log.error("a viewer could not be let in: %s", error)
            raise web.HTTPServiceUnavailable(text="no viewer can be let in now") from error
        finally:
            if not is_seated:
                await self._seats.detach(inlet, outlet)

    def _claim(self, request: web.Request, inlet: str, outlet: str) -> OutletKind:
        """What the address is for. Raises HTTPForbidden for any that is not good now."""
        expiry, signature = request.query.get("e", ""), request.query.get("s", "")
        # Taken before the first wait: the address opens one door, once.
        if self._signer.is_valid(inlet, outlet, expiry, signature, self._wall()):
            kind = self._seats.claim(inlet, outlet)
            if kind is not None:
                return kind
        self.refused += 1
        raise web.HTTPForbidden(text="this media address is not valid, used, or over")


def _answer_http(request: web.Request, kind: OutletKind) -> tuple[Answer, WireForm]:
    """An endless body: chunked for HTTP/1.1, until the connection closes for HTTP/1.0."""
    if request.can_read_body:
        raise web.HTTPBadRequest(text="this address takes no body")
    response = Answer(headers={"Content-Type": CONTENT_TYPES[kind], "Cache-Control": "no-store"})
    response.force_close()
    return response, WireForm.CHUNKED if request.version >= HttpVersion11 else WireForm.PLAIN


def _answer_websocket(request: web.Request) -> tuple[Answer, WireForm]:
    """The server's half of the handshake (RFC 6455 4.2.2); no extension and no subprotocol is taken."""
    headers = request.headers
    if headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in headers.get("Connection", "").lower():
        raise web.HTTPUpgradeRequired(text="this address is for a WebSocket")
    key = headers.get("Sec-WebSocket-Key", "")
    try:
        is_key = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        is_key = False
    if headers.get("Sec-WebSocket-Version") != "13" or not is_key or request.version < HttpVersion11:
        raise web.HTTPBadRequest(text="this is no WebSocket handshake of version 13", headers=VERSION)
    accept = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_KEY, usedforsecurity=False).digest()).decode()
    answer = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
    response = Answer(status=101, headers=answer)
    response.force_close()
    return response, WireForm.WEBSOCKET
