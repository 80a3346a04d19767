"""What is answered about the waiting list."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.allocation.models import WaitingOutcome, WaitingResult
from app.requests.models import RequestStatus

REASON = (
    "Null where it was offered; else `outranked`, `party_served`, `cap_reached`, `not_earlier`, `declined_here` and "
    "the like, a code of matching, such as `over_budget`, or why the days were offered to nobody"
)

FACTS = (
    "Figures behind the reason: of those chosen, rank and nothing else; of matching, under `reasons`, all codes with "
    "what was asked and offered, and the `sentence` that says it"
)


class FreedRead(BaseModel):
    """Days that a booking let go of, half-open [start, end), and why it did."""

    slot_id: UUID
    start: date
    end: date
    reason_code: str | None = Field(
        description="Why the booking ended, or `moved`; null for a start-up: why another left is not its to know"
    )


class PlaceRead(BaseModel):
    """A unit, and the days of it that were freed."""

    unit_id: UUID
    unit: str
    line: str
    site: str
    freed: list[FreedRead]


class DecidedRead(BaseModel):
    """What a decision on freed days meant for one request."""

    decision_id: UUID
    decided_at: datetime
    place: PlaceRead
    result: WaitingResult
    reason_code: str | None = Field(description=REASON)
    position: int = Field(description="Among all who waited for what the unit makes; 1 is served first")
    tier: int
    points: int
    facts: dict[str, Any] = Field(description=FACTS)
    offer_id: UUID | None


class WaitingRead(BaseModel):
    """Where a request stands on the waiting list, and what became of freed places that concerned it."""

    request_id: UUID
    status: RequestStatus
    waits: bool
    waiting_since_at: datetime | None
    wants_earlier: bool
    earlier_until_on: date | None
    tier: int = Field(description="As of today; order is by tier, then points, then who has waited longer")
    points: int
    lines: int | None = Field(
        description="Lines that could serve it, whenever a place there is freed; null: not waiting"
    )
    ahead: int | None = Field(description="How many would be offered a place on one of these first; null: not waiting")
    decisions: list[DecidedRead] = Field(description="Newest first, the latest fifty")


class WaitingLineRead(BaseModel):
    """One request in a decision."""

    request_id: UUID
    organisation_id: UUID
    position: int
    tier: int
    points: int
    waiting_since_at: datetime
    result: WaitingResult
    reason_code: str | None = Field(description=REASON)
    facts: dict[str, Any] = Field(description=FACTS)
    offer_id: UUID | None


class DecisionRead(BaseModel):
    """A decision on freed days of one unit: what came of them, and of everybody who waited for such a place."""

    id: UUID
    decided_at: datetime
    place: PlaceRead
    outcome: WaitingOutcome
    reason_code: str | None = Field(description="Why the days were withheld, or could not be offered")
    as_of_on: date
    policy_version: str | None
    run_id: UUID | None = Field(description="The run that chose; null where there was nothing to choose")
    lines: list[WaitingLineRead] = Field(description="First to be served first")
