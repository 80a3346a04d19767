"""What is sent and answered about people, invitations and sessions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.core.addresses import folded
from app.core.paging import PageQuery
from app.core.schemas import Body, Name, NotNull
from app.core.vocabulary import Language
from app.identity.models import KeyScope, Role
from app.identity.people_rules import InvitationStatus
from app.identity.sign_in_models import SignInMethod

EmailAddress = Annotated[
    str,
    Field(max_length=320, json_schema_extra={"format": "email", "examples": ["a.martin@example.org"]}),
    AfterValidator(folded),
]
"""An address of mail, in lower case."""


class PersonRead(BaseModel):
    """A person as their organisation and the coordinator see them."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    organisation_id: UUID
    name: str
    email: str
    role: Role
    language: Language | None = Field(description="In which they are written to; in both, where it is null")
    created_at: datetime
    deactivated_at: datetime | None = Field(description="Since when they can do nothing here; null while they can")
    version: int


class OwnOrganisation(BaseModel):
    """The organisation that one acts for."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    kind: str


class MeRead(BaseModel):
    """Who is acting in this very request."""

    person: PersonRead | None = Field(description="Null where a program's key acts, which is in nobody's hands")
    organisation: OwnOrganisation
    role: Role
    scopes: list[KeyScope]
    api_key_id: UUID | None
    session_id: UUID | None
    csrf_token: str | None = Field(
        description="With a session's cookie alone: whatever changes anything needs it in `X-CSRF-Token`"
    )


class PeopleFilter(PageQuery):
    """Filters of the list of people."""

    organisation_id: UUID | None = Field(default=None, description="The coordinator may look at any organisation's")
    active: bool | None = Field(default=None, description="Only those who can sign in, or only those who cannot")


class PersonUpdate(Body):
    """What may change of a person; what is left out stays."""

    name: Annotated[Name | None, NotNull] = None
    role: Annotated[Role | None, NotNull] = None
    language: Language | None = Field(default=None, description="In which to write to them; null: in both")


class InvitationRead(BaseModel):
    """An invitation; its link is in the mail and nowhere else."""

    id: UUID
    organisation_id: UUID
    email: str
    name: str
    role: Role
    status: InvitationStatus
    invited_by_id: UUID
    created_at: datetime
    expires_at: datetime
    mailed_at: datetime | None = Field(
        description="Null until the mail is sent; always, where no mail is set up. Whoever has the address gets one"
    )
    accepted_at: datetime | None
    person_id: UUID | None = Field(description="The person who came by it")
    version: int


class InvitationCreate(Body):
    """An invitation of somebody who may then sign in."""

    email: EmailAddress
    name: Name
    role: Role | None = Field(default=None, description="One's own if left out")
    organisation_id: UUID | None = Field(
        default=None, description="One's own if left out; the coordinator brings the first people of others in"
    )


class SessionRead(BaseModel):
    """A browser in which a person is signed in."""

    id: UUID
    person_id: UUID
    method: SignInMethod
    device: str = Field(description="What the browser says it is, in two words")
    created_at: datetime
    last_seen_at: datetime = Field(description="To two minutes")
    expires_at: datetime
    is_current: bool = Field(description="Whether it is the one that asks")


class SessionFilter(PageQuery):
    """Whose sessions."""

    person_id: UUID | None = Field(default=None, description="One's own if left out")


class Ended(BaseModel):
    """How many sessions were ended."""

    ended: int
