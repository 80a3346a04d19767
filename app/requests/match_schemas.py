"""What is answered about the matches of a request: options, and why other lines are none."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.vocabulary import Basis, Origin, Reserve

Side = str | int | float | date | list[str] | None


class Purpose(StrEnum):
    """How strict matching is: a round asks that the CDMO has said yes before; a direct booking lets it say so after."""

    DIRECT = "direct"
    ROUND = "round"


class PriceRead(BaseModel):
    """The parts of a package price, in cents; null: the CDMO publishes no figure, and the package leaves it out."""

    batches_cents: int
    engineering_cents: int = Field(description="Engineering batch, where the line asks for one")
    transfer_cents: int | None = Field(description="Technology transfer")
    release_cents: int | None = Field(description="Release testing, where it is priced apart")
    lending_discount_cents: int = Field(description="Taken off in a lent crisis slot")


class WindowRead(BaseModel):
    """Days on which production may start, both included."""

    first: date
    last: date


class CautionRead(BaseModel):
    """Something to know before taking the option."""

    code: str
    value: Side
    message: str
    message_fr: str


class OptionRead(BaseModel):
    """A slot that can serve the request: any start in `start_windows` fits it, and delivers in time."""

    rank: int = Field(description="1 is best: by preferred site, then by price; equals share a rank")
    slot_id: UUID
    unit_id: UUID
    unit_name: str
    line_id: UUID
    line_name: str
    site_id: UUID
    site_name: str
    region: str
    country: str
    reserve: Reserve = Field(description="The reserve whose rules apply; `open` once a start-up slot is released")
    batches: int
    engineering_batches: int
    production_days: int
    changeover_days: int
    release_days: int
    transfer_days: int = Field(description="Before production may start; 0 where the product is qualified")
    duration_days: int = Field(description="Occupancy of the unit, changeover included")
    earliest_start_on: date = Field(description="First free start")
    latest_start_on: date = Field(description="Last free start")
    start_windows: list[WindowRead]
    delivery_on: date = Field(description="Delivery for the first free start, release testing done")
    package_price_cents: int
    price: PriceRead
    cdmo_cancellation_percent: int = Field(
        description="What the CDMO owes when it cancels the booking once confirmed, as a share of the package price"
    )
    basis: Basis = Field(description="Whose figures these are; `illustrative`: not the CDMO's own")
    origin: Origin = Field(description="`scenario`: generated for a demonstration, not a fact")
    recallable: bool
    instant: bool = Field(description="Confirmed at once; otherwise the CDMO approves the booking")
    cautions: list[CautionRead]


class ReasonRead(BaseModel):
    """One cause of refusal, with what is asked and what is offered."""

    code: str
    asked: Side
    offered: Side
    slot_id: UUID | None = Field(description="The slot it concerns; null: the line as a whole")
    message: str
    message_fr: str


class LineReasons(BaseModel):
    """All that stands between the request and one line, at the nearest of its units and slots."""

    line_id: UUID
    line_name: str
    site_id: UUID
    site_name: str
    region: str
    country: str
    reasons: list[ReasonRead]


class Matches(BaseModel):
    """What a request can have: options best first, and each other line with its reasons, fewest first."""

    request_id: UUID
    as_of_on: date
    purpose: Purpose
    options: list[OptionRead]
    reasons: list[LineReasons] = Field(description="One entry for each line without an option, fewest reasons first")
