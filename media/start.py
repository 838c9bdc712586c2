"""The way into a worker: which form of the modules on the packet path runs is chosen before anybody imports them.

python -m media.start --socket FD
"""

from __future__ import annotations

from media import compiled

compiled.use()

from media.worker import main  # noqa: E402  # after the choice

main()
