"""What stands where a call does when nobody is called: a stream that we fetch ourselves."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gb28181.sdp import Answer
from media.plane import Source

METHOD_NOT_ALLOWED = 405

Sources = Callable[[str, str], Source | None]
"""Where the stream of an owner's channel is fetched from; None for channels that are called."""


@dataclass(slots=True)
class Fetching:
    """A `Call` without another side: what there is to say to it is said by the media plane."""

    call_id: str = field(default_factory=lambda: f"fetch-{secrets.token_hex(8)}")
    answer: Answer = field(default_factory=lambda: Answer(owner="", host="", port=0))

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    def on_end(self, listener: Callable[[str], None]) -> None:
        """It ends when the media plane says so."""

    async def inform(self, body: bytes, content_type: str) -> int:
        return METHOD_NOT_ALLOWED

    async def hang_up(self, reason: str = "") -> None:
        """The media plane has let go of it already, or does when its inlet is closed."""


def nothing_is_fetched(owner: str, channel: str) -> Source | None:
    return None
