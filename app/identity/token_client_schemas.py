"""What is sent and answered about clients of the issuer of access tokens."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.core.schemas import Body
from app.identity.key_schemas import Label, each_once
from app.identity.models import KeyScope, Role

ClientText = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]


class TokenClientRead(BaseModel):
    """A client of the issuer, and for whom its tokens act."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    organisation_id: UUID
    issuer: str
    client_id: str
    subject: str
    name: str
    role: Role
    scopes: list[KeyScope]
    created_at: datetime
    revoked_at: datetime | None = Field(description="Since when its tokens act for nobody any more")
    version: int


class TokenClientCreate(Body):
    """For whom a client of the issuer acts from now on."""

    organisation_id: UUID
    name: Label = Field(description="What it is, such as `ERP, production`")
    client_id: ClientText = Field(description="`client_id` of its tokens, in plain ASCII without spaces")
    subject: ClientText | None = Field(
        default=None, description="`sub` of its tokens; left out: the `client_id`. Tokens with another act for nobody"
    )
    role: Role = Field(description="One of the kind of the organisation; `admin`, `authority` take an administrator")
    scopes: Annotated[list[KeyScope], AfterValidator(each_once)] = Field(
        default=[KeyScope.READ],
        min_length=1,
        max_length=len(KeyScope),
        description="What its tokens may do at most: each token's own `scope` can only narrow it",
    )
