"""`python -m app` is `lianwang`."""

from __future__ import annotations

from app.start import main

main()
