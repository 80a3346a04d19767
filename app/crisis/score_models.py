"""The table of scores: one for each drill that has ended, which nothing changes any more."""

from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.core.model import Table, document


class DrillScore(Table, table=True):
    """How a drill went, as it stood when it ended; only a drill can have one."""

    __tablename__ = "drill_scores"
    __table_args__ = (UniqueConstraint("crisis_id"),)

    crisis_id: UUID = Field(foreign_key="crises.id")
    figures: dict[str, Any] = document()
