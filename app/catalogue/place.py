"""Where a unit stands: its line, its site, and who runs it."""

from datetime import date
from typing import NamedTuple
from uuid import UUID


class UnitPlace(NamedTuple):
    """A unit with the names and identifiers of what it belongs to; `organisation_id` is its CDMO or integrator."""

    unit_id: UUID
    unit_name: str
    line_id: UUID
    line_name: str
    site_id: UUID
    site_name: str
    organisation_id: UUID
    organisation_name: str
    region: str
    country: str
    not_bookable_reason: str | None
    commissioned_on: date | None
    modalities: list[str]
