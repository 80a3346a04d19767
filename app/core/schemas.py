"""What all request bodies share: no unknown field, bounded text, real periods."""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from app.core.model import Period, period
from app.core.paging import storable

EARLIEST_DAY = date(2000, 1, 1)
LATEST_DAY = date(2100, 1, 1)
EARLIEST_INSTANT, LATEST_INSTANT = (
    datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (EARLIEST_DAY, LATEST_DAY)
)
MAX_CENTS = 10**13


def _plausible(day: date) -> date:
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise ValueError(f"must lie between {EARLIEST_DAY} and {LATEST_DAY}")
    return day


Day = Annotated[date, AfterValidator(_plausible)]
"""A calendar day at the site."""


def _plausible_instant(value: datetime) -> datetime:
    # Compared first: at the ends of the calendar another time zone has no date.
    if not EARLIEST_INSTANT <= value <= LATEST_INSTANT:
        raise ValueError(f"must lie between {EARLIEST_DAY} and {LATEST_DAY}")
    return value


Instant = Annotated[AwareDatetime, AfterValidator(_plausible_instant)]
"""A moment, with its offset from UTC."""

_NOT_OF_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Controls, ends of lines and paragraphs, and what turns the direction of writing: a reader sees another text."""


def one_line(text: str) -> str:
    """Return a text of one line.

    Raises
    ------
    ValueError
        If it holds a character that ends a line, controls a terminal or turns the direction of writing.
    """
    if found := _NOT_OF_A_LINE.search(text):
        raise ValueError(
            f"must not contain the character U+{ord(found[0]):04X}: it must be one line, without controls and without"
            " marks of the direction of writing"
        )
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(one_line)]
"""A short text of one line that is not blank."""

LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
"""A paragraph or two."""

CODE_PATTERN = r"^[A-Za-z0-9_]{1,40}$"
CODE_RULE = (
    "must be a code of 1 to 40 letters, digits and underscores, such as `monoclonal_antibody`; "
    "`GET /v1/modalities` lists those of modalities"
)

Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN)]
"""A word of a vocabulary that is data."""


def _given(value: object) -> object:
    if value is None:
        raise ValueError("may be left out, but not null")
    return value


NotNull = AfterValidator(_given)
"""For a field of a partial update: left out, it stays; null is refused, for the thing has always a value."""

Cents = Annotated[int, Field(ge=0, le=MAX_CENTS)]
"""An amount in euro cents."""


SHOWN_ONCE = "x-shown-once"
"""Marks a field of an answer that is kept nowhere: where the answer is given again, it is null."""


class Body(BaseModel):
    """A request body: an unknown field is refused, for it is most often a misspelt one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    _storable = field_validator("*")(storable)


class Days(BaseModel):
    """A half-open period [start, end) of whole days, as answers show it."""

    start: date = Field(description="First day, included")
    end: date = Field(description="Day after the last one: the period is half-open")


class PeriodBody(Body):
    """A body with a half-open period [start, end) of whole days."""

    start: Day = Field(description="First day, included")
    end: Day = Field(description="Day after the last one: the period is half-open")

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: date, others: ValidationInfo) -> date:
        start = others.data.get("start")
        if start is not None and end <= start:
            raise ValueError(f"end ({end}) must be after start ({start})")
        return end

    @property
    def period(self) -> Period:
        """The period as the database keeps it."""
        return period(self.start, self.end)
