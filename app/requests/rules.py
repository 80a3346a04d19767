"""What may become of a request, what of it may still change, and what a sound one looks like: pure."""

from collections.abc import Iterator, Mapping
from datetime import date

from app.core.errors import FieldFault
from app.requests.models import FeasibilityState, FeasibilityStatus, RequestStatus
from app.requests.schemas import FeasibilityAnswer, FeasibilityVerdict, Grounds, RequestCreate

TRANSITIONS: Mapping[RequestStatus, frozenset[RequestStatus]] = {
    RequestStatus.DRAFT: frozenset({RequestStatus.SUBMITTED, RequestStatus.BOOKED, RequestStatus.WITHDRAWN}),
    RequestStatus.SUBMITTED: frozenset(
        {
            RequestStatus.OFFERED,
            RequestStatus.BOOKED,
            RequestStatus.WAITLISTED,
            RequestStatus.UNMET,
            RequestStatus.WITHDRAWN,
        }
    ),
    RequestStatus.OFFERED: frozenset(
        {RequestStatus.BOOKED, RequestStatus.SUBMITTED, RequestStatus.WAITLISTED, RequestStatus.UNMET}
    ),
    RequestStatus.WAITLISTED: frozenset(
        {
            RequestStatus.OFFERED,
            RequestStatus.BOOKED,
            RequestStatus.SUBMITTED,
            RequestStatus.UNMET,
            RequestStatus.WITHDRAWN,
        }
    ),
    RequestStatus.UNMET: frozenset(
        {
            RequestStatus.SUBMITTED,
            RequestStatus.OFFERED,
            RequestStatus.BOOKED,
            RequestStatus.WAITLISTED,
            RequestStatus.WITHDRAWN,
        }
    ),
    RequestStatus.BOOKED: frozenset(
        {RequestStatus.FULFILLED, RequestStatus.SUBMITTED, RequestStatus.WAITLISTED, RequestStatus.UNMET}
    ),
    RequestStatus.WITHDRAWN: frozenset(),
    RequestStatus.FULFILLED: frozenset(),
}
"""From a status to those that may follow it; an offer must be declined, and a booking cancelled, to withdraw."""

WAITING = frozenset({RequestStatus.DRAFT, RequestStatus.SUBMITTED, RequestStatus.WAITLISTED, RequestStatus.UNMET})
"""Nothing is offered or booked yet: the owner may change wishes, ask CDMOs, and withdraw."""

JOINING = frozenset({RequestStatus.SUBMITTED, RequestStatus.UNMET})
"""May join the waiting list: submitted, and without a place or an offer."""

WISH = frozenset({"wants_earlier", "earlier_until_on"})
"""What a booked request may still say: that it wants an earlier place than it has."""

TECHNICAL = frozenset(
    {"product_id", "batches", "quantity", "quantity_unit", "volume_min_l", "volume_max_l", "gmp_phase"}
)
"""What a CDMO judges, and a round relies on: settled once submitted or disclosed."""

PRODUCT_TECHNICAL = frozenset({"modality", "platform", "containment"})
"""The same, of a product."""


def feasibility_state(
    status: FeasibilityStatus,
    request_status: RequestStatus,
    valid_until_on: date | None,
    answer_by_on: date | None,
    today: date,
) -> FeasibilityState:
    """Return where a question stands on a day; an answer that has ended counts as missing.

    A question whose request no longer waits has lapsed: nobody needs its answer. The last day of an answer's validity,
    and the day by which it is wanted, are themselves in time.
    """
    if status is not FeasibilityStatus.ASKED:
        ended = valid_until_on is not None and valid_until_on < today
        return FeasibilityState.EXPIRED if ended else FeasibilityState.ANSWERED
    if request_status not in WAITING:
        return FeasibilityState.LAPSED
    late = answer_by_on is not None and answer_by_on < today
    return FeasibilityState.OVERDUE if late else FeasibilityState.OPEN


def request_faults(request: RequestCreate) -> Iterator[FieldFault]:
    """Yield the fields of a request that contradict each other."""
    if (request.batches is None) == (request.quantity is None):
        yield FieldFault("/batches", "give either a number of batches, or a quantity with its unit")
    if (request.quantity is None) != (request.quantity_unit is None):
        yield FieldFault("/quantity_unit", "a quantity and its unit go together")
    low, high = request.volume_min_l, request.volume_max_l
    if low is not None and high is not None and low > high:
        yield FieldFault("/volume_max_l", f"must be at least volume_min_l ({low:g})")
    if request.latest_delivery_on <= request.earliest_on:
        yield FieldFault("/latest_delivery_on", f"must be after earliest_on ({request.earliest_on})")
    if set(request.sites_preferred) & set(request.sites_excluded):
        yield FieldFault("/sites_excluded", "a site cannot be both preferred and excluded")
    yield from grounds_faults(request.grounds)


def grounds_faults(grounds: Grounds) -> Iterator[FieldFault]:
    """Yield what is missing for the grounds claimed to be checked."""
    if (grounds.continuity or grounds.orphan or grounds.unmet_need) and not grounds.evidence:
        yield FieldFault("/grounds/evidence", "a ground for priority needs evidence: say where it can be checked")


def answer_faults(answer: FeasibilityAnswer) -> Iterator[FieldFault]:
    """Yield what an answer on feasibility lacks, or says too much."""
    if (answer.status is FeasibilityVerdict.FEASIBLE_IF) != bool(answer.condition):
        yield FieldFault("/condition", "goes with the status feasible_if, and only with it")
    if (answer.status is FeasibilityVerdict.NOT_FEASIBLE) != (answer.reason_code is not None):
        yield FieldFault("/reason_code", "goes with the status not_feasible, and only with it")
