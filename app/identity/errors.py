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


class CrossSite(DomainError):
    """A request that carries a session's cookie does not come from a page of this service."""

    type, title, status = "cross-site-request", "The request does not come from a page of this service", 403


class NotInvited(DomainError):
    """Whoever signs in has proved who they are, and nobody here has that address or has invited it."""

    type, title, status = "not-invited", "Nobody here is known by this address", 403


class PersonDeactivated(DomainError):
    """The person has left, or was deactivated."""

    type, title, status = "person-deactivated", "This person is deactivated", 403


class LinkSpent(DomainError):
    """The link was used, has expired, or never was one."""

    type, title, status = "link-spent", "This link opens nothing any more", 410


class TooManyLinks(DomainError):
    """So many links were asked lately, for an address or from one, that no further one is sent."""

    type, title, status = "too-many-links", "Too many links were asked for", 429

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}


class TooManyInvitations(DomainError):
    """So many invitations were sent lately, to an address or into an organisation, that no further one is."""

    type, title, status = "too-many-invitations", "Too many invitations were sent", 429

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}


class SignInRefused(DomainError):
    """What came back from the issuer is not believed."""

    type, title, status = "sign-in-refused", "The sign-in could not be completed", 400


class IssuerUnavailable(DomainError):
    """The issuer, of identities or of access tokens, cannot be reached, or does not answer as it should."""

    type, title, status = "issuer-unavailable", "The issuer cannot be reached", 503

    def __init__(self, detail: str, retry_after: int = 10) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after)}


class NotAPersonYet(DomainError):
    """The key is in nobody's hands: people alone look after people."""

    type, title, status = "person-required", "This takes a person", 403


class LastOfRole(Conflict):
    """Without this person nobody would be left who could bring another into the role."""

    type, title = "last-of-role", "The last active person of a role cannot leave it"


class AlreadyHere(Conflict):
    """The address is that of somebody who acts for the organisation already."""

    type, title = "already-here", "This address belongs to somebody of the organisation"
