"""The report of a crisis: what was declared, planned, signed, ordered, made, taken from whom, and paid."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.schemas import Body, Days
from app.crisis.models import CrisisMode, CrisisStatus
from app.crisis.schemas import PowerRead


class ReportFormat(StrEnum):
    """How the report is written."""

    JSON = "json"
    MARKDOWN = "markdown"


class ReportLanguage(StrEnum):
    """The language of its words; figures and codes are the same in both."""

    ENGLISH = "en"
    FRENCH = "fr"


class ReportQuery(Body):
    """How the report is wanted; without a format, `Accept` says it, and else it is JSON."""

    format: ReportFormat | None = None
    language: ReportLanguage = ReportLanguage.ENGLISH


class ReportStep(BaseModel):
    """One step of the timeline, from the audit trail."""

    at: datetime
    action: str
    actor: str
    organisation: str | None = Field(description="For whom it was done; null: by the service itself")
    subject: str
    subject_id: UUID
    reason_code: str | None


class ReportSignature(BaseModel):
    """A signature, and whether it is of the plan as the plan stands."""

    role: str
    person_id: UUID
    person: str | None = Field(description="Null once the person's name is erased")
    organisation: str
    at: datetime
    plan_hash: str
    hash_matches: bool


class ReportPlan(BaseModel):
    """A plan: what it was to give, on which powers, and who signed it."""

    id: UUID
    at: datetime
    status: str
    tier: int
    plan_hash: str
    hash_matches: bool = Field(description="Whether the plan as kept still has the hash that it was proposed with")
    doses_low: int
    doses_expected: int
    doses_high: int
    campaigns: int
    displacements: int
    cost_cents: int
    grounds: list[dict[str, Any]]
    signatures: list[ReportSignature]


class ReportTarget(BaseModel):
    """Doses by a day: wanted, planned by the plan that was carried out, ordered and accepted, and delivered."""

    by: date
    wanted: int
    planned: int | None
    accepted: int
    delivered: int


class ReportOrder(Days):
    """An order to a CDMO, and what came of it."""

    id: UUID
    cdmo: str
    place: str
    status: str
    batches: int
    doses: int
    delivery_on: date
    price_cents: int
    booking_status: str | None
    delivered_on: date | None
    delivered_doses: int


class ReportDisplacement(Days):
    """A lot that gave way, or was to, why, and what became of it; the days are its own."""

    id: UUID
    booking_id: UUID
    owner: str
    place: str
    kind: str
    status: str
    reason_code: str
    ground: str | None
    to_place: str | None
    to_start: date | None
    compensation_cents: int
    offered_back: str | None = Field(description="Where the offer of its own place stands, once the crisis has ended")
    became: str | None = Field(description="Status of the booking that serves the lot by now; null: there is none")


class CrisisReport(BaseModel):
    """All of a crisis, as of a moment."""

    crisis_id: UUID
    title: str
    mode: CrisisMode
    status: CrisisStatus
    start: date
    end: date
    countermeasure: str
    modality: str
    dose_unit: str
    ended_reason_code: str | None
    made_at: datetime
    powers: list[PowerRead]
    timeline: list[ReportStep]
    plans: list[ReportPlan]
    targets: list[ReportTarget]
    orders: list[ReportOrder]
    displacements: list[ReportDisplacement]
    ledger: dict[str, Any] = Field(description="What each organisation pays (positive) or receives, as of now")
    ledger_at_end: dict[str, Any] | None = Field(description="The same as it was closed; null before the end")
