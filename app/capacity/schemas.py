"""What is sent and answered about slots."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.capacity.models import Approval, SlotStatus
from app.core.paging import PageQuery
from app.core.schemas import Body, Cents, Code, Day, Days, NotNull, PeriodBody
from app.core.vocabulary import Basis, GmpPhase, Origin, Reserve

DayCount = Annotated[int, Field(gt=0, le=3650)]
Volume = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]


class BatchPriceRead(BaseModel):
    """The price of one batch of a modality in a slot, and whose word it is."""

    modality: str
    price_cents: int | None
    basis: Basis = Field(description="`illustrative` is nobody's word: a plausible value")


class SlotRead(BaseModel):
    """A slot with where it stands, what of it is free, and what a batch costs in it."""

    id: UUID
    unit_id: UUID
    unit_name: str
    line_id: UUID
    line_name: str
    site_id: UUID
    site_name: str
    organisation_id: UUID
    organisation_name: str
    region: str
    country: str
    cdmo_cancellation_percent: int = Field(
        description="What the CDMO owes when it cancels a confirmed booking, as a share of its price"
    )
    start: date
    end: date
    free: list[Days] = Field(description="What may still be booked from today on; a whole slot is free or it is not")
    reserve: Reserve = Field(description="The reserve that it is published for")
    effective_reserve: Reserve = Field(description="Whose rules apply today: `open` once a start-up slot is released")
    releases_on: date | None = Field(description="From this day, itself included, what is not booked of it is open")
    lendable: bool
    recall_notice_days: int | None
    max_lent_days: int | None
    divisible: bool
    approval: Approval
    price_cents: int | None = Field(description="Of a batch of the modality asked for, else of the cheapest one")
    price_basis: Basis | None
    prices: list[BatchPriceRead] = Field(description="By modality; the slot's own price and its agreement's cap apply")
    agreement_id: UUID | None
    status: SlotStatus
    origin: Origin = Field(description="`scenario`: generated for a demonstration, not a fact")
    version: int


class SlotCreate(PeriodBody):
    """A period on one of one's own units, published for booking unless `status` says `draft`."""

    unit_id: UUID
    reserve: Reserve = Reserve.OPEN
    status: SlotStatus = Field(default=SlotStatus.PUBLISHED, description="`published`, or `draft`")
    releases_on: Day | None = None
    lendable: bool = False
    recall_notice_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    max_lent_days: DayCount | None = None
    divisible: bool = Field(default=True, description="False: it is booked whole or not at all")
    approval: Approval = Approval.BY_CDMO
    price_cents: Cents | None = Field(default=None, description="Of a batch, in place of the line's price")
    agreement_id: UUID | None = Field(default=None, description="The agreement that it counts towards")


class SlotUpdate(Body):
    """What may change of a slot; what is left out stays."""

    start: Annotated[Day | None, NotNull] = None
    end: Annotated[Day | None, NotNull] = None
    reserve: Annotated[Reserve | None, NotNull] = None
    status: Annotated[SlotStatus | None, NotNull] = None
    releases_on: Day | None = None
    lendable: Annotated[bool | None, NotNull] = None
    recall_notice_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    max_lent_days: DayCount | None = None
    divisible: Annotated[bool | None, NotNull] = None
    approval: Annotated[Approval | None, NotNull] = None
    price_cents: Cents | None = None
    agreement_id: UUID | None = None


class SlotSplit(Body):
    """Where to cut a slot."""

    at: Annotated[list[Day], Field(min_length=1, max_length=100)] = Field(
        description="Days on which a new part begins, inside the slot"
    )


class SlotParts(BaseModel):
    """The slots that one slot has become, in order; the first has its identifier."""

    parts: list[SlotRead]


class LendBody(Body):
    """The terms under which a crisis slot is lent; they may not take away from what is lent already."""

    recall_notice_days: Annotated[int, Field(ge=0, le=3650)] = Field(description="Notice by which a crisis recalls it")
    max_lent_days: DayCount | None = Field(default=None, description="Longest occupancy; null: any")


class RecallRead(BaseModel):
    """A slot that is not lent any more, and when it is free of what is lent still."""

    slot: SlotRead
    lent: list[Days] = Field(description="What is lent still; it stays to its end unless a crisis takes its place")
    recall_notice_days: int
    free_on: date = Field(description="First day from which nothing is lent, if all of it runs to its end")
    recallable_from_on: date = Field(description="What is lent from this day on can give way with the notice kept")
    free_in_crisis_on: date = Field(description="First day from which nothing is lent, if a crisis recalls all it can")


class SlotNeeds(BaseModel):
    """What is asked of a slot; all that is given must hold.

    What is unknown of a line meets no need. The usable part of a slot is what lies from today on, and between `start`
    and `end` where they are given; a slot that is not divisible is used whole.
    """

    modality: Code | None = Field(default=None, description="The line makes it, within its authorisation scope")
    phase: GmpPhase | None = None
    platform: Code | None = None
    volume_min: Volume | None = Field(default=None, description="Working volume in litres, at least")
    volume_max: Volume | None = Field(default=None, description="Working volume in litres, at most")
    region: str | None = Field(default=None, max_length=120)
    reserve: Reserve | None = Field(
        default=None, description="Under whose rules it is today: a start-up slot that is released is `open`"
    )
    start: Day | None = Field(default=None, description="The slot has a day on or after this one")
    end: Day | None = Field(default=None, description="The slot has a day before this one")
    deliver_by: Day | None = Field(
        default=None, description="One batch fits the usable part, and is released by this day, itself included"
    )
    min_days: DayCount | None = Field(default=None, description="The usable part lasts at least so many days")
    unit_id: UUID | None = None
    line_id: UUID | None = None
    site_id: UUID | None = None


class SlotFilter(SlotNeeds, PageQuery):
    """Filters of the search for slots; all that are given must hold."""

    available: bool | None = Field(
        default=None,
        description="true: a free stretch of the usable part meets `min_days` and `deliver_by`; false: none does",
    )
    status: SlotStatus | None = Field(default=None, description="For a CDMO among its own; others see `published`")
