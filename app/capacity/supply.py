"""What the rest of the service reasons about: plain facts of units and of their slots, free of any database or web."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import UUID

from app.core.vocabulary import Basis, Origin, Reserve


class Span(NamedTuple):
    """Whole days, half-open: [start_on, end_on)."""

    start_on: date
    end_on: date

    @property
    def days(self) -> int:
        """How many days it lasts."""
        return (self.end_on - self.start_on).days


class Claim(NamedTuple):
    """A live booking as its slot sees it: when, under which reserve's rules, and whether on loan; not whose it is."""

    period: Span
    reserve: Reserve
    lent: bool = False


@dataclass(frozen=True, slots=True)
class ModalityTerms:
    """What a line takes for one modality; None in a figure means: unknown."""

    modality: str
    release_days: int
    price_cents: int | None = None
    yield_per_batch: float | None = None
    yield_unit: str | None = None
    is_standard: bool = False
    basis: Basis = Basis.ILLUSTRATIVE


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """One unit with what matters of its line and site.

    A list that is empty, or that holds `unknown` beside nothing that fits, is unknown. `site_modalities` and
    `site_gmp_phases` are the authorisation scope; an empty one adds nothing to what the line says.
    `cdmo_cancellation_percent` is the share of its price that the CDMO owes for a confirmed booking that it cancels.
    """

    unit_id: UUID
    line_id: UUID
    site_id: UUID
    organisation_id: UUID
    first_batch_days: int
    unit_name: str = ""
    line_name: str = ""
    site_name: str = ""
    country: str = "FR"
    region: str = ""
    modalities: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    gmp_phases: tuple[str, ...] = ()
    containment: tuple[str, ...] = ()
    site_modalities: tuple[str, ...] = ()
    site_gmp_phases: tuple[str, ...] = ()
    working_volume_l: float | None = None
    batches_in_parallel: int = 1
    cadence_days: int | None = None
    changeover_days: int = 0
    transfer_days: int = 0
    engineering_batch_required: bool = False
    commissioned_on: date | None = None
    not_bookable_reason: str | None = None
    continuity_at_risk: bool = False
    cdmo_cancellation_percent: int = 0
    gmp_certificate_until_on: date | None = None
    origin: Origin = Origin.REAL
    terms: Mapping[str, ModalityTerms] = field(default_factory=dict)
    """By modality."""


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """One published slot of a unit, and what already occupies it.

    Attributes
    ----------
    releases_on
        From this day on an unbooked start-up slot counts as open.
    price_cents
        Price of a batch in this slot, in place of the line's.
    capped_price_cents
        The most that its agreement lets a French start-up pay for a batch in the start-up reserve.
    busy
        Occupied periods inside the slot, in any order.
    """

    slot_id: UUID
    unit_id: UUID
    period: Span
    reserve: Reserve = Reserve.OPEN
    releases_on: date | None = None
    lendable: bool = False
    recall_notice_days: int | None = None
    max_lent_days: int | None = None
    divisible: bool = True
    instant: bool = False
    price_cents: int | None = None
    capped_price_cents: int | None = None
    origin: Origin = Origin.REAL
    busy: tuple[Span, ...] = ()
