"""All routes, in the order in which the book of routes shows them."""

from __future__ import annotations

from web.api import (
    audits,
    channels,
    contact,
    devices,
    divisions,
    events,
    followed,
    keys,
    ladders,
    live,
    metrics,
    platforms,
    previews,
    ptz,
    refusals,
    sessions,
    sharing,
    sources,
    system,
    tree,
    users,
    ways,
)
from web.routing import Route, routes_of

ROUTES: tuple[Route, ...] = routes_of(
    sessions,
    users,
    keys,
    audits,
    tree,
    devices,
    followed,
    channels,
    sources,
    ways,
    refusals,
    live,
    ptz,
    platforms,
    contact,
    sharing,
    previews,
    ladders,
    system,
    metrics,
    divisions,
    events,
)
