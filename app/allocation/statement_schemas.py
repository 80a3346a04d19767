"""What is answered about the statements that the engine makes of a plan."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field


class TextRead(BaseModel):
    """One text in two languages."""

    en: str
    fr: str


class StatementRead(BaseModel):
    """One statement: its kind, its facts, and a sentence in each language; days count from `origin`."""

    code: str
    data: dict[str, Any]
    text: TextRead


class ExplanationRead(BaseModel):
    """Why a request is where a plan has it, or nowhere; every statement was checked by solving."""

    run_id: UUID
    request_id: UUID
    origin: date = Field(description="The date of day 0")
    subject: dict[str, Any]
    statements: list[StatementRead] = Field(description="In the order to read them")
    names: dict[str, str] = Field(description="Names behind the identifiers; others are withheld, or have none")
    seconds: float


class PropertyRead(BaseModel):
    """A property: what it says, how it was checked, what was left unchecked, and the verdict."""

    name: str
    verdict: Literal["holds", "fails", "not_checked"]
    title: TextRead
    definition: TextRead
    method: TextRead
    not_covered: TextRead
    summary: TextRead
    counts: dict[str, int]
    counterexamples: list[dict[str, Any]] = Field(description="Demands are requests, windows are slots")


class CertificateRead(BaseModel):
    """What holds of a run's plan, and what does not, with counterexamples."""

    run_id: UUID
    state: Literal["ready"] = "ready"
    verdict: Literal["holds", "fails"]
    status: str
    engine: str
    origin: date = Field(description="The date of day 0")
    note: TextRead
    properties: list[PropertyRead]
    levels: list[dict[str, Any]]
    outcomes: list[dict[str, Any]] = Field(description="By tier, by region and by size of the organisations")
    adjustments: list[dict[str, Any]] = Field(description="Changes by hand, and what each costs on every objective")
    seconds: float
    samples: int
    seed: int


class CertificatePending(BaseModel):
    """The certificate is being made: ask again after `Retry-After` seconds."""

    run_id: UUID
    state: Literal["computing"] = "computing"
