"""Mail: to a server by SMTP, or, on one's own machine, to the console."""

import re
import sys
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
from pydantic import SecretStr

from app.core.addresses import is_address
from app.core.sign_in_settings import SignInSettings
from app.core.web_addresses import is_loopback

SEND_SECONDS = 30.0
TAKING_SECONDS = 600.0
"""For a server to take a mail that it has whole: who gives up before may have sent it all the same, and sends it twice.

Source: RFC 5321, section 4.5.3.2.6.
"""


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


class MailRefused(ValueError):
    """The mail is to what is no address, or its server will never take it: to try again would change nothing."""


async def send_mail(settings: SignInSettings, mail: Mail, *, patience: float = SEND_SECONDS) -> None:
    """Give a mail to the server that the settings name, or print it where they say so.

    The connection is encrypted, by STARTTLS unless it begins so, or goes to this very machine.

    Parameters
    ----------
    patience
        So many seconds the server has for each of its answers, once one is connected.

    Raises
    ------
    MailRefused
        If the address is none, or the server says for good that it takes nothing for it, or not this.
    aiosmtplib.SMTPException, OSError
        If the server does not take it for now, or takes none from this service.
    RuntimeError
        If the settings name nowhere for mail to go.
    """
    if settings.smtp_url is None:
        if not settings.mail_to_console:
            raise RuntimeError("SMTP_URL is not set: mail goes nowhere")
        print_mail(mail)
        return
    message = _message(settings, mail)
    try:
        await _give(settings.smtp_url, message, patience)
    except aiosmtplib.SMTPException as error:
        if _is_for_good(error):
            raise MailRefused("the server takes nothing for this address, or not this mail") from None
        raise


PERMANENT = 500
POLICY = re.compile(r"5\.7\.")
"""What a server thinks of who sends: mending that is for its operators (RFC 3463, security or policy status)."""


def _is_for_good(error: aiosmtplib.SMTPException) -> bool:
    """Tell whether a server has refused addressee or mail for good; not the sender or a login, nor by its policy."""
    told = error.recipients if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else [error]
    return all(
        isinstance(one, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
        and one.code >= PERMANENT
        and not POLICY.match(one.message)
        for one in told
    )


async def _give(smtp_url: SecretStr, message: EmailMessage, patience: float) -> None:
    server = urlsplit(smtp_url.get_secret_value())
    begins_encrypted = server.scheme == "smtps"
    client = aiosmtplib.SMTP(
        hostname=server.hostname,
        port=server.port,
        username=unquote(server.username) if server.username else None,
        password=unquote(server.password) if server.password else None,
        use_tls=begins_encrypted,
        start_tls=False if begins_encrypted else None if is_loopback(server.hostname) else True,
        timeout=SEND_SECONDS,
    )
    async with client:
        await client.send_message(message, timeout=patience)


def print_mail(mail: Mail) -> None:
    """Show a mail on the console, which on one's own machine is one's mail."""
    rule = "-" * 72
    sys.stdout.write(f"{rule}\nMail to {mail.to}: {mail.subject}\n\n{mail.text}\n{rule}\n")
    sys.stdout.flush()


def _message(settings: SignInSettings, mail: Mail) -> EmailMessage:
    assert settings.mail_from is not None  # noqa: S101 - settings with a server have it
    if not is_address(mail.to):
        raise MailRefused("the mail is to what is no address")
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
