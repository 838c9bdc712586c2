"""What those say who give out pictures that are made to order."""

from __future__ import annotations

from broker.servings import TranscodingFull
from broker.watch import Lease, NoCapacity
from web.errors import Problem


def wanted_codec(lease: Lease, codec: str) -> str:
    """ "" where the stream has that codec already."""
    return "" if lease.video.codec == "H.264" else codec


def full(error: NoCapacity) -> Problem:
    """What there is no place for, in the console's words."""
    if isinstance(error, TranscodingFull):
        return Problem(503, "transcode-full", str(error), {"used": error.used, "most": error.most})
    return Problem(503, "no-capacity", str(error), headers={"Retry-After": "5"})
