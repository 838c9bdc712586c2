"""The way in: which form of the format modules runs is chosen before anybody imports them."""

from __future__ import annotations

from media import compiled

compiled.use()

from app.cli import main  # noqa: E402  # after the choice

__all__ = ["main"]
