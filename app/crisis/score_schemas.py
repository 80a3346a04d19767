"""How a drill, or a crisis, is scored."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.paging import PageQuery
from app.core.schemas import Code
from app.crisis.models import CrisisMode, CrisisStatus

FORMAT = "creneau-drill-score/1"


class DoseRange(BaseModel):
    """Bulk dose-equivalents, as the yields are feared, expected and hoped."""

    low: int = 0
    expected: int = 0
    high: int = 0


class DosesBy(BaseModel):
    """Doses released by so many days after the day of planning, that day included."""

    day: int
    on: date
    planned: DoseRange
    accepted: DoseRange = Field(description="Of the orders that their CDMOs have accepted alone")


class TargetScore(BaseModel):
    """What of a target was planned, and what CDMOs have accepted, on expected yields."""

    by: date
    quantity: int
    planned: int
    accepted: int
    met: bool = Field(description="By what was accepted")


class OrderScore(BaseModel):
    """What CDMOs have answered to how many orders."""

    issued: int = 0
    accepted: int = 0
    countered: int = 0
    unanswered: int = 0


class GivingWay(BaseModel):
    """Bookings that give way: to another place, or to none; and how many have, once their CDMO had accepted."""

    moved: int = 0
    displaced: int = 0
    effective: int = 0


class ScoreFigures(BaseModel):
    """The figures of a score; hours count from the declaration, and are null where it never came so far."""

    format: str = FORMAT
    hours_to_plan: float | None
    hours_to_signature: float | None
    hours_to_activation: float | None
    doses: list[DosesBy]
    orders: OrderScore
    bookings: GivingWay
    planned_cost_cents: int = Field(description="Orders and compensation, as planned")
    accepted_cost_cents: int = Field(description="The same of what was accepted, and has given way")
    targets: list[TargetScore]
    targets_met: int


class ScoreRead(ScoreFigures):
    """The score of one drill or crisis; `final` once it is that of a drill that has ended."""

    crisis_id: UUID
    title: str
    mode: CrisisMode
    scenario: str | None
    status: CrisisStatus
    as_of_on: date
    declared_at: datetime
    final: bool


class ScoreFilter(PageQuery):
    """Filters of the list of scores."""

    scenario: Code | None = None
