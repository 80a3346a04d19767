"""Mail goes to the server that the settings name, encrypted unless that is this very machine."""

import asyncio
import email
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.policy import default
from typing import Any

import aiosmtplib
import pytest
from pydantic import SecretStr, ValidationError

from app.core.mail import Mail, send_mail
from app.core.settings import Settings

MAIL = Mail("b@example.org", "Connexion à Créneau", "Bonjour,\n\nvoilà : http://localhost/sign-in/link?token=x\n")


@dataclass
class Server:
    """A mail server on this machine, which takes whatever comes."""

    answers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    heard: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            verb = line.decode().strip().upper().partition(" ")[0]
            self.heard.append(line.decode().strip())
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(self.answers.get(verb, "250 good").encode() + b"\r\n")
            await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


def settings(url: str, **given: Any) -> Settings:
    return Settings(
        smtp_url=SecretStr(url), mail_from="creneau@example.org", public_url="https://creneau.example.org", **given
    )


async def test_a_mail_arrives_as_it_was_written(server: Server) -> None:
    await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL)
    assert "MAIL FROM:<creneau@example.org>" in server.heard[1]
    assert server.heard[2] == "RCPT TO:<b@example.org>"
    told = email.message_from_bytes(server.taken[0], policy=default)
    assert (told["From"], told["To"]) == ("Créneau <creneau@example.org>", "b@example.org")
    assert (told["Subject"], told["Auto-Submitted"]) == (MAIL.subject, "auto-generated")
    assert told.get_content().replace("\r\n", "\n").strip() == MAIL.text.strip()
    assert told["Message-ID"].endswith("@example.org>")


async def test_a_refusal_is_an_error_and_so_is_tried_again(server: Server) -> None:
    server.answers["RCPT"] = "450 not now"
    with pytest.raises(aiosmtplib.SMTPException):
        await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL)


@pytest.mark.parametrize(
    "to", ["a@example.org\r\nBcc: c@example.org", "a@example.org, c@example.org", "<c@example.org>"]
)
async def test_an_address_that_is_more_than_one_is_not_sent_to(server: Server, to: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), Mail(to, "x", "x"))
    assert server.taken == []


async def test_elsewhere_mail_is_encrypted_or_not_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.mail.is_loopback", lambda _: False)
    with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
        await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL)
    assert server.taken == []


async def test_on_ones_own_machine_mail_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    await send_mail(Settings(mail_to_console=True, public_url="http://127.0.0.1:8000"), MAIL)
    told = capsys.readouterr().out
    assert f"Mail to b@example.org: {MAIL.subject}" in told
    assert "token=x" in told


async def test_without_a_server_it_goes_nowhere() -> None:
    with pytest.raises(RuntimeError, match="SMTP_URL"):
        await send_mail(Settings(), MAIL)


PUBLIC = {"public_url": "https://creneau.example.org"}
ISSUER = {"oidc_issuer": "https://i.example.org", "oidc_client_id": "c", "oidc_client_secret": "s"}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"smtp_url": "smtp://h", **PUBLIC}, "MAIL_FROM"),
        ({"smtp_url": "http://h", **PUBLIC}, "smtp_url"),
        ({"smtp_url": "h:25", **PUBLIC}, "smtp_url"),
        ({"smtp_url": "smtp://h", "mail_from": "nobody", **PUBLIC}, "mail_from"),
        ({"smtp_url": "smtp://h", "mail_from": "a@b.fr"}, "PUBLIC_URL"),
        ({"smtp_url": "smtp://h", "mail_from": "a@b.fr", "public_url": "http://creneau.example.org"}, "PUBLIC_URL"),
        ({"mail_to_console": "true", "public_url": "http://10.0.0.1"}, "PUBLIC_URL"),
        ({**ISSUER}, "PUBLIC_URL"),
        ({**ISSUER, **PUBLIC, "oidc_client_id": ""}, "OIDC_CLIENT_ID"),
        ({**ISSUER, **PUBLIC, "oidc_issuer": "http://i.example.org"}, "oidc_issuer"),
        ({**ISSUER, **PUBLIC, "oidc_issuer": "https://i.example.org?x=1"}, "oidc_issuer"),
        ({**ISSUER, **PUBLIC, "oidc_scopes": "email"}, "oidc_scopes"),
    ],
)
def test_half_a_way_to_sign_in_is_refused_by_name(
    given: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name.upper(), value)
    with pytest.raises(ValidationError, match=named):
        Settings()


def test_whole_ways_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {**ISSUER, **PUBLIC, "smtp_url": "smtps://u:p%40@h:465", "mail_from": "a@b.fr"}
    for name, value in given.items():
        monkeypatch.setenv(name.upper(), value)
    made = Settings()
    assert (made.has_mail, made.has_issuer) == (True, True)
    assert "p%40" not in repr(made)
