"""What is asked and answered about the trail."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.audit.models import ActorKind
from app.core.paging import PageQuery
from app.core.schemas import Instant


class AuditFilter(PageQuery):
    """Filters of the trail; all that are given must hold."""

    model_config = ConfigDict(populate_by_name=True)

    object_type: str | None = Field(default=None, max_length=40, description="Kind of the object, such as `bookings`")
    object_id: UUID | None = Field(default=None, description="What was written")
    action: str | None = Field(default=None, max_length=80, description="What was done, such as `booking.confirmed`")
    actor: ActorKind | None = Field(default=None, description="Whether a person, a program or a job acted")
    start: Instant | None = Field(default=None, alias="from", description="At this moment or later")
    end: Instant | None = Field(default=None, alias="to", description="Before this moment")


class AuditRecordRead(BaseModel):
    """One write: when, who, what before and after, why."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    actor: ActorKind
    person_id: UUID | None
    api_key_id: UUID | None
    token_client_id: UUID | None = Field(description="The client of the issuer whose access token it was")
    job: str | None
    organisation_id: UUID | None = Field(description="For whom it was done; null: by the service itself")
    action: str
    object_type: str
    object_id: UUID
    before: dict[str, Any] | None = Field(description="The object before it; null: there was none, or it is hidden")
    after: dict[str, Any] | None = Field(description="The object after it; null: it is gone, or it is hidden")
    content_hidden: bool = Field(
        default=False, description="`before` and `after` are not shown, for the object is another organisation's"
    )
    reason_code: str | None
    reason_text: str | None
    request_id: str | None
