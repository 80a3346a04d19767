"""A request moves on from one status to the next, by its owner, by rounds and by bookings; its priority with it."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.core.clock import now, today
from app.core.errors import StateConflict
from app.requests.facts import priorities
from app.requests.models import Request, RequestStatus
from app.requests.priority import Priority
from app.requests.rules import TRANSITIONS
from app.requests.waiting import keep_waiting


async def move_request(
    session: AsyncSession,
    author: Author,
    request: Request,
    status: RequestStatus,
    *,
    reason_code: str | None = None,
    unapproved: bool = False,
) -> Request:
    """Move a request on to another status; nothing happens if it has that status already.

    Parameters
    ----------
    unapproved
        Its place is yet to be approved by its CDMO.

    Raises
    ------
    StateConflict
        If the table of transitions does not hold this one.
    """
    if request.status is status:
        return request
    if status not in TRANSITIONS[request.status]:
        raise wrong_status(request, status)
    before = snapshot(request)
    request.status = status
    keep_waiting(request, unapproved=unapproved)
    if status is not RequestStatus.WITHDRAWN and request.submitted_at is None:
        request.submitted_at = now()
        await derive_priority(session, request)
    await record(session, author, f"request.{status.value}", request, before=before, reason_code=reason_code)
    return request


def wrong_status(request: Request, status: RequestStatus) -> StateConflict:
    """Return the error for a change of status that the table of transitions does not hold, with those that it does."""
    allowed = sorted(TRANSITIONS[request.status])
    if request.status is RequestStatus.DRAFT:
        advice = f"Submit it first: `POST /v1/requests/{request.id}/submit`."
    else:
        advice = f"It can become {', '.join(allowed)}." if allowed else "Nothing more becomes of it."
    return StateConflict(
        f"The request is {request.status.value}: it cannot become {status.value}. {advice}",
        facts={"request_status": request.status.value, "allowed": allowed},
    )


async def derive_priority(session: AsyncSession, request: Request) -> None:
    """Set a request's tier, points and their derivation as of today."""
    await session.flush()
    prioritise(request, (await priorities(session, [request.id], today()))[request.id])


def prioritise(request: Request, priority: Priority) -> None:
    """Set a request's tier, points and their derivation."""
    request.priority_tier, request.priority_points = priority.tier, priority.points
    request.priority_grounds = {**request.priority_grounds, "derivation": priority.as_document()}
