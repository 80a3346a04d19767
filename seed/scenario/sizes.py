"""Sizes of scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SizeName(StrEnum):
    """What a scenario is for."""

    DEMO = "demo"
    NATIONAL = "national"
    CONTESTED = "contested"
    EUROPE = "europe"


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is.

    Attributes
    ----------
    lines
        Production lines in all; what the catalogue lacks is made up.
    startups
        Start-ups made up beside the real companies.
    requests
        Submitted requests that wait for a place.
    partner_share
        Share of the made-up lines and start-ups that are outside France.
    published_share
        Share of a unit's days that its CDMO publishes as slots.
    booked_share
        Probability that a piece of an open slot is already booked.
    """

    name: SizeName
    lines: int
    startups: int
    requests: int
    partner_share: float
    published_share: float
    booked_share: float


SIZES = {
    size.name: size
    for size in (
        Size(SizeName.DEMO, 82, 0, 61, 0.0, 0.34, 0.4),
        Size(SizeName.NATIONAL, 160, 120, 600, 0.0, 0.75, 0.25),
        Size(SizeName.CONTESTED, 160, 150, 1_200, 0.0, 0.75, 0.2),
        Size(SizeName.EUROPE, 600, 600, 4_500, 0.7, 0.75, 0.2),
    )
}
