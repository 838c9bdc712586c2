"""The book of routes, OpenAPI 3.1, written from the routes themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from web.routing import Route


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The OpenAPI document of `routes`."""
    return {"openapi": "3.1.0", "info": {"title": "Lianwang", "version": version}, "paths": {}}
