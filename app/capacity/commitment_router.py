"""Commitments over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from app.capacity import commitments
from app.capacity.commitment_schemas import CommitmentCreate, CommitmentFilter, CommitmentRead, CommitmentUpdate
from app.capacity.models import Commitment
from app.capacity.occupancy import span_of
from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match, if_match_given
from app.identity.dependencies import ONCE, CurrentActor

router = ApiRouter(prefix="/v1/commitments", tags=["capacity"])


def _read(row: Commitment) -> CommitmentRead:
    span = span_of(row.period)
    return CommitmentRead(**row.model_dump(exclude={"period"}), start=span.start_on, end=span.end_on)


@router.get("", summary="List one's own commitments")
async def list_commitments(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[CommitmentFilter, Query()]
) -> Page[CommitmentRead]:
    """When one's own units are busy with work that is not booked here, by the first day; nobody else sees them."""
    rows, cursor = await commitments.list_commitments(session, actor, query)
    return Page(items=[_read(row) for row in rows], next=next_url(request, cursor))


@router.get("/{commitment_id}", summary="Read one commitment")
async def get_commitment(session: DbSession, actor: CurrentActor, commitment_id: UUID) -> CommitmentRead:
    """One commitment of one's own."""
    return _read(await commitments.get_commitment(session, actor, commitment_id))


@router.post("", status_code=201, summary="Add a commitment", dependencies=[ONCE])
async def create_commitment(session: DbSession, actor: CurrentActor, command: CommitmentCreate) -> CommitmentRead:
    """A CDMO or an integrator says that one of its units is busy; it need not say whose work it is.

    Refused where a published slot is in the way: the answer names it.
    """
    return _read(await commitments.create_commitment(session, actor, command))


@router.patch("/{commitment_id}", summary="Change a commitment", dependencies=[if_match("commitment_id")])
async def update_commitment(
    session: DbSession, actor: CurrentActor, commitment_id: UUID, command: CommitmentUpdate
) -> CommitmentRead:
    """Its own people change a commitment; what is left out stays."""
    return _read(await commitments.update_commitment(session, actor, commitment_id, command))


@router.delete(
    "/{commitment_id}", status_code=204, summary="Remove a commitment", dependencies=[if_match_given("commitment_id")]
)
async def delete_commitment(session: DbSession, actor: CurrentActor, commitment_id: UUID) -> Response:
    """Its own people remove a commitment."""
    await commitments.delete_commitment(session, actor, commitment_id)
    return Response(status_code=204)
