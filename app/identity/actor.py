"""Who is acting in a request, and for whom."""

from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from app.audit.author import Author
from app.core.errors import NotAllowed
from app.core.tenancy import Tenancy
from app.identity.errors import ScopeMissing
from app.identity.models import KeyScope, Role

_SEE_ALL = frozenset({Role.COORDINATOR, Role.ADMIN})


@lru_cache(maxsize=10_000)
def _tenancy(organisation_id: UUID, role: Role, holder_id: UUID) -> Tenancy:
    return Tenancy(organisation_id, role.value, holder_id, across=role in _SEE_ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor(Author):
    """The author of a request, signed in: always of one organisation, in one role.

    Attributes
    ----------
    secret_sha256
        Digest of the secret that the request came with; None where it came with no key.
    """

    organisation_id: UUID
    role: Role
    scopes: frozenset[KeyScope]
    secret_sha256: bytes | None = field(default=None, repr=False)
    session_id: UUID | None = None

    @property
    def holder_id(self) -> UUID:
        """Who repeats a request: the key it came with, the client of its token, or the person who is signed in."""
        return self.api_key_id or self.token_client_id or self.person_id or self.organisation_id

    @property
    def tenancy(self) -> Tenancy:
        """For whom the database is asked: for all by whoever allocates, or runs the service."""
        return _tenancy(self.organisation_id, self.role, self.holder_id)

    def require(self, *roles: Role) -> None:
        """Let pass only an actor in one of these roles.

        Raises
        ------
        NotAllowed
            In any other role.
        """
        if self.role not in roles:
            needed = " or ".join(role.value for role in roles)
            raise NotAllowed(f"This takes the role {needed}; yours is {self.role.value}.")

    def require_scope(self, scope: KeyScope) -> None:
        """Let pass only a key of this scope.

        Raises
        ------
        ScopeMissing
            Of any other.
        """
        if scope not in self.scopes:
            told = ", ".join(sorted(self.scopes)) or "none"
            raise ScopeMissing(
                f"This takes the scope {scope.value}; this key's scope is {told} alone.",
                scope.value,
            )

    def require_lasting(self, what: str) -> None:
        """Let pass only who is known here: what a client of the issuer made would outlast its tokens.

        Raises
        ------
        NotAllowed
            To such a client.
        """
        if self.token_client_id is not None:
            raise NotAllowed(f"Clients of the issuer do not {what}: that would outlast them.")

    def sees(self, organisation_id: UUID) -> bool:
        """Tell whether what belongs to an organisation may be seen: one's own, or anybody's by the coordinator."""
        return self.organisation_id == organisation_id or self.role in _SEE_ALL
