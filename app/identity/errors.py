"""Refusals of identity."""

from app.core.errors import Conflict, DomainError, NotAuthenticated


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


class TokenRefused(NotAuthenticated):
    """An access token that proves nothing: the detail says why.

    Source: RFC 6750, section 3.1, for the challenge.
    """

    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # noqa: RUF012 - as its base has it


class IssuerUnavailable(DomainError):
    """The issuer of access tokens does not tell its keys, and so nobody can tell whether a token is its own."""

    type, title, status = "issuer-unavailable", "The issuer of access tokens cannot be reached", 503

    def __init__(self, retry_after: int) -> None:
        super().__init__("The key of this token cannot be fetched from its issuer now. Send the same request again.")
        self.headers = {"Retry-After": str(retry_after)}
