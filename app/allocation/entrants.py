"""The requests in a round: enrolled when it closes, planned with the priority they were given then."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import repository
from app.allocation.models import Round, RoundRequest
from app.allocation.planner import Entry
from app.allocation.policy import RoundPolicy
from app.audit.author import Author
from app.audit.service import record_all
from app.requests.facts import priorities, request_facts
from app.requests.models import RequestStatus
from app.requests.progress import move_request

OPEN_TO_OFFERS = frozenset({RequestStatus.SUBMITTED, RequestStatus.WAITLISTED, RequestStatus.UNMET})
"""A request in another status has been withdrawn, or has found a place, since the round closed."""


async def enrol(session: AsyncSession, author: Author, row: Round, policy: RoundPolicy) -> None:
    """Let every waiting request in a round's scope take part, with tier and points as of the round's date."""
    waiting = await repository.requests_in_scope(session, row)
    found = await priorities(session, waiting, row.as_of_on, policy.priority)
    entries = [
        RoundRequest(
            round_id=row.id,
            request_id=request_id,
            tier=found[request_id].tier,
            points=found[request_id].points,
            derivation=found[request_id].as_document(),
        )
        for request_id in waiting
    ]
    session.add_all(entries)
    await record_all(session, author, "round_request.enrolled", entries)


async def entries_to_plan(reading: AsyncSession, row: Round) -> list[Entry]:
    """Return the requests of a round that still wait, first submitted first, with what matching needs to know."""
    rows = [
        (entry, request)
        for entry, request in await repository.entries_of(reading, row.id)
        if request.status in OPEN_TO_OFFERS
    ]
    facts = await request_facts(reading, [request.id for _, request in rows])
    return [Entry(facts[request.id], entry.tier, entry.points) for entry, request in rows]


async def move(
    session: AsyncSession, author: Author, request_id: UUID, status: RequestStatus, *, reason_code: str
) -> None:
    """Move a request on to the status that a round's publication gives it."""
    request = await repository.lock_request(session, request_id)
    await move_request(session, author, request, status, reason_code=reason_code)


async def end_offer(
    session: AsyncSession, author: Author, request_id: UUID, status: RequestStatus, *, reason_code: str
) -> None:
    """Move a request on from its offer; one that has found another place meanwhile stays as it is."""
    request = await repository.lock_request(session, request_id)
    if request.status is RequestStatus.OFFERED:
        await move_request(session, author, request, status, reason_code=reason_code)
