"""Which addresses may be asked on behalf of users: pure rules, with no look at any network."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self, TypeAlias

import httpx

from app.core.settings import Settings

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_REFUSED: dict[str, tuple[str, ...]] = {
    "of this host itself": ("127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "shared by customers of a provider": ("100.64.0.0/10",),
    "where a cloud tells its machines their secrets": ("168.63.129.16/32",),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "an IPv4 address inside an IPv6 one": (
        "::ffff:0:0/96",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
    ),
    "reserved": (
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    ),
}
"""Why an address is refused, and the networks; the first that holds is told.

Source: the IANA registries of special-purpose IPv4 and IPv6 addresses; RFC 3879 (site-local), RFC 2765 (translated).
"""

_NETWORKS: tuple[tuple[str, Network], ...] = tuple(
    (reason, ip_network(network)) for reason, networks in _REFUSED.items() for network in networks
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that is given out of IPv6; what lies outside is no public address. Source: RFC 4291, IANA."""

_HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]*:[0-9a-f:.]*(?:%[0-9a-z._%-]+)?")
"""A name, or an address; what stands behind `%` in one is refused with it."""


class EgressRefused(Exception):
    """A request to an address is not sent, or its answer is not taken; the message says which rule it breaks.

    What the message tells of an address is what the user wrote, and not what its name leads to.
    """


@dataclass(frozen=True)
class EgressRules:
    """What may be asked on behalf of users, and how much of it is taken.

    Parameters
    ----------
    http
        Whether plain http may be used beside https.
    ports
        The ports that may be named or meant.
    networks
        Networks that are let through although they are not public.
    seconds
        How long one request may take, from its first step to the last byte of its answer.
    answer_bytes
        The largest content of an answer.
    """

    http: bool = False
    ports: frozenset[int] = frozenset({443})
    networks: tuple[Network, ...] = ()
    seconds: float = 10.0
    answer_bytes: int = 64 * 1024

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the rules that the settings of a process give."""
        networks = tuple(ip_network(network) for network in settings.egress_networks)
        return cls(http=settings.egress_http, ports=frozenset(settings.egress_ports), networks=networks)

    def check(self, url: str | httpx.URL) -> httpx.URL:
        """Return an address that may be asked, as far as can be told without asking where its name leads.

        This is what to call when a user gives it; the client calls it again for every request.

        Raises
        ------
        EgressRefused
            It is no address, or breaks a rule.
        """
        try:
            url = httpx.URL(url)
        except (httpx.InvalidURL, TypeError):
            raise EgressRefused("it is no address such as https://example.org/path") from None
        if url.scheme not in ({"https", "http"} if self.http else {"https"}):
            raise EgressRefused("it must begin with https://" + (" or http://" if self.http else ""))
        host = host_of(url)
        if not _HOST.fullmatch(host):
            raise EgressRefused("it names no host that could be asked")
        if url.userinfo:
            raise EgressRefused("it must not hold a user or a password")
        port = port_of(url)
        if port not in self.ports:
            raise EgressRefused(f"its port must be {' or '.join(str(one) for one in sorted(self.ports))}, not {port}")
        if (address := _literal(host)) is not None:
            self.check_address(address)
        return url

    def check_address(self, address: Address) -> None:
        """Make sure that an address may be connected to.

        Raises
        ------
        EgressRefused
            It is not public, and in none of the networks that are let through.
        """
        if any(address in network for network in self.networks if network.version == address.version):
            return
        if reason := refusal_of(address):
            raise EgressRefused(f"it leads to an address that is not public: {reason}")


def host_of(url: httpx.URL) -> str:
    """Return the host as it is asked for and certified: in ASCII, an IPv6 address without its brackets."""
    return url.raw_host.decode("ascii").strip("[]")


def port_of(url: httpx.URL) -> int:
    """Return the port that an address names or means."""
    return url.port if url.port is not None else {"https": 443, "http": 80}[url.scheme]


def refusal_of(address: Address) -> str | None:
    """Return why an address is not public, or None if it is."""
    for reason, network in _NETWORKS:
        if network.version == address.version and address in network:
            return reason
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "reserved"
    return None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
