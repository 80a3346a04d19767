"""Addresses of mail: what one looks like, and the one way in which it is kept."""

import re

_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
"""Source: WHATWG HTML, valid e-mail address, with a dot in the domain; an international domain begins with xn--."""


def is_address(text: str) -> bool:
    """Tell whether a text is an address of mail."""
    return len(text) <= 320 and _ADDRESS.fullmatch(text) is not None and ".." not in text.partition("@")[0]


def folded(text: str) -> str:
    """Return an address in lower case.

    Raises
    ------
    ValueError
        If it is none.
    """
    text = text.strip()
    if not is_address(text):
        raise ValueError("must be an address of mail such as a.martin@example.org")
    return text.lower()
