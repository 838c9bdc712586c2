"""The console's built files: known by a list made beforehand, never by a path from outside."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from aiohttp import web

NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>Lianwang</title>
<p>控制台尚未构建：请在工程目录运行 <code>make demo</code> 或 <code>make console</code>。
<p>The console is not built yet: run <code>make demo</code> or <code>make console</code> in the project's folder.
"""
LOOK_AGAIN_S = 2.0


class ConsoleFiles:
    """Files of one folder by their address. Unknown addresses are the console's own pages and get index.html.

    Hashed files (under assets/) may be kept for ever, everything else is asked for anew. A rebuilt console is
    noticed when an unknown file is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = _list(folder)
        self._listed_at = time.monotonic()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info.get("path", "")
        found = self._files.get(path)
        if found is None and time.monotonic() - self._listed_at > LOOK_AGAIN_S:
            self._listed_at = time.monotonic()
            self._files = await asyncio.to_thread(_list, self._folder)
            found = self._files.get(path)
        if found is None and _is_page(path):
            path, found = "index.html", self._files.get("index.html")
            if found is None:
                return web.Response(text=NOT_BUILT, content_type="text/html", status=503)
        if found is None:
            raise web.HTTPNotFound
        kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        return web.FileResponse(found, headers={"Cache-Control": kept})


def _is_page(path: str) -> bool:
    """Whether an address is one of the console's own pages rather than a file that is missing."""
    steps = path.rstrip("/").split("/")
    if steps[0] in ("api", "media", "assets") or "." in steps[-1]:
        return False
    return path == "" or all(step and not step.startswith(".") for step in steps)


def _list(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    root = folder.resolve()
    files = (file for file in root.rglob("*") if file.is_file() and file.resolve().is_relative_to(root))
    return {
        file.relative_to(root).as_posix(): file
        for file in files
        if not any(part.startswith(".") for part in file.parts[len(root.parts) :])
    }
