"""What is about to go: said once, where it is declared, and told in the description and in every answer.

An operation: ``@router.get("/v1/old", **deprecated(NOTICE))``. A query parameter:
``old: Annotated[str | None, deprecated_query(NOTICE)] = None``, told to whoever still uses it.

Source: RFC 9745 (`Deprecation`, and the link relation of that name), RFC 8594 (`Sunset`).
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, TypedDict

from fastapi import Depends, Query
from fastapi.params import Depends as Dependency
from pydantic import AfterValidator

from app.core.request_context import notes


@dataclass(frozen=True, slots=True)
class Notice:
    """A deprecation.

    Attributes
    ----------
    since
        When it is, or was, deprecated; in UTC.
    documentation
        Address of what clients should read.
    sunset
        When it will stop working, if that is known; in UTC, and not before `since`.
    """

    since: datetime
    documentation: str
    sunset: datetime | None = None

    def __post_init__(self) -> None:
        if self.sunset is not None and self.sunset < self.since:
            raise ValueError(f"the sunset ({self.sunset}) is before the deprecation ({self.since})")

    def announce(self) -> None:
        """Put the notice on the answer to the request under way."""
        noted = notes()
        noted.answer_with("Deprecation", f"@{int(self.since.timestamp())}")
        noted.answer_with("Link", f'<{self.documentation}>; rel="deprecation"; type="text/html"')
        if self.sunset is not None:
            noted.answer_with("Sunset", format_datetime(self.sunset, usegmt=True))


class _Marked(TypedDict):
    deprecated: bool
    dependencies: list[Dependency]


def deprecated(notice: Notice) -> _Marked:
    """Return the arguments of a route that mark its operation as deprecated."""

    async def announce() -> None:
        notice.announce()

    return {"deprecated": True, "dependencies": [Depends(announce)]}


def deprecated_query(notice: Notice, **options: Any) -> Any:
    """Return what annotates a query parameter as deprecated; options are those of FastAPI's `Query`."""

    def announce(value: object) -> object:
        notice.announce()
        return value

    field = Query(deprecated=True, **options)
    field.metadata.append(AfterValidator(announce))
    return field
