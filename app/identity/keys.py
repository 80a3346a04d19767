"""API keys: a recognisable prefix and 256 random bits, of which only the SHA-256 is kept.

A fast hash is enough: a random 256-bit secret, unlike a password, cannot be guessed from its hash.
"""

import hashlib
import secrets
from typing import NamedTuple

KEY_PREFIX = "crn_"
SHOWN_CHARACTERS = 12


class NewKey(NamedTuple):
    """A key just made: `plain` is shown once, and never stored."""

    plain: str
    prefix: str
    sha256: bytes


def new_key() -> NewKey:
    """Return a new key."""
    plain = KEY_PREFIX + secrets.token_urlsafe(32)
    return NewKey(plain, plain[:SHOWN_CHARACTERS], digest(plain))


def digest(plain: str) -> bytes:
    """Return the SHA-256 of a key, by which it is found."""
    return hashlib.sha256(plain.encode()).digest()
