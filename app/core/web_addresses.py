"""Addresses of the web: what one is written in, and whether what is said there stays between the two."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_WRITTEN = re.compile(r"[A-Za-z0-9._~:/\[\]@!$&'()*+,;=%-]+")
"""What an address without a query or a fragment is written in. Source: RFC 3986, appendix A."""


def is_base_address(url: str) -> bool:
    """Tell whether an address says by http or https where a host is, not who asks there, without query or fragment."""
    if not _WRITTEN.fullmatch(url):
        return False
    try:
        parsed = urlsplit(url)
        port = parsed.port
    except ValueError:  # of brackets, or of the port
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.hostname) and "@" not in parsed.netloc and port != 0


def is_safe_address(url: str) -> bool:
    """Tell whether what goes there and back can be believed: by https, or by http on this very machine."""
    before_query = url.partition("?")[0]
    if not (_WRITTEN.fullmatch(url.replace("?", "")) and is_base_address(before_query)):
        return False
    parsed = urlsplit(before_query)
    return parsed.scheme == "https" or is_loopback(parsed.hostname)


def is_loopback(host: str | None) -> bool:
    """Tell whether a host is this very machine, by the names that browsers trust as much as https."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
