"""Spreads registrations over servers: a device that proved itself is sent on with 302 (GB/T 28181-2022 9.1.2.3).

Sans-IO: which servers answer is told from outside, time comes in. A code goes to the same server as long as that one
answers, and when a server fails only its own devices move (rendezvous hashing).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

REMEMBERED = 100_000
"""Devices whose last assignment is remembered."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where devices are sent. ValueError for what is none.

    >>> Server.parse("34020000002000000002@10.0.0.2:5060").uri
    'sip:34020000002000000002@10.0.0.2:5060'
    """

    code: str
    host: str
    port: int

    @staticmethod
    def parse(text: str) -> Server:
        code, at, place = text.strip().partition("@")
        host, colon, port = place.rpartition(":")
        is_code = len(code) == 20 and code.isascii() and code.isdigit()
        if not (is_code and at and colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError(f"a server to send devices to reads CODE@HOST:PORT, not {text!r}")
        return Server(code, host.strip("[]"), int(port))

    @property
    def uri(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sip:{self.code}@{host}:{self.port}"


class Redirect:
    """`server_for` a device; `heard` tells which servers answer. A device that is back within `back_within_s` was not
    taken there, and goes to the next one."""

    def __init__(
        self, servers: Sequence[Server], *, prefixes: Sequence[str] = (), back_within_s: float = 300.0
    ) -> None:
        self.servers = tuple(servers)
        self._prefixes = tuple(prefixes)
        self._back_within_s = back_within_s
        self._answers: dict[Server, bool] = dict.fromkeys(self.servers, True)
        self._sent: OrderedDict[str, tuple[Server, float, frozenset[Server]]] = OrderedDict()
        self.sent = 0
        self.sent_to: dict[Server, int] = dict.fromkeys(self.servers, 0)
        self.kept = 0
        """Devices taken here because no server was left for them."""

    def heard(self, server: Server, answers: bool) -> None:
        """Whether a server answered when it was asked."""
        self._answers[server] = answers

    def answers(self, server: Server) -> bool:
        return self._answers.get(server, False)

    def server_for(self, code: str, now: float) -> Server | None:
        """Where to send a device that proved itself; None when it is to stay here."""
        if not self.servers or (self._prefixes and not code.startswith(self._prefixes)):
            return None
        last = self._sent.get(code)
        tried: frozenset[Server] = frozenset()
        if last is not None and now - last[1] < self._back_within_s:
            tried = last[2] | {last[0]}
        left = [server for server in self.servers if self._answers[server] and server not in tried]
        if not left:
            self._sent.pop(code, None)
            self.kept += 1
            return None
        chosen = max(left, key=lambda server: _weight(server, code))
        self._sent[code] = (chosen, now, tried)
        self._sent.move_to_end(code)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        self.sent += 1
        self.sent_to[chosen] += 1
        return chosen


def _weight(server: Server, code: str) -> bytes:
    return blake2b(f"{server.uri} {code}".encode(), digest_size=8).digest()
