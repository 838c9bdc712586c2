"""The way into the kitchen: the form of the format modules is chosen before anybody imports them.

python -m media.kitchen.start --socket FD
"""

from __future__ import annotations

from media import compiled

compiled.use()

from media.kitchen.cook import main  # noqa: E402  # after the choice

main()
