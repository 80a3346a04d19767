"""Table of letters: who is to be told by mail of what, and when they were."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, Uuid, text
from sqlmodel import Field

from app.core.model import Table, instant, one_of


class LetterKind(StrEnum):
    """What a letter is about; `subject_id` names it."""

    NOTICE = "notice"
    OFFER = "offer"
    APPROVAL = "approval"


PASSING = (LetterKind.OFFER, LetterKind.APPROVAL)
"""Kinds that are forgotten after a while; that a notice of a crisis was mailed is kept with it."""


class Dropped(StrEnum):
    """Why a letter is not sent."""

    MOOT = "moot"
    LEFT = "left"
    REFUSED = "refused"


class Letter(Table, table=True):
    """A letter about one thing to one person: one row, and so one mail, whoever asks for it again.

    What it says is made from the thing itself when it is sent.
    """

    __tablename__ = "letters"
    __table_args__ = (
        UniqueConstraint("subject_id", "person_id", "kind"),
        CheckConstraint("sent_at IS NULL OR dropped_as IS NULL", name="ended_once"),
        Index("ix_letters_person_id", "person_id"),
        Index("ix_letters_passing", "created_at", postgresql_where=text("kind IN ('offer', 'approval')")),
    )

    kind: LetterKind = one_of(LetterKind)
    subject_id: UUID = Field(sa_type=Uuid)
    person_id: UUID = Field(foreign_key="people.id")
    sent_at: datetime | None = instant()
    dropped_as: Dropped | None = one_of(Dropped, default=None, nullable=True)
