"""What is sent and answered about reserve agreements."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.paging import PageQuery
from app.core.schemas import Body, Cents, Code, Day, Name, PeriodBody
from app.core.vocabulary import Origin, Reserve

FEE = (
    "For each calendar quarter (of a yearly fee, give a quarter); charged to the funder once the quarter is"
    " over, or the agreement if that comes first, in proportion to the promised batch-days that were recorded day by"
    " day as published, and to the days that count: those covered, from when the agreement was written down"
)


class AgreementRead(BaseModel):
    """A funded promise of capacity for one reserve."""

    id: UUID
    organisation_id: UUID
    funder: str
    funder_id: UUID | None = Field(description="The organisation that owes the readiness fee")
    reserve: Reserve
    line_id: UUID | None
    modality: str | None
    start: date
    end: date
    batch_days_per_quarter: int
    readiness_fee_cents: int = Field(description=FEE)
    capped_price_cents: int | None
    recoverable_within_days: int
    origin: Origin
    version: int


class AgreementCreate(PeriodBody):
    """An agreement with one CDMO or integrator, about a line of its own, a modality, or both."""

    organisation_id: UUID = Field(description="The CDMO or integrator that promises")
    funder: Name = Field(description="Who pays, by name")
    funder_id: UUID | None = Field(
        default=None,
        description="The organisation that owes the readiness fee: no CDMO, no integrator, no start-up. Left out"
        " where there is a fee: the organisation called as `funder` says, or else the one that writes it down",
    )
    reserve: Reserve = Field(description="`startup` or `crisis`")
    line_id: UUID | None = None
    modality: Code | None = None
    batch_days_per_quarter: Annotated[int, Field(gt=0, le=1_000_000)]
    readiness_fee_cents: Cents = Field(default=0, description=FEE)
    capped_price_cents: Cents | None = Field(default=None, description="The most a start-up pays for a batch")
    recoverable_within_days: Annotated[int, Field(ge=0, le=3650)] = 0


class AgreementEnd(Body):
    """When an agreement ends early."""

    end: Day = Field(description="First day that it does not cover any more: not before today, nor later than it ends")


class AgreementFilter(PageQuery):
    """Filters of the list of agreements; all that are given must hold."""

    organisation_id: UUID | None = None
    reserve: Reserve | None = None
    line_id: UUID | None = None
