"""Addresses that users give: which are refused without a look at any network, and why."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.core.egress import EgressRefused, EgressRules, refusal_of
from app.core.settings import Settings

REFUSED = {
    "of this host itself": ("127.0.0.1", "127.8.8.8", "0.0.0.1", "::1", "::"),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00:ec2::254", "fec0::1"),
    "link-local": ("169.254.169.254", "169.254.0.1", "fe80::1"),
    "shared by customers of a provider": ("100.64.0.1", "100.100.100.200", "100.127.255.255"),
    "where a cloud tells its machines their secrets": ("168.63.129.16",),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1"),
    "an IPv4 address inside an IPv6 one": (
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ),
    "reserved": ("192.0.0.192", "192.0.2.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "2001:db8::1", "100::1"),
}
PUBLIC = ("93.184.216.34", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4007::200e")


@pytest.mark.parametrize(("reason", "address"), [(why, one) for why, many in REFUSED.items() for one in many])
def test_an_address_that_is_not_public_is_refused_with_its_kind(reason: str, address: str) -> None:
    assert refusal_of(ip_address(address)) == reason
    shown = f"[{address}]" if ":" in address else address
    with pytest.raises(EgressRefused, match=f"not public: {reason}"):
        EgressRules().check(f"https://{shown}/hook")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not(address: str) -> None:
    assert refusal_of(ip_address(address)) is None


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_or_reserved_is_let_through(address: object) -> None:
    one = ip_address(str(address))
    if not one.is_global or one.is_multicast or one.is_reserved or one.is_loopback or one.is_link_local:
        assert refusal_of(one) is not None


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://example.org/hook", "must begin with https://$"),
        ("ftp://example.org/hook", "must begin with https://$"),
        ("file:///etc/passwd", "must begin with https://$"),
        ("example.org/hook", "must begin with https://$"),
        ("https://example.org:0/", "its port must be 443, not 0"),
        ("https:///hook", "names no host"),
        ("https://exa%6dple.org/", "names no host"),
        ("https://127.0.0.1%2f.example.org/", "names no host"),
        ("https://[fe80::1%25eth0]/", "not public: link-local"),
        ("https://example.org@127.0.0.1/", "must not hold a user"),
        ("https://127\u30020\u30020\u30021/", "not public: of this host itself"),
        ("https://\u2460\u2461\u2466.0.0.1/", "no address"),
        ("https://user@example.org/", "must not hold a user"),
        ("https://user:crn_secret@example.org/", "must not hold a user"),
        ("https://example.org:8443/", "its port must be 443, not 8443"),
        ("https://example.org:22/", "its port must be 443, not 22"),
        ("https://exa mple.org\n/", "no address"),
        ("https://[::1/", "no address"),
    ],
)
def test_an_address_of_another_form_is_refused_and_the_rule_is_told(url: str, rule: str) -> None:
    with pytest.raises(EgressRefused, match=rule) as refused:
        EgressRules().check(url)
    assert "crn_secret" not in str(refused.value)


def test_an_address_that_keeps_to_the_rules_is_given_back() -> None:
    assert str(EgressRules().check("https://example.org/hook?a=1")) == "https://example.org/hook?a=1"


def test_the_settings_widen_the_rules_and_nothing_else_does() -> None:
    narrow = EgressRules.of(Settings())
    assert narrow == EgressRules(http=False, ports=frozenset({443}), networks=())
    wide = EgressRules.of(Settings(egress_http=True, egress_ports="443, 8080", egress_networks="10.20.0.0/16"))
    assert wide.networks == (ip_network("10.20.0.0/16"),)
    wide.check("http://10.20.3.4:8080/")
    for url in ("http://10.21.0.1:8080/", "http://127.0.0.1:8080/", "https://10.20.3.4:80/"):
        with pytest.raises(EgressRefused):
            wide.check(url)


@pytest.mark.parametrize(
    ("name", "value"), [("egress_ports", "0"), ("egress_ports", "https"), ("egress_networks", "10.0.0.1/8")]
)
def test_a_setting_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate({name: value})
