"""All routes, in the order in which the book of routes shows them."""

from __future__ import annotations

from web.api import (
    audits,
    channels,
    devices,
    divisions,
    events,
    keys,
    ladders,
    live,
    ptz,
    refusals,
    sessions,
    system,
    tree,
    users,
)
from web.routing import Route, routes_of

ROUTES: tuple[Route, ...] = routes_of(
    sessions,
    users,
    keys,
    audits,
    tree,
    devices,
    channels,
    refusals,
    live,
    ptz,
    ladders,
    system,
    divisions,
    events,
)
