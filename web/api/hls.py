"""HLS for phones: playlists and segments at an address with a secret in it, as a phone's own player sends no more."""

from __future__ import annotations

from aiohttp import web

from broker.watch import NoCapacity
from web.api.whep import servings
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Ident


@route(
    "GET",
    "/hls/{token}/{name}",
    public=True,
    at_root=True,
    problems=(404, 503),
    media_type="application/vnd.apple.mpegurl",
)
async def part(visit: Visit, token: Ident, name: Ident) -> web.Response:
    """A playlist, an init segment or a segment of the picture that POST /live gave with the format hls. The secret in
    the address is the right; the place is given back when nobody asks for half a minute."""
    try:
        found = await servings(visit).hls(token, name)
    except KeyError:
        raise Problem(404, "not-found", "There is nothing here, or no longer.") from None
    except NoCapacity as error:
        raise Problem(503, "no-capacity", str(error), headers={"Retry-After": "2"}) from None
    cache = "no-store" if name.endswith(".m3u8") else "private, max-age=60"
    return web.Response(body=found.body, content_type=found.content_type, headers={"Cache-Control": cache})
