"""What all request bodies share: no unknown field, bounded text, real periods."""

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.core.model import Period, period

EARLIEST_DAY = date(2000, 1, 1)
LATEST_DAY = date(2100, 1, 1)
MAX_CENTS = 10**13


def _plausible(day: date) -> date:
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise ValueError(f"must lie between {EARLIEST_DAY} and {LATEST_DAY}")
    return day


Day = Annotated[date, AfterValidator(_plausible)]
"""A calendar day at the site."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A short text that is not blank."""

LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
"""A paragraph or two."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,40}$")]
"""A word of a vocabulary that is data."""

Cents = Annotated[int, Field(ge=0, le=MAX_CENTS)]
"""An amount in euro cents."""


class Body(BaseModel):
    """A request body: an unknown field is refused, for it is most often a misspelt one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class PeriodBody(Body):
    """A body with a half-open period [start, end) of whole days."""

    start: Day = Field(description="First day, included")
    end: Day = Field(description="Day after the last one: the period is half-open")

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end ({self.end}) must be after start ({self.start})")
        return self

    @property
    def period(self) -> Period:
        """The period as the database keeps it."""
        return period(self.start, self.end)
