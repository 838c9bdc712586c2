"""WebRTC by aiortc, as far as all who use it share: which addresses are ours, and a browser that hides its own.

aiortc binds a port of the system's choice on every address of the machine. `settle` has it use the addresses and ports
that were given, for this process as a whole; it looks into aioice where that offers no way.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aioice.ice
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription, rtcrtpsender
from aiortc.mediastreams import MediaStreamError

LONGEST_OFFER = 64 * 1024
HISTORY = 1024
"""Packets that can be sent again when the browser misses them; aiortc's own 128 are less than a key frame."""
PORT_TRIES = 20
_CANDIDATE = re.compile(r"^a=candidate:(\S+) (\d+) (\S+) (\d+) (\S+) (\d+) typ (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where browsers find us. `host` is bound ("" is every address), `announced` told in its place ("" is the same);
    ports are of `first_port` to `last_port`, 0 is of the system's choice."""

    host: str = ""
    announced: str = ""
    first_port: int = 0
    last_port: int = 0


def settle(standing: Standing) -> None:
    """Have every connection of this process stand there."""
    # Neither has a setting for it; the browser tests would show a change of theirs.
    sending: Any = rtcrtpsender
    sending.RTP_HISTORY_SIZE = HISTORY
    found = aioice.ice.get_host_addresses

    def addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        if standing.host not in ("", "0.0.0.0", "::"):
            return [standing.host]
        return found(use_ipv4, use_ipv6 and standing.host != "0.0.0.0") or ["127.0.0.1"]

    aioice.ice.get_host_addresses = addresses
    if standing.first_port:
        _narrow(standing.first_port, standing.last_port)


def _narrow(first: int, last: int) -> None:
    """Sockets of the system's choice are bound within the range."""
    loop: Any = asyncio.get_running_loop()
    bind: Callable[..., Any] = loop.create_datagram_endpoint

    async def within(factory: Callable[[], Any], local_addr: Any = None, **more: Any) -> Any:
        if local_addr is None or local_addr[1] != 0:
            return await bind(factory, local_addr=local_addr, **more)
        ports = range(first, last + 1)
        for port in random.sample(ports, min(PORT_TRIES, len(ports))):
            try:
                return await bind(factory, local_addr=(local_addr[0], port), **more)
            except OSError:
                continue
        raise OSError(f"no port of {first} to {last} is free on {local_addr[0]}")

    loop.create_datagram_endpoint = within  # for aioice, which can be given no port


class Silent(MediaStreamTrack):
    """A track that gives nothing by itself: who sends on it brings packets."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    async def recv(self) -> Any:
        raise MediaStreamError


async def take_offer(connection: RTCPeerConnection, offer: str, client: str) -> None:
    """Raises ValueError for what is no offer. `client` is the address that it came from: a page that may use no
    microphone hides its own behind a name that only its own network knows."""
    if len(offer) > LONGEST_OFFER or not offer.startswith("v=0"):
        raise ValueError("this is no offer of a session (SDP)")
    try:
        await connection.setRemoteDescription(RTCSessionDescription(_shown(offer, client), "offer"))
    except Exception as error:
        # aiortc's reader raises whatever its lines bring about.
        raise ValueError(f"the offer cannot be taken: {type(error).__name__} {error}") from None


async def make_answer(connection: RTCPeerConnection, standing: Standing) -> str:
    """Its candidates included, for nothing trickles."""
    await connection.setLocalDescription(await connection.createAnswer())
    answer: str = connection.localDescription.sdp
    if not standing.announced:
        return answer
    return _CANDIDATE.sub(lambda found: found[0].replace(f" {found[5]} ", f" {standing.announced} ", 1), answer)


def _shown(offer: str, client: str) -> str:
    """The offer with the hidden addresses as we see them, and without candidates that are of no use."""
    try:
        ipaddress.ip_address(client)
    except ValueError:
        client = ""
    lines: list[str] = []
    for line in offer.splitlines():
        found = _CANDIDATE.match(line)
        if found is None or not found[5].endswith(".local"):
            lines.append(line)
        elif client:
            lines.append(line.replace(found[5], client))
    return "\r\n".join(lines) + "\r\n"


def addresses_of(answer: str) -> Sequence[str]:
    """Where an answer says that we are found."""
    return [found[5] for found in _CANDIDATE.finditer(answer)]
