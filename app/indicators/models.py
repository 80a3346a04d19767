"""Table of editions; a trigger refuses their update and deletion, and the application may only insert."""

from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlmodel import Field, SQLModel

from app.core.model import document, instant, metadata


class IndicatorEdition(SQLModel, table=True):
    """The figures of one calendar quarter as they are published, with nothing in them that is kept back.

    Made once, after the quarter has ended: quarters share no day, so that no two editions can be subtracted.
    """

    __tablename__ = "indicator_editions"
    metadata = metadata

    quarter_on: date = Field(primary_key=True)
    made_at: datetime = instant(nullable=False)
    figures: dict[str, Any] = document()

    @property
    def id(self) -> UUID:
        """Under which its record is found: it follows from the quarter, which is all that names an edition."""
        return uuid5(NAMESPACE_OID, f"{self.__tablename__}/{self.quarter_on}")
