"""By which transport a stream is asked for, on whose port, and which other way may help after a failure."""

from __future__ import annotations

from dataclasses import dataclass

from broker.failure import Failure
from media.plane import Transport
from registry.device import Device


@dataclass(frozen=True, slots=True)
class Way:
    """A transport, and whether it uses the media plane's shared port."""

    transport: Transport
    single_port: bool

    def other(self, failure: Failure, *, may_change_transport: bool) -> Way | None:
        """Another way that may bring what this one did not; None when none would."""
        if self.single_port and (failure.needs_own_port or failure.code == "no-capacity"):
            return Way(self.transport, False)
        if failure.nothing_came and may_change_transport and self.transport in OTHER_TRANSPORT:
            return Way(OTHER_TRANSPORT[self.transport], self.single_port)
        return None


OTHER_TRANSPORT = {
    Transport.UDP: Transport.TCP_PASSIVE,
    Transport.TCP_PASSIVE: Transport.UDP,
    Transport.TCP_ACTIVE: Transport.TCP_PASSIVE,
}


def first_way(device: Device | None, *, single_port: bool) -> Way:
    """What is set for the device; TCP passive, which gets through most networks, when that says nothing known."""
    try:
        transport = Transport(device.media_transport if device else "")
    except ValueError:
        transport = Transport.TCP_PASSIVE
    return Way(transport, single_port)
