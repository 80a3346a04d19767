"""Whether mail can be sent: the server is asked what it offers, and no message is given to it."""

import asyncio
import re
import smtplib
import ssl
from urllib.parse import SplitResult, urlsplit

from app.core.web_addresses import is_loopback
from app.doctor.findings import Finding, fault, ok, warning

SECONDS = 5.0
_PORTS = {"smtp": 587, "smtps": 465}
_MAILBOX = re.compile(r"(?:[^<>\r\n]{0,200}<)?([^\s<>@]{1,64})@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)>?")
"""A mailbox, with the name of its owner before it or not. Source: RFC 5322, section 3.4, less what nobody uses."""
_UNROUTABLE = (".invalid", ".test", ".example", "example.org", "example.com", "example.net", ".local")


async def check_smtp(url: str) -> list[Finding]:
    """Whether the server of `SMTP_URL` answers, and takes messages under TLS.

    Parameters
    ----------
    url
        `smtp://user:password@host:587`, which STARTTLS makes private, or `smtps://` for TLS from the first byte.
    """
    try:
        server = urlsplit(url)
        port = server.port or _PORTS[server.scheme]
        host = server.hostname or ""
    except (ValueError, KeyError):
        host = ""
    if not host:
        return [fault("SMTP_URL is no address of a mail server.", "Write smtp://user:password@host:587 or smtps://...")]
    where = f"The mail server {host}:{port}"
    try:
        is_private = await asyncio.to_thread(_greet, server, host, port)
    except (OSError, smtplib.SMTPException) as error:
        return [_unreached(where, error)]
    return [_reached(where, is_private=is_private, is_here=is_loopback(host), has_password=bool(server.password))]


def _unreached(where: str, error: Exception) -> Finding:
    if isinstance(error, ssl.SSLError):
        advice = "Use the name that its certificate is for, or have SSL_CERT_FILE name who certifies it."
        return fault(f"{where} has a certificate that is not believed ({_reason(error)}).", advice)
    if isinstance(error, smtplib.SMTPException):
        return fault(f"{where} does not speak as expected ({type(error).__name__}).", "See whether it is one.")
    return fault(f"{where} cannot be reached ({_reason(error)}).", "Start it, correct SMTP_URL, or let it through.")


def _reached(where: str, *, is_private: bool, is_here: bool, has_password: bool) -> Finding:
    if is_private:
        return ok(f"{where} answers, and takes messages under TLS.")
    if is_here:
        return ok(f"{where} answers, in the clear, on this very machine.")
    say = fault if has_password else warning
    fact = f"{where} offers no TLS: messages{' and the password' if has_password else ''} travel in the clear."
    return say(fact, "Have it offer STARTTLS, or use smtps://.")


def _greet(server: SplitResult, host: str, port: int) -> bool:
    """Say hello, and begin TLS if it is offered; tells whether that holds. It sends no password and no message."""
    context = ssl.create_default_context()
    if server.scheme == "smtps":
        with smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context) as speaking:
            speaking.ehlo_or_helo_if_needed()
            return True
    with smtplib.SMTP(host, port, timeout=SECONDS) as speaking:
        speaking.ehlo_or_helo_if_needed()
        if not speaking.has_extn("starttls"):
            return False
        speaking.starttls(context=context)
        speaking.ehlo()
        return True


async def check_sender(address: str) -> list[Finding]:
    """Whether `MAIL_FROM` is an address that answers and complaints can go to."""
    if not (match := _MAILBOX.fullmatch(address.strip())):
        return [fault("MAIL_FROM is no address.", "Write it as  Créneau <no-reply@creneau.example.fr>.")]
    domain = match[2].lower()
    if domain.endswith(_UNROUTABLE):
        return [fault(f"MAIL_FROM is of {domain}, to which no mail goes.", "Use a domain of yours.")]
    return [ok(f"Mail is sent in the name of {domain}.")]


def _reason(error: Exception) -> str:
    said = getattr(error, "verify_message", "") or getattr(error, "strerror", "")
    return said or type(error).__name__
