"""Refusals of identity."""

from app.core.errors import DomainError


class ScopeMissing(DomainError):
    """The key's scopes do not carry this kind of request.

    Source: RFC 6750, section 3.1, for the challenge.
    """

    type, title, status = "scope-missing", "This key may not do that", 403

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail, facts={"scope": scope})
        self.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
