"""Mail goes to the server that the settings name, encrypted unless that is this very machine."""

import email
from collections.abc import AsyncIterator
from dataclasses import replace
from email.policy import default
from typing import Any
from uuid import UUID

import aiosmtplib
import pytest
from pydantic import SecretStr, ValidationError

from app.core.mail import Mail, MailRefused, send_mail
from app.core.settings import Settings
from tests.support.mail_server import MailServer

MAIL = Mail("b@example.org", "Connexion à Créneau", "Bonjour,\n\nvoilà : http://localhost/sign-in/link?token=x\n")


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with MailServer().listening() as made:
        yield made


def settings(url: str, **given: Any) -> Settings:
    return Settings(
        smtp_url=SecretStr(url), mail_from="creneau@example.org", public_url="https://creneau.example.org", **given
    )


async def test_a_mail_arrives_as_it_was_written(server: MailServer) -> None:
    await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL)
    assert "MAIL FROM:<creneau@example.org>" in server.heard[1]
    assert server.heard[2] == "RCPT TO:<b@example.org>"
    told = email.message_from_bytes(server.taken[0], policy=default)
    assert (told["From"], told["To"]) == ("Créneau <creneau@example.org>", "b@example.org")
    assert (told["Subject"], told["Auto-Submitted"]) == (MAIL.subject, "auto-generated")
    assert told.get_content().replace("\r\n", "\n").strip() == MAIL.text.strip()
    assert told["Message-ID"].endswith("@example.org>")


async def test_a_mail_that_is_sent_again_has_the_same_identifier(server: MailServer) -> None:
    mail = replace(MAIL, identifier=UUID(int=7))
    for _ in range(2):
        await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), mail)
    await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL)
    first, second, other = (one.message_id for one in server.messages)
    assert first == second == f"<{UUID(int=7)}@example.org>" != other


async def test_a_refusal_is_an_error_and_so_is_tried_again(server: MailServer) -> None:
    server.answers["RCPT"] = "450 not now"
    with pytest.raises(aiosmtplib.SMTPException):
        await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL)


async def test_a_server_that_is_late_to_say_that_it_has_a_mail_is_waited_for(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than for any other word of its: who does not wait sends what has arrived again."""
    monkeypatch.setattr("app.core.mail.SEND_SECONDS", 0.5)
    server.late = 1.5
    with pytest.raises(aiosmtplib.SMTPException):
        await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL, patience=0.5)
    await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL, patience=60)
    assert len(server.taken) == 2


@pytest.mark.parametrize(
    "answers",
    [{"RCPT": "550 nobody here"}, {"RCPT": "553 5.1.3 what address is that"}],
)
async def test_an_address_that_is_refused_for_good_is_an_error_of_its_own(
    server: MailServer, answers: dict[str, str]
) -> None:
    server.answers.update(answers)
    with pytest.raises(MailRefused) as refused:
        await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), MAIL)
    assert "example.org" not in str(refused.value)


@pytest.mark.parametrize(
    "to", ["a@example.org\r\nBcc: c@example.org", "a@example.org, c@example.org", "<c@example.org>"]
)
async def test_an_address_that_is_more_than_one_is_not_sent_to(server: MailServer, to: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        await send_mail(settings(f"smtp://127.0.0.1:{server.port}"), Mail(to, "x", "x"))
    assert server.taken == []


async def test_elsewhere_mail_is_encrypted_or_not_sent(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
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
