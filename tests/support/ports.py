"""Ports of the loopback that are free at the moment."""

import os
import socket
from itertools import count

FIRST, AFTER_LAST = 20_000, 32_768
"""Below those that Linux gives away by itself (`ip_local_port_range`): none is taken between the look and its use."""

_asked = count(os.getpid() * 97)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, another one each time.

    Raises
    ------
    RuntimeError
        If all are taken.
    """
    for _ in range(AFTER_LAST - FIRST):
        port = FIRST + (next(_asked) % (AFTER_LAST - FIRST))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError(f"no port from {FIRST} to {AFTER_LAST - 1} is free")
