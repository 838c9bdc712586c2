"""Who may knock at all: allow and deny lists by code and by address."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from registry.refusal import Refusal


class Gatekeeper:
    """Lists that are read once and asked often. Deny is stronger than allow; an empty allow list allows all.

    Raises ValueError for an address that is no network, naming it.
    """

    def __init__(
        self,
        *,
        allow_codes: tuple[str, ...] = (),
        deny_codes: tuple[str, ...] = (),
        allow_addresses: tuple[str, ...] = (),
        deny_addresses: tuple[str, ...] = (),
    ) -> None:
        self._allow_codes = allow_codes
        self._deny_codes = deny_codes
        self._allow_networks = _networks(allow_addresses)
        self._deny_networks = _networks(deny_addresses)

    def turn_away(self, code: str, host: str) -> tuple[Refusal, str] | None:
        """None when `code` may knock from `host`; else the reason and what stood against it."""
        denied = next((prefix for prefix in self._deny_codes if code.startswith(prefix)), None)
        if denied is not None:
            return Refusal.DENIED_CODE, f"{code} begins with {denied}, which the deny list names"
        if self._allow_codes and not code.startswith(self._allow_codes):
            return Refusal.DENIED_CODE, f"{code} begins with none of the {len(self._allow_codes)} allowed prefixes"
        if self._allow_networks or self._deny_networks:
            return self._turn_away_address(host)
        return None

    def _turn_away_address(self, host: str) -> tuple[Refusal, str] | None:
        try:
            address = ip_address(host)
        except ValueError:
            return Refusal.DENIED_ADDRESS, f"{host!r} is no address that our lists could hold"
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        denied = next((network for network in self._deny_networks if address in network), None)
        if denied is not None:
            return Refusal.DENIED_ADDRESS, f"{host} lies in {denied}, which the deny list names"
        if self._allow_networks and not any(address in network for network in self._allow_networks):
            return Refusal.DENIED_ADDRESS, f"{host} lies in none of the {len(self._allow_networks)} allowed networks"
        return None


def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError as wrong:
            raise ValueError(f"{text!r} is no network such as 10.1.0.0/16: {wrong}") from None
    return tuple(networks)
