"""A request's place on the waiting list: since when, and the wish of a booked one for an earlier place.

A booked one without that wish waits still if it was on the list, and its CDMO has yet to approve its place. So it does
where it has nothing but an offer of the list, because the later place that it had has ended. To leave a round's place
before it is approved ends the waiting, as declining it would have; to leave any other does not.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.errors import Invalid, StateConflict
from app.requests.models import Request, RequestStatus
from app.requests.schemas import RequestUpdate


def keep_waiting(request: Request, *, unapproved: bool = False) -> None:
    """Set what follows for the waiting list from a request's new status.

    An offer does not end the time that it has waited, a place or its leaving does; a wish ends with the place.

    Parameters
    ----------
    unapproved
        Its place is none before its CDMO has approved it.
    """
    if request.status is RequestStatus.WAITLISTED:
        request.waiting_since_at = request.waiting_since_at or now()
    elif request.status is not RequestStatus.OFFERED and not unapproved:
        request.waiting_since_at = None
    request.wants_earlier, request.earlier_until_on = False, None


def awaits_approval(request: Request) -> bool:
    """Tell whether all that a request on the list has is yet to be accepted or approved: refused, it waits on."""
    booked = request.status is RequestStatus.BOOKED
    return booked and request.waiting_since_at is not None and not request.wants_earlier


def status_without_place(request: Request) -> RequestStatus:
    """Return what becomes of a booked request that has lost its place."""
    return RequestStatus.WAITLISTED if awaits_approval(request) else RequestStatus.SUBMITTED


async def change_wish(session: AsyncSession, author: Author, request: Request, command: RequestUpdate) -> None:
    """Let a booked request wait, or no longer wait, for an earlier place than it has.

    Raises
    ------
    StateConflict
        If it is not booked, or its place is not approved, and so it has no place to be earlier than.
    Invalid
        If a last day is given without the wish.
    """
    given = command.model_fields_set
    wants = bool(command.wants_earlier) if "wants_earlier" in given else request.wants_earlier
    if wants and request.status is not RequestStatus.BOOKED:
        raise StateConflict(
            f"The request is {request.status.value}: only one that is booked can want an earlier place than it has.",
            facts={"request_status": request.status.value},
        )
    if wants and awaits_approval(request):
        raise StateConflict(
            "This place is yet to be accepted, or approved by its CDMO: until then the request waits for any, since "
            "when it did before.",
            facts={"request_status": request.status.value},
        )
    until_on = command.earlier_until_on if "earlier_until_on" in given else request.earlier_until_on
    if not wants and "earlier_until_on" in given and until_on is not None:
        raise Invalid.field("earlier_until_on", "goes with wants_earlier, and only with it")
    before = snapshot(request)
    if wants and not request.wants_earlier:
        request.waiting_since_at = now()
    if request.wants_earlier and not wants:
        request.waiting_since_at = None
    request.wants_earlier, request.earlier_until_on = wants, until_on if wants else None
    await record(session, author, "request.wish_changed", request, before=before)


async def end_waiting(session: AsyncSession, author: Author, request: Request) -> None:
    """Take a locked request off the list whose place has been approved, if it waited for that."""
    if not awaits_approval(request):
        return
    before = snapshot(request)
    request.waiting_since_at = None
    await record(session, author, "request.waiting_ended", request, before=before)


async def end_wish(
    session: AsyncSession, author: Author, request: Request, reason_code: str, *, unapproved: bool = False
) -> None:
    """End the wish of a locked request for an earlier place, if it has one.

    Parameters
    ----------
    unapproved
        It has lost the later place, and the list has given it an earlier one that is yet to be accepted or approved.
    """
    if not request.wants_earlier:
        return
    before = snapshot(request)
    request.wants_earlier, request.earlier_until_on = False, None
    if not unapproved:
        request.waiting_since_at = None
    await record(session, author, "request.wish_ended", request, before=before, reason_code=reason_code)
