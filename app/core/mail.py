"""Mail: to a server by SMTP, or, on one's own machine, to the console."""

import sys
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib

from app.core.addresses import is_address
from app.core.sign_in_settings import SignInSettings
from app.core.web_addresses import is_loopback

SEND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in plain text to one address.

    Attributes
    ----------
    identifier
        Of one that may be sent again: by the same `Message-ID`, mailboxes know it for the same.
    """

    to: str
    subject: str
    text: str
    identifier: UUID | None = None


async def send_mail(settings: SignInSettings, mail: Mail) -> None:
    """Give a mail to the server that the settings name, or print it where they say so.

    The connection is encrypted, by STARTTLS unless it begins so, or goes to this very machine.

    Raises
    ------
    aiosmtplib.SMTPException, OSError
        If the server does not take it.
    ValueError
        If the address is none.
    RuntimeError
        If the settings name nowhere for mail to go.
    """
    if settings.smtp_url is None:
        if not settings.mail_to_console:
            raise RuntimeError("SMTP_URL is not set: mail goes nowhere")
        print_mail(mail)
        return
    server = urlsplit(settings.smtp_url.get_secret_value())
    begins_encrypted = server.scheme == "smtps"
    await aiosmtplib.send(
        _message(settings, mail),
        hostname=server.hostname,
        port=server.port,
        username=unquote(server.username) if server.username else None,
        password=unquote(server.password) if server.password else None,
        use_tls=begins_encrypted,
        start_tls=False if begins_encrypted else None if is_loopback(server.hostname) else True,
        timeout=SEND_SECONDS,
    )


def print_mail(mail: Mail) -> None:
    """Show a mail on the console, which on one's own machine is one's mail."""
    rule = "-" * 72
    sys.stdout.write(f"{rule}\nMail to {mail.to}: {mail.subject}\n\n{mail.text}\n{rule}\n")
    sys.stdout.flush()


def _message(settings: SignInSettings, mail: Mail) -> EmailMessage:
    assert settings.mail_from is not None  # noqa: S101 - settings with a server have it
    if not is_address(mail.to):
        raise ValueError("the mail is to what is no address")
    sender = Address(addr_spec=settings.mail_from)
    message = EmailMessage()
    message["From"] = Address("Créneau", sender.username, sender.domain)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = mail.subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = (
        f"<{mail.identifier}@{sender.domain}>" if mail.identifier else make_msgid(domain=sender.domain)
    )
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message
