"""Refusals of identity."""

from app.core.errors import Conflict, DomainError


class ScopeMissing(DomainError):
    """The key's scopes do not carry this kind of request.

    Source: RFC 6750, section 3.1, for the challenge.
    """

    type, title, status = "scope-missing", "This key may not do that", 403

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail, facts={"scope": scope})
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}


class SecretReplaced(DomainError):
    """The secret was replaced by a rotation: until it ends it does what the key does, but changes no keys."""

    type, title, status = "secret-replaced", "This secret was replaced by another", 403


class TooManyKeys(Conflict):
    """The organisation has as many live keys as it may have."""

    type, title = "too-many-keys", "There are too many live keys"
