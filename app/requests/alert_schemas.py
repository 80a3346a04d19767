"""What is sent and answered about alerts and their hits."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.capacity.models import OpeningCause
from app.capacity.schemas import SlotNeeds, SlotRead
from app.core.schemas import Body


class AlertFilters(Body, SlotNeeds):
    """What is asked of a slot, in the words of `GET /v1/slots`; at least one filter is given."""


class AlertCreate(Body):
    """Wait for a slot that can serve a request, or for one that passes filters."""

    request_id: UUID | None = Field(default=None, description="Judged as `GET /v1/requests/{id}/matches` judges it")
    filters: AlertFilters | None = None


class AlertRead(BaseModel):
    """An alert, and what it has found."""

    id: UUID
    organisation_id: UUID
    request_id: UUID | None
    filters: dict[str, Any] | None
    created_at: datetime
    hits: int = Field(description="How many slots it has been told of")
    last_hit_at: datetime | None


class Unavailable(StrEnum):
    """Why a slot of a hit cannot be booked any more, or not now."""

    WITHDRAWN = "withdrawn"
    HELD_STILL = "held_still"
    REQUEST_SETTLED = "request_settled"
    TAKEN_OR_CHANGED = "taken_or_changed"


class AlertHitRead(BaseModel):
    """A slot that came to be for booking while an alert was waiting for it, and whether it still is."""

    id: UUID
    alert_id: UUID
    slot_id: UUID
    slot: SlotRead | None = Field(description="As it is now; null: it is not published any more")
    cause: OpeningCause = Field(description="How it came to be for booking")
    opened_at: datetime
    found_at: datetime
    available: bool = Field(description="It could be booked now, for what the alert asks")
    unavailable_because: Unavailable | None
