"""What the doctor says of a mail server and of an issuer of tokens, which really answer."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.core.settings import Settings
from app.doctor.deployment import Deployment
from app.doctor.examination import of_value
from app.doctor.findings import Level, ok
from app.doctor.issuer_checks import LARGEST_BYTES, check_issuer, check_keys
from app.doctor.mail_checks import check_sender, check_smtp
from tests.app.doctor.conftest import the
from tests.support.ports import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


class MailServer:
    """A mail server that takes no message, and keeps what it was told."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        self.told: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            self.told.append(line)
            word = line.split()[0].upper()
            if word == "EHLO":
                offered = [b"250-STARTTLS\r\n"] if self.tls else []
                writer.write(b"".join([b"250-mail.example.org\r\n", *offered, b"250 SIZE 1000\r\n"]))
            elif word == "STARTTLS" and self.tls:
                writer.write(b"220 go on\r\n")
                try:
                    await writer.start_tls(self.tls)
                except (ssl.SSLError, ConnectionError):  # who does not believe the certificate goes away
                    break
            elif word == "QUIT":
                writer.write(b"221 bye\r\n")
                break
        writer.close()


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ssl.SSLContext]:
    """Makes certificates that are believed here, as an operator's own would be."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    def context(name: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(made)
        return made

    return context


async def test_a_mail_server_with_starttls_is_well_and_gets_neither_password_nor_message(
    certified: Callable[[str], ssl.SSLContext],
) -> None:
    mail = MailServer(certified("127.0.0.1"))
    async with serving(mail.serve) as port:
        (finding,) = await check_smtp(f"smtp://user:open-sesame-please@127.0.0.1:{port}")
    assert (finding.level, "under TLS" in finding.fact) == (Level.OK, True)
    assert [line.split()[0].upper() for line in mail.told] == ["EHLO", "STARTTLS", "EHLO", "QUIT"]
    assert "sesame" not in str(finding)


async def test_a_mail_server_with_tls_from_the_first_byte_is_well(
    certified: Callable[[str], ssl.SSLContext],
) -> None:
    async with serving(MailServer(None).serve, certified("127.0.0.1")) as port:
        (finding,) = await check_smtp(f"smtps://127.0.0.1:{port}")
    assert "under TLS" in finding.fact


async def test_a_certificate_of_another_name_is_a_fault(certified: Callable[[str], ssl.SSLContext]) -> None:
    async with serving(MailServer(certified("other.example.org")).serve) as port:
        assert "is not believed" in the(Level.FAULT, await check_smtp(f"smtp://127.0.0.1:{port}")).fact


async def test_mail_in_the_clear_is_told_unless_it_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(MailServer(None).serve) as port:
        (here,) = await check_smtp(f"smtp://127.0.0.1:{port}")
        monkeypatch.setattr("app.doctor.mail_checks.is_loopback", lambda _: False)  # as if it were elsewhere
        elsewhere = await check_smtp(f"smtp://127.0.0.1:{port}")
        with_password = await check_smtp(f"smtp://user:open-sesame-please@127.0.0.1:{port}")
    assert here.level is Level.OK
    assert "messages travel in the clear" in the(Level.WARNING, elsewhere).fact
    assert "the password travel in the clear" in the(Level.FAULT, with_password).fact


async def test_what_is_no_mail_server_is_told(certified: Callable[[str], ssl.SSLContext]) -> None:
    async def rude(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with serving(rude) as port:
        assert "does not speak as expected" in the(Level.FAULT, await check_smtp(f"smtp://127.0.0.1:{port}")).fact
    assert "cannot be reached" in the(Level.FAULT, await check_smtp(f"smtp://127.0.0.1:{free_port()}")).fact
    for url in ("mail.example.org", "http://mail.example.org", "smtp://", "smtp://h:port"):
        assert "is no address" in the(Level.FAULT, await check_smtp(url)).fact


@pytest.mark.parametrize("address", ["no-reply@creneau.fr", "Créneau <no-reply@mail.creneau.fr>"])
async def test_a_sender_with_a_domain_is_well(address: str) -> None:
    (finding,) = await check_sender(address)
    assert finding.level is Level.OK


@pytest.mark.parametrize("address", ["creneau", "a@b", "a@example.org", "a@creneau.local", "a@b.fr\r\nBcc: c@d.fr"])
async def test_a_sender_to_whom_no_mail_goes_is_a_fault(address: str) -> None:
    the(Level.FAULT, await check_sender(address))


class Issuer:
    """An issuer that answers with what the test has put there."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).decode().split()[1]
        found = self.documents.get(path)
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        status = "404 Not Found" if found is None else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode())
        writer.write(content)
        writer.close()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    made = Issuer()
    async with serving(made.serve) as port:
        made.url = f"http://127.0.0.1:{port}"
        made.documents = {
            "/.well-known/openid-configuration": {"issuer": made.url, "jwks_uri": f"{made.url}/jwks"},
            "/jwks": {"keys": [{"kty": "OKP"}]},
        }
        yield made


async def test_an_issuer_that_is_who_it_should_be_is_well(issuer: Issuer) -> None:
    (finding,) = await check_issuer("OIDC_ISSUER", issuer.url)
    assert (finding.level, "shows 1 keys" in finding.fact) == (Level.OK, True)


async def test_an_issuer_of_another_name_is_a_fault_a_slash_at_its_end_too(issuer: Issuer) -> None:
    found = the(Level.FAULT, await check_issuer("OIDC_ISSUER", f"{issuer.url}/"))
    assert f"calls itself {issuer.url}, not {issuer.url}/" in found.fact


@pytest.mark.parametrize(
    ("path", "document", "fact"),
    [
        ("/jwks", {"keys": []}, "shows no keys"),
        ("/jwks", {"keys": "none"}, "shows no keys"),
        ("/jwks", None, "the key set is answered with 404"),
        ("/.well-known/openid-configuration", None, "the discovery document is answered with 404"),
        ("/.well-known/openid-configuration", b"<html>", "the discovery document is no JSON"),
        ("/.well-known/openid-configuration", [], "the discovery document is no JSON object"),
        ("/.well-known/openid-configuration", b"x" * (LARGEST_BYTES + 1), "is longer than"),
        ("/.well-known/openid-configuration", {}, "calls itself nothing"),
    ],
)
async def test_an_issuer_that_shows_no_keys_is_a_fault(issuer: Issuer, path: str, document: object, fact: str) -> None:
    issuer.documents[path] = document
    assert fact in the(Level.FAULT, await check_issuer("JWT_ISSUER", issuer.url)).fact


async def test_keys_at_an_address_of_their_own_are_looked_at_there(issuer: Issuer) -> None:
    (finding,) = await check_keys("JWT_JWKS_URL", f"{issuer.url}/jwks")
    assert (finding.level, "shows 1 keys" in finding.fact) == (Level.OK, True)
    issuer.documents["/jwks"] = {"keys": []}
    none = the(Level.FAULT, await check_keys("JWT_JWKS_URL", f"{issuer.url}/jwks"))
    assert "JWT_JWKS_URL shows no keys" in none.fact
    gone = the(Level.FAULT, await check_keys("JWT_JWKS_URL", f"{issuer.url}/none"))
    assert gone.fact == "JWT_JWKS_URL: the key set is answered with 404."


async def test_keys_must_be_had_by_https(issuer: Issuer) -> None:
    issuer.documents["/.well-known/openid-configuration"]["jwks_uri"] = "http://keys.example.org/jwks"
    assert "names no `jwks_uri` by https" in the(Level.FAULT, await check_issuer("JWT_ISSUER", issuer.url)).fact
    for address in ("http://issuer.example.org", "issuer.example.org", "https://", "https://[::1"):
        assert "is no address by https" in the(Level.FAULT, await check_issuer("JWT_ISSUER", address)).fact


async def test_an_issuer_that_is_away_is_a_fault() -> None:
    found = the(Level.FAULT, await check_issuer("JWT_ISSUER", f"http://127.0.0.1:{free_port()}"))
    assert "cannot be read (ConnectError)" in found.fact


async def test_a_setting_that_is_unset_has_nothing_to_be_looked_at() -> None:
    async def look(value: str) -> list[Any]:
        return [ok(f"{value}.")]

    check = of_value(lambda deployment: deployment.settings.public_url, look)
    assert await check(Deployment(Settings(), Path())) == []
    assert await check(Deployment(Settings(public_url="https://a.example.org"), Path())) == [
        ok("https://a.example.org.")
    ]
