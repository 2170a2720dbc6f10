"""Whose word about users counts."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """``networks`` are the addresses of proxies that say who the user is; with none nobody is believed."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    user_header: str = "X-Forwarded-User"
    email_header: str = "X-Forwarded-Email"

    def trusts(self, address: str | None) -> bool:
        """Whether a connection from ``address`` is one of theirs (a Unix socket has none)."""
        if not self.networks:
            return False
        try:
            peer = ip_address(address or "")
        except ValueError:
            return False
        return any(peer in network for network in self.networks)
