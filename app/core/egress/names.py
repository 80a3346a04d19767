"""Where a name leads, asked once."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import TypeAlias

from app.core.egress.addresses import Address, EgressRefused

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Gives all addresses of a name, in the order in which to try them."""


async def system_resolver(host: str, port: int) -> Sequence[Address]:
    """Return where the system says that a name leads; spellings of an address such as `0x7f.1` are names to it.

    Raises
    ------
    EgressRefused
        It leads nowhere.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise EgressRefused("its host has no address") from None
    # A zone, as in fe80::1%eth0, is of this machine's networks: nothing that a user may name.
    return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
