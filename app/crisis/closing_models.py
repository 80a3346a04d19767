"""Table of closing statements: the ledger of a crisis as it stood when the crisis ended."""

from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.core.model import Table, document


class CrisisClosing(Table, table=True):
    """What a crisis cost whom when it ended, and whether that adds up; never altered: corrections come after it."""

    __tablename__ = "crisis_closings"
    __table_args__ = (UniqueConstraint("crisis_id"),)

    crisis_id: UUID = Field(foreign_key="crises.id")
    is_balanced: bool
    statement: dict[str, Any] = document()
