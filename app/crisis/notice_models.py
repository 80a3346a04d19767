"""Table of notices: what a crisis has told an organisation, as it was told; no row of it is altered or removed."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from app.core.model import Table, document, instant, one_of


class NoticeKind(StrEnum):
    """What a notice tells."""

    ORDER_ISSUED = "order_issued"
    ORDER_REMINDER = "order_reminder"
    ORDER_ESCALATED = "order_escalated"
    ORDER_ANSWERED = "order_answered"
    ORDER_WITHDRAWN = "order_withdrawn"
    ORDER_RELEASED = "order_released"
    WILL_GIVE_WAY = "will_give_way"
    GAVE_WAY = "gave_way"
    KEEPS_PLACE = "keeps_place"
    ANSWER_REMINDER = "answer_reminder"
    REPLACEMENT_TAKEN = "replacement_taken"
    REPLACEMENT_DECLINED = "replacement_declined"
    REPLACEMENT_LAPSED = "replacement_lapsed"
    PLACE_OFFERED_BACK = "place_offered_back"
    EXPIRES_SOON = "expires_soon"


class Notice(Table, table=True):
    """What one organisation was told, with the facts that it rests on; its text is made from them when it is read."""

    __tablename__ = "crisis_notices"
    __table_args__ = (
        Index("ix_crisis_notices_crisis_id", "crisis_id", "id"),
        Index("ix_crisis_notices_organisation_id", "organisation_id", "crisis_id", "id"),
        CheckConstraint("order_id IS NOT NULL OR displacement_id IS NOT NULL OR kind = 'expires_soon'", name="subject"),
    )

    crisis_id: UUID = Field(foreign_key="crises.id")
    organisation_id: UUID = Field(foreign_key="organisations.id", description="Who is told")
    kind: NoticeKind = one_of(NoticeKind)
    order_id: UUID | None = Field(default=None, foreign_key="crisis_orders.id")
    displacement_id: UUID | None = Field(default=None, foreign_key="displacements.id")
    reason_code: str | None = Field(default=None, max_length=60)
    facts: dict[str, Any] = document()
    respond_by_at: datetime | None = instant()
