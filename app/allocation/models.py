"""Tables of rounds, the requests in them, solver runs, offers, and decisions on the waiting list."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, Uuid, text
from sqlmodel import Field

from app.core.model import Period, Table, Versioned, days, document, instant, one_of, real_period, texts


class RoundStatus(StrEnum):
    """Where a round stands."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"
    SOLVED = "solved"
    REVIEWED = "reviewed"
    PUBLISHED = "published"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class RunKind(StrEnum):
    """What a run decides."""

    ROUND = "round"
    CRISIS = "crisis"
    WAITING = "waiting"


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class OfferStatus(StrEnum):
    """Where an offer stands."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


class OfferSource(StrEnum):
    """How an offer came about: by the plan of a round, or because a place was freed."""

    ROUND = "round"
    WAITING = "waiting"


class WaitingOutcome(StrEnum):
    """What came of freed days: offered, wanted by nobody who fits, taken meanwhile, withheld, or not to be offered."""

    OFFERED = "offered"
    NOBODY = "nobody"
    TAKEN = "taken"
    WITHHELD = "withheld"
    FAILED = "failed"


class WaitingResult(StrEnum):
    """What a decision on freed days meant for one request that waited."""

    OFFERED = "offered"
    SKIPPED = "skipped"


class Round(Versioned, table=True):
    """One allocation of reserved slots: its scope, its policy, and the date it reasons from."""

    __tablename__ = "rounds"
    __table_args__ = (
        real_period("horizon"),
        CheckConstraint("offer_hours > 0", name="offer_hours"),
        Index("ix_rounds_status", "status", "id"),
    )

    name: str = Field(max_length=120)
    status: RoundStatus = one_of(RoundStatus, default=RoundStatus.DRAFT)
    reserves: list[str] = texts()
    modalities: list[str] = texts()
    regions: list[str] = texts()
    horizon: Period = days()
    as_of_on: date
    closes_at: datetime | None = instant()
    offer_hours: int = 72
    policy: dict[str, Any] = document()
    policy_version: str = Field(max_length=40)


class RoundRequest(Table, table=True):
    """A request that takes part in a round, with the tier and points it was given, as derived."""

    __tablename__ = "round_requests"
    __table_args__ = (
        UniqueConstraint("round_id", "request_id"),
        Index("ix_round_requests_request_id", "request_id"),
    )

    round_id: UUID = Field(foreign_key="rounds.id")
    request_id: UUID = Field(foreign_key="requests.id")
    tier: int
    points: int
    derivation: dict[str, Any] = document()


class Run(Versioned, table=True):
    """One solve: its stored input, the versions of the calendars it saw, and its result.

    `attempt` fences: a result is written only by the attempt that is current. A run that is cancelled while it is
    solved keeps the best plan found by then, if there is one. A replay solves another run's input again, to be
    compared with it: it decides nothing. A run may follow another, to add to what that one made.
    """

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint("attempt >= 0", name="attempt"),
        CheckConstraint("(kind = 'round') = (round_id IS NOT NULL)", name="round_id"),
        CheckConstraint("(kind = 'crisis') = (crisis_id IS NOT NULL)", name="crisis_id"),
        CheckConstraint("state = 'cancelled' OR (state = 'succeeded') = (solution IS NOT NULL)", name="solution"),
        CheckConstraint("replay IS NULL OR replays_id IS NOT NULL", name="replay"),
        Index("ix_runs_round_id", "round_id"),
        Index("uq_runs_round_id_published", "round_id", unique=True, postgresql_where=text("published_at IS NOT NULL")),
        Index("ix_runs_crisis_id", "crisis_id"),
        Index("ix_runs_replays_id", "replays_id"),
        Index("ix_runs_follows_id", "follows_id"),
        Index("ix_runs_state", "state", postgresql_where=text("state IN ('queued', 'running')")),
    )

    kind: RunKind = one_of(RunKind)
    round_id: UUID | None = Field(default=None, foreign_key="rounds.id")
    crisis_id: UUID | None = Field(default=None, foreign_key="crises.id")
    state: RunState = one_of(RunState, default=RunState.QUEUED)
    attempt: int = 0
    problem: dict[str, Any] = document()
    references: dict[str, Any] = document()
    calendar_versions: dict[str, Any] = document()
    parameters: dict[str, Any] = document()
    progress: dict[str, Any] | None = document(nullable=True)
    solution: dict[str, Any] | None = document(nullable=True)
    baselines: dict[str, Any] | None = document(nullable=True)
    error: str | None = Field(default=None, max_length=4000)
    replays_id: UUID | None = Field(default=None, foreign_key="runs.id")
    replay: dict[str, Any] | None = document(nullable=True)
    follows_id: UUID | None = Field(default=None, foreign_key="runs.id")
    cancel_requested_at: datetime | None = instant()
    requested_by_id: UUID | None = Field(default=None, sa_type=Uuid)
    published_at: datetime | None = instant()
    started_at: datetime | None = instant()
    finished_at: datetime | None = instant()


class RunExplanation(Table, table=True):
    """Why one request is where a run's plan has it, as the engine verified it for that very plan."""

    __tablename__ = "run_explanations"
    __table_args__ = (
        UniqueConstraint("run_id", "request_id", "plan_sha256"),
        Index("ix_run_explanations_request_id", "request_id"),
    )

    run_id: UUID = Field(foreign_key="runs.id")
    request_id: UUID = Field(foreign_key="requests.id")
    plan_sha256: str = Field(max_length=64)
    document: dict[str, Any] = document()


class RunCertificate(Table, table=True):
    """What holds of a run's plan, made by a job: neither document nor error means that it is being made."""

    __tablename__ = "run_certificates"
    __table_args__ = (
        UniqueConstraint("run_id", "plan_sha256"),
        CheckConstraint("document IS NULL OR error IS NULL", name="document_or_error"),
    )

    run_id: UUID = Field(foreign_key="runs.id")
    plan_sha256: str = Field(max_length=64)
    document: dict[str, Any] | None = document(nullable=True)
    error: str | None = Field(default=None, max_length=4000)
    finished_at: datetime | None = instant()


class Offer(Versioned, table=True):
    """A placed request's period, held by a booking until the start-up accepts or declines."""

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("booking_id"),
        CheckConstraint("(source = 'round') = (round_id IS NOT NULL)", name="round_id"),
        Index("ix_offers_organisation_id", "organisation_id", "id"),
        Index("ix_offers_request_id", "request_id"),
        Index("uq_offers_request_id_offered", "request_id", unique=True, postgresql_where=text("status = 'offered'")),
        Index("ix_offers_expires_at", "expires_at", postgresql_where=text("status = 'offered'")),
    )

    source: OfferSource = one_of(OfferSource, default=OfferSource.ROUND)
    round_id: UUID | None = Field(default=None, foreign_key="rounds.id")
    run_id: UUID = Field(foreign_key="runs.id")
    request_id: UUID = Field(foreign_key="requests.id")
    organisation_id: UUID = Field(foreign_key="organisations.id")
    booking_id: UUID = Field(foreign_key="bookings.id")
    status: OfferStatus = one_of(OfferStatus, default=OfferStatus.OFFERED)
    expires_at: datetime = instant(nullable=False)
    answered_at: datetime | None = instant()


class WaitingDecision(Table, table=True):
    """What was decided on freed days of one unit, under which policy, and by which run; rows are only ever added."""

    __tablename__ = "waiting_decisions"
    __table_args__ = (
        CheckConstraint("(outcome IN ('withheld', 'failed')) = (reason_code IS NOT NULL)", name="reason_code"),
        Index("ix_waiting_decisions_unit_id", "unit_id"),
        Index("ix_waiting_decisions_run_id", "run_id"),
    )

    unit_id: UUID = Field(foreign_key="units.id")
    run_id: UUID | None = Field(default=None, foreign_key="runs.id")
    as_of_on: date
    policy: dict[str, Any] = document()
    outcome: WaitingOutcome = one_of(WaitingOutcome)
    reason_code: str | None = Field(default=None, max_length=60)


class WaitingLine(Table, table=True):
    """What a decision meant for one request that waited for such a place, and why; rows are only ever added.

    `position` counts all who waited for the unit's modalities, from 1 for the first to be served.
    """

    __tablename__ = "waiting_lines"
    __table_args__ = (
        UniqueConstraint("decision_id", "request_id"),
        CheckConstraint("position > 0", name="position"),
        CheckConstraint("(result = 'offered') = (offer_id IS NOT NULL)", name="offer_id"),
        CheckConstraint("(result = 'skipped') = (reason_code IS NOT NULL)", name="reason_code"),
        Index("ix_waiting_lines_request_id", "request_id", "id"),
    )

    decision_id: UUID = Field(foreign_key="waiting_decisions.id")
    request_id: UUID = Field(foreign_key="requests.id")
    organisation_id: UUID = Field(foreign_key="organisations.id")
    position: int
    tier: int
    points: int
    waiting_since_at: datetime = instant(nullable=False)
    result: WaitingResult = one_of(WaitingResult)
    reason_code: str | None = Field(default=None, max_length=60)
    facts: dict[str, Any] = document()
    offer_id: UUID | None = Field(default=None, foreign_key="offers.id")
