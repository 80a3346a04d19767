"""Secrets that everybody knows, for they stand in this project's own examples; and what marks its demonstration."""

from pydantic import SecretStr
from sqlalchemy.engine import make_url

KNOWN = frozenset(
    {
        "...",
        "application",
        "application_password",
        "change-me",
        "change_me",
        "changeme",
        "creneau",
        "creneau_app",
        "creneau_owner",
        "owner",
        "owner_password",
        "password",
        "postgres",
        "secret",
        "set it in .env",
        "token",
    }
)
"""Passwords and tokens of README, `compose.yaml`, help texts and messages, and what is put there in haste.

A test looks through those for a secret that is missing here.
"""

DEMONSTRATION_KEY = "Demonstration key"
"""The name of every key that `creneau seed` makes for trying the service out."""
DEMONSTRATION_DOMAIN = "@example.org"
"""What the addresses of the fictional people who hold them end with."""


def is_known(secret: str) -> bool:
    """Tell whether a secret is none, however it is capitalised."""
    return secret.strip().casefold() in KNOWN


def password_of(url: SecretStr | None) -> str | None:
    """Return the password in the address of a database, if there is one."""
    return None if url is None else make_url(url.get_secret_value()).password or None


def role_of(url: SecretStr) -> str | None:
    """Return the role in the address of a database, if there is one."""
    return make_url(url.get_secret_value()).username
