"""Addresses: which are one client, and which are of a network."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection


def client_of(address: str) -> str:
    """What stands for one client: its address, of IPv6 its /64 network.

    Of IPv6 one line has at least a /64, whose 2^64 addresses would be as many clients.
    """
    found = _address(address)
    if found is None:
        return address[:100]
    if found.version == 4 or found.is_loopback:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))


class Networks:
    """Addresses and networks, such as 10.0.0.0/8. Raises ValueError for what is neither, or everybody."""

    def __init__(self, texts: Collection[str]) -> None:
        self._networks = [ipaddress.ip_network(text) for text in texts]
        if wide := [str(one) for one in self._networks if one.prefixlen == 0]:
            raise ValueError(f"{wide[0]} is everybody")

    def __contains__(self, address: str) -> bool:
        found = _address(address) if self._networks else None
        return found is not None and any(found in one for one in self._networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if found.version == 6 else found
