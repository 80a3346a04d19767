"""Invitations over HTTP."""

from uuid import UUID

from fastapi import Request, Response

from app.core.http import DbSession, Paging, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match_given
from app.identity import invitations
from app.identity.arrivals import status_of
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor
from app.identity.people_schemas import InvitationCreate, InvitationRead
from app.identity.sign_in_models import Invitation

router = ApiRouter(prefix="/v1/invitations", tags=["people"])


def _read(row: Invitation) -> InvitationRead:
    return InvitationRead(**row.model_dump(), status=status_of(row))


@router.get("", summary="List invitations")
async def list_invitations(
    request: Request, session: DbSession, actor: CurrentActor, query: Paging
) -> Page[InvitationRead]:
    """All invitations into one's own organisation, those that are over too; the coordinator sees all."""
    rows, cursor = await invitations.list_invitations(session, actor, query)
    return Page(items=[_read(row) for row in rows], next=next_url(request, cursor))


@router.get("/{invitation_id}", summary="Read one invitation")
async def get_invitation(session: DbSession, actor: CurrentActor, invitation_id: UUID) -> InvitationRead:
    """One invitation, without the link, which is in its mail and nowhere else."""
    return _read(await invitations.get_invitation(session, actor, invitation_id))


@router.post("", status_code=201, summary="Invite somebody", dependencies=[ONCE_IF_ASKED])
async def invite(
    request: Request, session: DbSession, actor: CurrentActor, command: InvitationCreate
) -> InvitationRead:
    """Whoever has the address may come in, once, by the link that is mailed to it, or at the issuer.

    In one's own role, into one's own organisation; an administrator may give any role that belongs to an organisation,
    the coordinator that of the people of start-ups, makers and observers. A second invitation of the same address
    withdraws the first.
    """
    return _read(await invitations.invite(session, actor, command, request.app.state.settings))


@router.delete(
    "/{invitation_id}",
    status_code=204,
    summary="Withdraw an invitation",
    dependencies=[if_match_given("invitation_id")],
)
async def withdraw(session: DbSession, actor: CurrentActor, invitation_id: UUID) -> Response:
    """Nobody comes in by it any more; it stays in the list."""
    await invitations.withdraw(session, actor, invitation_id)
    return Response(status_code=204)
