"""Identifiers that are the same wherever and whenever the same thing is generated."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("5d0c5f5e-0a3c-5c0e-8b43-1f5a6f2b7c11")


def identifier(kind: str, *names: object) -> UUID:
    """The identifier of a thing, from its kind and its names (RFC 9562, version 5)."""
    return uuid5(_NAMESPACE, "/".join((kind, *(str(name) for name in names))))
