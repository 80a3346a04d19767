"""The client for addresses that users give, against real servers, with names that lead where the test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpx
import pytest
import trustme

from app.core.egress import EgressRefused, EgressRules, Resolver, egress_client, system_resolver
from app.core.egress.addresses import Address

PERMITTED, INTERNAL = "127.0.0.2", "127.0.0.3"
"""Where a server stands that may be asked, as if it were public, and one that may not."""

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Names:
    """A resolver whose answers the test has written down, one for each time that it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.left = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[Address]:
        self.asked.append(host)
        return [ip_address(one) for one in self.left.pop(0)]


class Server:
    """A server that says what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(serve: Answering, host: str, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def told(answer: bytes, host: str = PERMITTED, port: int = 0) -> AsyncIterator[Server]:
    server = Server(answer)
    async with serving(server.serve, host, port) as server.port:
        yield server


def plain(*ports: int, seconds: float = 5.0, answer_bytes: int = 1000) -> EgressRules:
    """Rules that let plain http through to the permitted server, as if it were public."""
    network = (ip_network(f"{PERMITTED}/32"),)
    return EgressRules(http=True, ports=frozenset(ports), networks=network, seconds=seconds, answer_bytes=answer_bytes)


async def ask(rules: EgressRules, resolver: Resolver, port: int) -> httpx.Response:
    async with egress_client(rules, resolver=resolver) as client:
        return await client.post(f"http://hook.example.org:{port}/hook", content=b"{}")


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_it_asks_the_address_that_was_looked_at_under_the_name_that_was_given() -> None:
    async with told(OK) as server:
        names = Names([PERMITTED])
        answer = await ask(plain(server.port), names, server.port)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert str(answer.request.url).startswith("http://hook.example.org:")
    assert names.asked == ["hook.example.org"]
    (request,) = server.requests
    assert f"host: hook.example.org:{server.port}" in request.lower()
    assert "accept-encoding: identity" in request.lower()


async def test_a_name_in_other_letters_is_asked_for_as_it_is_certified() -> None:
    async with told(OK) as server:
        names = Names([PERMITTED])
        async with egress_client(plain(server.port), resolver=names) as client:
            await client.get(f"http://stra\u00dfe.example.org:{server.port}/")
    assert names.asked == ["xn--strae-oqa.example.org"]  # as IDNA is today; what the system does would be `strasse`


async def test_a_name_that_is_rebound_between_the_look_and_the_connection_leads_nowhere_else() -> None:
    async with told(OK) as server, told(OK, INTERNAL, server.port) as internal:
        names = Names([PERMITTED], [INTERNAL])
        rules = plain(server.port)
        assert (await ask(rules, names, server.port)).text == "ok"
        assert names.left == [[INTERNAL]]  # it was not asked a second time for the connection
        with pytest.raises(EgressRefused, match="not public: of this host itself"):
            await ask(rules, names, server.port)
    assert (len(server.requests), internal.requests) == (1, [])


async def test_a_connection_is_not_kept_for_another_name_that_leads_to_the_same_place() -> None:
    connections: list[int] = []

    async def keep_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                connections[-1] += 1
                writer.write(OK)
        except asyncio.IncompleteReadError:
            writer.close()

    names = Names([PERMITTED], [PERMITTED])
    async with serving(keep_open, PERMITTED) as port, egress_client(plain(port), resolver=names) as client:
        await client.get(f"http://one.example.org:{port}/")
        await client.get(f"http://two.example.org:{port}/")
    assert connections == [1, 1]


async def test_one_internal_address_among_public_ones_rules_the_name_out() -> None:
    async with told(OK) as server:
        with pytest.raises(EgressRefused):
            await ask(plain(server.port), Names([PERMITTED, INTERNAL]), server.port)
    assert server.requests == []


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async with told(OK) as server:
        rules = EgressRules(
            http=True, ports=frozenset({server.port}), networks=(ip_network("127.0.0.2/31"), ip_network("127.0.0.4/32"))
        )
        answer = await ask(rules, Names(["127.0.0.4", PERMITTED]), server.port)
    assert answer.text == "ok"


@pytest.mark.parametrize("host", ["127.0.0.3", "localhost", "127.1", "0x7f000003", "2130706435", "017700000003"])
async def test_whatever_the_system_reads_as_this_host_is_refused(host: str) -> None:
    async with told(OK, "127.0.0.1") as server, egress_client(plain(server.port)) as client:
        with pytest.raises(EgressRefused, match="not public"):
            await client.get(f"http://{host}:{server.port}/")
    assert server.requests == []


async def test_a_name_that_leads_nowhere_is_said() -> None:
    with pytest.raises(EgressRefused, match="has no address"):
        await system_resolver("nowhere.invalid", 443)
    with pytest.raises(EgressRefused, match="has no address"):
        await ask(plain(80), Names([]), 80)


async def test_a_redirect_is_an_answer_and_not_a_way() -> None:
    async with told(OK, INTERNAL) as internal:
        redirect = f"HTTP/1.1 302 Found\r\nLocation: http://{INTERNAL}:{internal.port}/\r\nContent-Length: 0\r\n\r\n"
        async with told(redirect.encode()) as server:
            rules = plain(server.port, internal.port)
            assert (await ask(rules, Names([PERMITTED]), server.port)).status_code == 302
            async with egress_client(rules, resolver=Names([PERMITTED], [INTERNAL])) as client:
                with pytest.raises(EgressRefused):  # even of somebody who asks to be redirected
                    await client.get(f"http://a.example.org:{server.port}/", follow_redirects=True)
    assert internal.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"\r\n".join([b"fa", b"x" * 250, b"3e8", b"x" * 1000, b"0", b"", b""]),
    ],
    ids=["said", "until-the-end", "chunked"],
)
async def test_a_longer_answer_than_allowed_is_not_taken(answer: bytes) -> None:
    async with told(answer) as server:
        with pytest.raises(EgressRefused, match="longer than 1000 bytes"):
            await ask(plain(server.port), Names([PERMITTED]), server.port)


async def test_a_compressed_answer_is_not_taken() -> None:
    async with told(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok") as server:
        with pytest.raises(EgressRefused, match="compressed"):
            await ask(plain(server.port), Names([PERMITTED]), server.port)


async def test_a_server_that_drips_is_left_when_the_time_is_over() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        try:
            for _ in range(900):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        finally:
            writer.close()

    loop = asyncio.get_running_loop()
    async with serving(drip, PERMITTED) as port:
        begun = loop.time()
        with pytest.raises(TimeoutError):
            await ask(plain(port, seconds=0.4), Names([PERMITTED]), port)
        assert loop.time() - begun < 5


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with told(OK) as server, told(OK, INTERNAL) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{INTERNAL}:{proxy.port}")
        await ask(plain(server.port), Names([PERMITTED]), server.port)
    assert (len(server.requests), proxy.requests) == (1, [])


@pytest.mark.parametrize(("certified", "taken"), [("hook.example.org", True), ("other.example.org", False)])
async def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(
    certified: str, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(of_server)
    server = Server(OK)
    async with serving(server.serve, PERMITTED, tls=of_server) as port:
        rules = EgressRules(ports=frozenset({port}), networks=(ip_network(f"{PERMITTED}/32"),))
        async with egress_client(rules, resolver=Names([PERMITTED])) as client:
            if taken:
                assert (await client.get(f"https://hook.example.org:{port}/")).text == "ok"
            else:
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get(f"https://hook.example.org:{port}/")
    assert len(server.requests) == int(taken)
