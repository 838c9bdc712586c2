"""Where a device fetches the package it was ordered to: one address for one device and one upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from broker.upgrades import NotForYou, Upgrades
from web.routing import Handler

PIECE = 256 * 1024
STALLED_S = 60.0
"""A device that takes nothing for so long is hung up on; it may ask again."""


def firmware_handler(upgrades: Upgrades, address_of: Callable[[web.Request], str]) -> Handler:
    """GET and HEAD of a package, from a byte on when the device goes on after a cut (Range)."""

    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            upgrade, package = upgrades.fetch(request.match_info["token"], address_of(request))
        except NotForYou:
            raise web.HTTPNotFound from None
        span = _span(request, package.size)
        if span is None:
            raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{package.size}"})
        start, end = span
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(end - start),
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
        }
        if (start, end) != (0, package.size):
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{package.size}"
        response = web.StreamResponse(status=206 if "Content-Range" in headers else 200, headers=headers)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        file = await asyncio.to_thread(upgrades.shelf.path(package).open, "rb")
        try:
            await asyncio.to_thread(file.seek, start)
            while start < end:
                piece = await asyncio.to_thread(file.read, min(PIECE, end - start))
                if not piece:
                    raise ConnectionError("the package is shorter than it was")
                async with asyncio.timeout(STALLED_S):
                    await response.write(piece)
                start += len(piece)
                upgrades.sent(upgrade.session, start)
            await response.write_eof()
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            await asyncio.to_thread(file.close)
        return response

    return serve


def _span(request: web.Request, size: int) -> tuple[int, int] | None:
    """From which byte to before which; None for what cannot be had."""
    try:
        wanted = request.http_range
    except ValueError:
        return None
    start, stop = wanted.start or 0, size if wanted.stop is None else min(wanted.stop, size)
    start = max(0, size + start) if start < 0 else start
    return (start, stop) if 0 <= start < stop else None
