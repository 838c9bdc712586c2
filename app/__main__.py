"""`python -m app` is `lianwang`."""

from __future__ import annotations

from app.cli import main

main()
