"""All senders of a plane: their ports lent before anybody is told, their ends told once."""

from __future__ import annotations

import dataclasses
import ipaddress
import logging
import secrets
import socket
from collections.abc import Callable

from media.outlets.road import Trying
from media.outlets.rtp_sender import RtpSender
from media.outlets.viewer import Tolerance
from media.passage import Passage
from media.plane import (
    KeyFrameWanted,
    NoCapacity,
    OutletClosed,
    PlaneEvent,
    Sender,
    SenderStatistics,
    SenderWish,
    Transport,
)
from media.ports import Ports

SCRATCH_BYTES = 1 << 17
"""Where every sender numbers its packets, one after the other; longer runs take memory of their own."""

log = logging.getLogger(__name__)


class Senders:
    """By their outlet's name. `announced` is the address SDP names, "" has the system say which one it would use."""

    def __init__(
        self,
        ports: Ports,
        tolerance: Tolerance,
        trying: Trying,
        announced: str,
        tell: Callable[[PlaneEvent], None],
        clock: Callable[[], float],
    ) -> None:
        self._ports = ports
        self._tolerance = tolerance
        self._trying = trying
        self._announced = announced
        self._tell = tell
        self._clock = clock
        self._senders: dict[str, RtpSender] = {}
        self._scratch = bytearray(SCRATCH_BYTES)

    def __len__(self) -> int:
        return len(self._senders)

    def attach(self, inlet: str, wish: SenderWish, passage: Passage) -> Sender:
        """A sender with its port bound. Raises NoCapacity, and ValueError for a host that is no address."""
        address = ipaddress.ip_address(wish.host)
        host = str(address)
        if address.is_unspecified or not 0 < wish.port < 65536:
            raise ValueError(f"nothing can be sent to {wish.host} port {wish.port}")
        pair = self._ports.lend(
            self._clock(),
            listen=wish.transport is Transport.TCP_ACTIVE,
            holds_tcp=wish.transport is Transport.TCP_PASSIVE,
            by_six=address.version == 6,
        )
        try:
            sender = RtpSender(
                secrets.token_hex(8),
                inlet,
                dataclasses.replace(wish, host=host),
                pair,
                passage,
                scratch=self._scratch,
                tolerance=self._tolerance,
                trying=self._trying,
                ended=self._end,
                want_key=lambda why: self._tell(KeyFrameWanted(inlet, why)),
                clock=self._clock,
            )
        except OSError as error:
            self._ports.give_back(pair, self._clock())
            raise NoCapacity(f"no way leads from here to {host}: {error}") from error
        except BaseException:
            self._ports.give_back(pair, self._clock())
            raise
        self._senders[sender.name] = sender
        return Sender(sender.name, wish.local_host or self._own_host(host), pair.port, wish.ssrc)

    def begin(self, outlet: str) -> None:
        sender = self._senders.get(outlet)
        if sender is not None:
            sender.begin()

    def statistics(self, outlet: str) -> SenderStatistics | None:
        sender = self._senders.get(outlet)
        return sender.statistics() if sender is not None else None

    def detach(self, inlet: str, outlet: str) -> None:
        sender = self._senders.get(outlet)
        if sender is not None and sender.inlet == inlet:
            self._end(sender, "detached")

    def end(self, inlet: str, why: str) -> None:
        """All of one inlet."""
        for sender in self._of(inlet):
            self._end(sender, why)

    async def drained(self, inlet: str, until: float) -> None:
        """Wait until nothing is queued on an inlet's senders, or the clock says `until`."""
        for sender in self._of(inlet):
            await sender.drained(until)

    def watch(self, now: float) -> None:
        """A few times a second."""
        for sender in tuple(self._senders.values()):
            try:
                sender.watch(now)
            except Exception:
                log.exception("%r failed at its tick; it is tried again at the next one", sender)

    def _of(self, inlet: str) -> list[RtpSender]:
        return [sender for sender in self._senders.values() if sender.inlet == inlet]

    def _end(self, sender: RtpSender, why: str) -> None:
        if self._senders.pop(sender.name, None) is None:
            return
        sender.close()
        self._ports.give_back(sender.pair, self._clock())
        self._tell(OutletClosed(sender.inlet, sender.name, why))

    def _own_host(self, host: str) -> str:
        """By which address of ours a receiver hears from us: the announced one, else the one the system would use."""
        if self._announced and (":" in self._announced) == (":" in host):
            return self._announced
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((host, 9))  # tells the route; UDP sends nothing by it
            except OSError:
                return ""
            return str(probe.getsockname()[0])
