"""What every answer says to the browser: run only our own code, show us in nobody's frame, tell nobody whence."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from web.auth import Gate
from web.desk import DESK
from web.routing import PREFIX

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Media addresses are signed: they must not wander into other sites' logs.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The microphone is for talk-back, by our own page only.
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), fullscreen=(self)",
}
# An API answer is data: whoever opens it as a page runs nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
HOST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")
TRANSPORT_SECURITY = "max-age=31536000"


def page_policy(host: str, bases: Sequence[str] = (), tiles: str = "") -> str:
    """The console's policy. 'self' does not mean WebSockets in every browser, so they are named by our own host.

    `bases` are the origins of media hosts: of them, too, by HTTP and by WebSocket. `tiles` is the origin of map tiles,
    when the settings name some. Nobody else is asked for anything.
    """
    sockets = f" ws://{host} wss://{host}" if host and HOST_LETTERS.issuperset(host) else ""
    sockets += "".join(f" {base} ws{base.removeprefix('http')}" for base in bases)
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self'",
            # The component library writes its styles into the page.
            "style-src 'self' 'unsafe-inline'",
            f"img-src 'self' data: blob: {tiles}".rstrip(),
            "font-src 'self' data:",
            "media-src 'self' blob:",
            "worker-src 'self' blob:",
            f"connect-src 'self'{sockets} {tiles}".rstrip(),
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


async def put_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The application's `on_response_prepare`: for every answer, media and errors included."""
    headers = response.headers
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    services = request.app[DESK].services
    is_api = request.path.startswith(PREFIX + "/")
    headers.setdefault(
        "Content-Security-Policy",
        DATA_POLICY if is_api else page_policy(request.host, services.media_bases(), services.map.origin),
    )
    if is_api:
        headers.setdefault("Cache-Control", "no-store")
    gate: Gate = request.app[DESK].gate
    if gate.is_secure(request):
        headers.setdefault("Strict-Transport-Security", TRANSPORT_SECURITY)
    headers.popall("Server", None)
