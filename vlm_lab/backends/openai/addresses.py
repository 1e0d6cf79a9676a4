"""A server's host -> whether documents that are sent there stay on this machine or its network.

The question is asked twice: of the name, before anybody is called, and of the address that a
connection really has, before a byte is sent over it. A name may stand for another address the
second time (DNS rebinding). Of a server that a run started, it is also asked whose it is.
"""

import ipaddress
import os
import socket
from collections.abc import Iterable
from typing import Any

from vlm_lab.backends.openai.port_owners import find_listener_users
from vlm_lab.messages import Message

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 1122, RFC 1918, RFC 4193. Link-local addresses (a cloud's metadata server has one), those of
# carriers (100.64.0.0/10) and tunnels (Teredo, 6to4) reach machines of others.
PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"),
    )
)


class RefusedConnectionError(Exception):
    """A connection was made and nothing was sent over it; `reason` says why."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


def describe_refusal(host: str) -> Message:
    """Why a server is not asked, and what to do where it should be."""
    return Message("not_private", {"host": host})


def is_private_host(host: str, listed_networks: Iterable[Network] = ()) -> bool:
    """Whether every address of a host is private or listed. A name that nobody knows is not."""
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    addresses = {str(entry[4][0]) for entry in entries}
    networks = tuple(listed_networks)
    return bool(addresses) and all(is_private_address(address, networks) for address in addresses)


def is_private_address(address: str, listed_networks: Iterable[Network] = ()) -> bool:
    """Whether an address (`10.1.2.3`, `fe80::1%eth0`) lies in PRIVATE_NETWORKS or the listed."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped_ip = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return any((mapped_ip or ip) in network for network in (*PRIVATE_NETWORKS, *listed_networks))


class ConnectionGuard:
    """An HTTP client's `trace`: ends a connection whose address is not private, or not that of a
    process of this user where the server `is_ours`, before anything is sent over it."""

    def __init__(self, listed_networks: Iterable[Network], is_ours: bool = False) -> None:
        self.listed_networks, self.is_ours = tuple(listed_networks), is_ours

    def __call__(self, event: str, details: dict[str, Any]) -> None:
        if event != "connection.connect_tcp.complete":
            return
        connection = details["return_value"]
        address, port, *_ = connection.get_extra_info("server_addr")
        reason = None
        if not is_private_address(str(address), self.listed_networks):
            reason = describe_refusal(str(address))
        elif self.is_ours and find_listener_users(port) - {os.getuid()}:
            reason = Message("port_of_others", {"port": str(port)})
        if reason:
            connection.close()
            raise RefusedConnectionError(reason)
