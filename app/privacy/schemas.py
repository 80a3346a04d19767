"""What is answered about what is held of a person."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field


class UseRead(BaseModel):
    """Why a column is there."""

    column: str
    purpose: str
    basis: str = Field(description="Legal basis, by Regulation (EU) 2016/679")
    kept: str = Field(description="Until when, and what then becomes of it")


class ExportedPart(BaseModel):
    """What one table holds of the person."""

    table: str
    uses: list[UseRead]
    rows: list[dict[str, Any]] = Field(description="Secrets and their hashes are left out")


class Export(BaseModel):
    """All that is held of one person. Logs are their operator's, and hold no names."""

    person_id: UUID
    made_at: datetime
    parts: list[ExportedPart] = Field(description="Tables that hold something")
