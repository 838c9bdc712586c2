"""Who failed too often must wait, longer each time, in a table that cannot grow."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address


class Lockout:
    """Counts failures per key; from the `after`th on, the key must wait, and twice as long for each further one.

    A key whose last failure is older than `forget_s` begins anew. At most `size` keys are kept; the one that failed
    longest ago gives way.
    """

    def __init__(self, *, after: int, first_s: float, longest_s: float, size: int) -> None:
        self._after = after
        self._first_s = first_s
        self._longest_s = longest_s
        self._forget_s = 2 * longest_s
        self._size = size
        self._failures: OrderedDict[str, tuple[int, float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def wait_s(self, key: str, now: float) -> float:
        """How long `key` must still wait; 0 when it may try."""
        kept = self._failures.get(key)
        return 0.0 if kept is None else max(0.0, kept[2] - now)

    def fail(self, key: str, now: float) -> int:
        """One more failure; the number in a row comes back."""
        count, last, _ = self._failures.get(key, (0, now, 0.0))
        count = 1 if now - last > self._forget_s else count + 1
        beyond = count - self._after
        wait = 0.0 if beyond < 0 else min(self._longest_s, self._first_s * 2.0 ** min(beyond, 30))
        self._failures[key] = (count, now, now + wait)
        self._failures.move_to_end(key)
        while len(self._failures) > self._size:
            self._failures.popitem(last=False)
        return count

    def succeed(self, key: str) -> None:
        self._failures.pop(key, None)


def network_of(host: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 that an IPv6 host commands.

    >>> network_of("2001:db8:1:2:3:4:5:6")
    '2001:db8:1:2::/64'
    """
    if ":" not in host:
        return host
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
