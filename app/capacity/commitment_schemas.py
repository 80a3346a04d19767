"""What is sent and answered about commitments."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.capacity.models import CommitmentKind
from app.core.paging import PageQuery
from app.core.schemas import Body, Day, NotNull, PeriodBody
from app.core.vocabulary import Origin

Note = Annotated[str, Field(max_length=400)]


class CommitmentRead(BaseModel):
    """A busy period of a unit, as its own CDMO sees it; nobody else does."""

    id: UUID
    unit_id: UUID
    start: date
    end: date
    kind: CommitmentKind
    note: str | None
    origin: Origin
    version: int


class CommitmentCreate(PeriodBody):
    """A period in which one of one's own units is busy; nothing tells whose work it is."""

    unit_id: UUID
    kind: CommitmentKind = CommitmentKind.OTHER
    note: Note | None = None


class CommitmentUpdate(Body):
    """What may change of a commitment; what is left out stays."""

    start: Annotated[Day | None, NotNull] = None
    end: Annotated[Day | None, NotNull] = None
    kind: Annotated[CommitmentKind | None, NotNull] = None
    note: Note | None = None


class CommitmentFilter(PageQuery):
    """Filters of the list of commitments; all that are given must hold."""

    unit_id: UUID | None = None
    line_id: UUID | None = None
    kind: CommitmentKind | None = None
    start: Day | None = Field(default=None, description="It has a day on or after this one")
    end: Day | None = Field(default=None, description="It has a day before this one")
