"""What is answered about whether a reserve agreement is kept, and what it was paid for that."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field


class QuarterRead(BaseModel):
    """Promised against published batch-days in one calendar quarter, cut to the agreement."""

    start: date
    end: date
    promised_batch_days: int
    published_batch_days: int = Field(
        description="Of past days as recorded day by day where there is a fee; of all others as published now"
    )
    is_met: bool
    readiness_charged_cents: int | None = Field(
        description="Readiness fee charged to the funder; null until the quarter is over, where no day of it counts,"
        " and where there is no fee"
    )


class ComplianceRead(BaseModel):
    """What was promised against what is published, quarter by quarter."""

    agreement_id: UUID
    promised_batch_days: int
    published_batch_days: int
    quarters: list[QuarterRead]
