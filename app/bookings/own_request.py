"""The request that a booking straight from the search makes by itself."""

from app.bookings.schemas import BookingCreate
from app.capacity.supply import UnitFacts
from app.core.errors import FieldFault, Invalid
from app.core.schemas import LATEST_DAY
from app.core.vocabulary import GmpPhase
from app.matching.campaign import production_days, shift
from app.requests.models import Product
from app.requests.schemas import RequestCreate

PHASES = (GmpPhase.PHASE_1, GmpPhase.PHASE_2, GmpPhase.PHASE_3, GmpPhase.COMMERCIAL)
DESCRIPTION = (
    "batches",
    "gmp_phase",
    "volume_min_l",
    "volume_max_l",
    "latest_delivery_on",
    "budget_cents",
    "accepts_europe",
    "accepts_recallable",
)
"""What describes a request, and is said only where there is none yet."""


def refuse_contradictions(command: BookingCreate) -> None:
    """Let pass a hold for one request, or for one product with its description.

    Raises
    ------
    Invalid
        If both or neither is given, or if a request is described again.
    """
    if (command.request_id is None) == (command.product_id is None):
        raise Invalid.field("request_id", "give either request_id, or product_id, whose request is then made by itself")
    if command.request_id is None:
        return
    faults = [
        FieldFault(f"/{name}", "goes with product_id; the request says it already")
        for name in DESCRIPTION
        if getattr(command, name) is not None
    ]
    if faults:
        raise Invalid("The request says this already: leave it out.", faults=faults)


def describe(command: BookingCreate, product: Product, unit: UnitFacts) -> RequestCreate:
    """Return the request for a product that a start on a unit implies.

    Its latest delivery, unless given, is what this start leads to, with an engineering batch where the line asks one.
    """
    batches = command.batches or 1
    return RequestCreate(
        product_id=product.id,
        batches=batches,
        gmp_phase=command.gmp_phase or first_phase(unit),
        volume_min_l=command.volume_min_l,
        volume_max_l=command.volume_max_l,
        earliest_on=command.start,
        latest_delivery_on=command.latest_delivery_on
        or min(shift(command.start, _days_to_delivery(product, unit, batches)), LATEST_DAY),
        budget_cents=command.budget_cents,
        accepts_europe=bool(command.accepts_europe),
        accepts_recallable=bool(command.accepts_recallable),
    )


def first_phase(unit: UnitFacts) -> GmpPhase:
    """Return the first clinical phase that a line makes and its site is authorised for; phase 1 where none is known."""
    made = set(unit.gmp_phases) & set(unit.site_gmp_phases or unit.gmp_phases)
    return next((phase for phase in PHASES if phase.value in made), GmpPhase.PHASE_1)


def _days_to_delivery(product: Product, unit: UnitFacts, batches: int) -> int:
    terms = unit.terms.get(product.modality)
    return production_days(unit, batches, int(unit.engineering_batch_required)) + (terms.release_days if terms else 0)
