"""Names of hosts and families of addresses."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

RESOLVE_S = 5.0


async def resolved(host: str, family: int = socket.AF_UNSPEC) -> str:
    """A numeric address of a host name; itself when it is one. Raises OSError."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    if not host:
        raise OSError("there is no address")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(host, None, family=family, type=socket.SOCK_DGRAM)
    except TimeoutError:
        raise OSError(f"the name {host} was not resolved in {RESOLVE_S:g} s") from None
    except UnicodeError:
        raise OSError(f"{host!r} is no host name") from None
    return str(found[0][4][0])


def family_of(local_host: str) -> socket.AddressFamily:
    """The address family a socket bound to `local_host` speaks."""
    try:
        version = ip_address(local_host).version
    except ValueError:
        return socket.AF_UNSPEC
    return socket.AF_INET6 if version == 6 else socket.AF_INET
