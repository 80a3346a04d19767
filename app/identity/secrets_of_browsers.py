"""Secrets that browsers and mails carry: 256 random bits, of which the service keeps the SHA-256 alone.

What else must be known to one browser and to nobody else is derived from its secret, and so kept nowhere.
"""

import base64
import hashlib
import hmac
import secrets
from typing import NamedTuple

from app.identity.keys import digest

FORM = "form"
STATE = "state"
NONCE = "nonce"
VERIFIER = "verifier"


class NewSecret(NamedTuple):
    """A secret just made: `plain` goes out, and is never stored."""

    plain: str
    sha256: bytes


def new_secret() -> NewSecret:
    """Return a new secret."""
    plain = secrets.token_urlsafe(32)
    return NewSecret(plain, digest(plain))


def derived(secret: str, purpose: str) -> str:
    """Return what follows from a secret for one purpose: 43 characters that tell nothing of it, nor of the others."""
    made = hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def is_derived(given: str | None, secret: str, purpose: str) -> bool:
    """Tell, in a time that tells nothing, whether a text is what follows from a secret."""
    return given is not None and hmac.compare_digest(given.encode(), derived(secret, purpose).encode())
