"""Who writes: what every audit record names."""

from dataclasses import dataclass
from uuid import UUID

from app.audit.models import ActorKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """A person, a program by its key or its access token, or a job of the service, and for whom they act."""

    kind: ActorKind
    organisation_id: UUID | None = None
    person_id: UUID | None = None
    api_key_id: UUID | None = None
    token_client_id: UUID | None = None
    job: str | None = None
    request_id: str | None = None

    @classmethod
    def of_job(cls, job: str, *, request_id: str | None = None) -> "Author":
        """Return the author of what the service does by itself, if need be on the way of somebody's request."""
        return cls(kind=ActorKind.JOB, job=job, request_id=request_id)
