"""Which media host takes a stream. There is one now; the question already has its place."""

from __future__ import annotations

from media.plane import MediaPlane
from registry.device import Device


class Placement:
    """Picks a plane for a device's stream."""

    def __init__(self, plane: MediaPlane) -> None:
        self._plane = plane

    def plane_for(self, device: Device) -> MediaPlane:
        return self._plane

    def planes(self) -> tuple[MediaPlane, ...]:
        return (self._plane,)
