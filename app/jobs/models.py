"""Tables of the attempts at jobs, and of whose turn a sweep is."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, UniqueConstraint, Uuid, text
from sqlmodel import Field, SQLModel

from app.core.model import document, instant, metadata, new_id, one_of


class Outcome(StrEnum):
    """How an attempt ended; of the last one, also what people have made of its job since."""

    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    GIVEN_BACK = "given_back"
    PARKED = "parked"
    RETRIED = "retried"
    DROPPED = "dropped"


class JobAttempt(SQLModel, table=True):
    """One attempt at a job of the queue; while it is open, it and no other may write the job's effect.

    The queue counts no attempt whose worker died: its number here is what stops a job that kills its workers.
    """

    __tablename__ = "job_attempts"
    metadata = metadata
    __table_args__ = (
        UniqueConstraint("job_id", "attempt"),
        CheckConstraint("attempt > 0", name="attempt"),
        CheckConstraint("(outcome IS NULL) = (finished_at IS NULL)", name="finished_at"),
        CheckConstraint("outcome IS NULL OR outcome NOT IN ('failed', 'parked') OR error IS NOT NULL", name="error"),
        Index("uq_job_attempts_job_id_open", "job_id", unique=True, postgresql_where=text("outcome IS NULL")),
        Index("ix_job_attempts_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True, sa_type=Uuid)
    job_id: int = Field(sa_type=BigInteger)
    attempt: int
    kind: str = Field(max_length=80)
    subject_id: UUID = Field(sa_type=Uuid)
    worker: str = Field(max_length=280)
    started_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)
    finished_at: datetime | None = instant()
    outcome: Outcome | None = one_of(Outcome, default=None, nullable=True)
    error: dict[str, Any] | None = document(nullable=True)


class SweepTurn(SQLModel, table=True):
    """When a sweep is due next; its row is locked by the one worker that sweeps."""

    __tablename__ = "sweep_turns"
    metadata = metadata

    name: str = Field(primary_key=True, max_length=80)
    due_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)
    swept_at: datetime | None = instant()
