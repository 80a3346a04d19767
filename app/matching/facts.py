"""What matching reasons about: plain facts of a request, and those of units and slots, free of any database or web."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from app.capacity.supply import ModalityTerms, SlotFacts, Span, UnitFacts
from app.core.vocabulary import GmpPhase


@dataclass(frozen=True, slots=True)
class QualificationFacts:
    """A product is established at a site: the transfer is done.

    Attributes
    ----------
    volume_l
        The scale up to which it holds; None when it holds at any scale of the site.
    engineered
        An engineering run or a released lot exists, so that no further engineering batch is due.
    """

    site_id: UUID
    volume_l: float | None = None
    engineered: bool = False


@dataclass(frozen=True, slots=True)
class FeasibilityFacts:
    """What the CDMO said of the request on one line.

    Attributes
    ----------
    feasible
        None while the CDMO has not answered; True also where it set a condition.
    condition
        What must be met, where the answer is "feasible if".
    refusal_code
        Why it is not feasible, where the answer is no.
    valid_until_on
        Last day on which the answer holds; None when it does not end.
    """

    line_id: UUID
    feasible: bool | None
    condition: str | None = None
    refusal_code: str | None = None
    valid_until_on: date | None = None


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is asked, by whom, and what is already known of its product.

    Exactly one of `batches` and `quantity` is given. `latest_delivery_on` is the last day of delivery, itself
    included. None in `volume_min_l`, `volume_max_l`, `platform` or `budget_cents` means: not asked.
    """

    request_id: UUID
    organisation_id: UUID
    modality: str
    gmp_phase: GmpPhase
    earliest_on: date
    latest_delivery_on: date
    product_id: UUID | None = None
    country: str = "FR"
    region: str | None = None
    french_startup: bool = False
    platform: str | None = None
    containment: tuple[str, ...] = ()
    batches: int | None = None
    quantity: float | None = None
    quantity_unit: str | None = None
    volume_min_l: float | None = None
    volume_max_l: float | None = None
    budget_cents: int | None = None
    sites_preferred: tuple[UUID, ...] = ()
    sites_excluded: frozenset[UUID] = frozenset()
    accepts_europe: bool = False
    accepts_recallable: bool = False
    qualifications: tuple[QualificationFacts, ...] = ()
    feasibilities: Mapping[UUID, FeasibilityFacts] = field(default_factory=dict)
    """By line."""


__all__ = [
    "FeasibilityFacts",
    "ModalityTerms",
    "QualificationFacts",
    "RequestFacts",
    "SlotFacts",
    "Span",
    "UnitFacts",
]
