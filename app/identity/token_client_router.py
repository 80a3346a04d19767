"""Clients of the issuer of access tokens over HTTP."""

from uuid import UUID

from fastapi import Request

from app.core.http import DbSession, Paging, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.identity import token_clients
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor
from app.identity.token_client_schemas import TokenClientCreate, TokenClientRead

router = ApiRouter(prefix="/v1/token-clients", tags=["keys"])


@router.get("", summary="List clients of the issuer")
async def list_clients(
    request: Request, session: DbSession, actor: CurrentActor, query: Paging
) -> Page[TokenClientRead]:
    """Whose access tokens act for one's own organisation, or did; all of them for the coordinator."""
    rows, cursor = await token_clients.list_clients(session, actor, query)
    return Page(items=[TokenClientRead.model_validate(row) for row in rows], next=next_url(request, cursor))


@router.get("/{token_client_id}", summary="Read one client of the issuer")
async def get_client(session: DbSession, actor: CurrentActor, token_client_id: UUID) -> TokenClientRead:
    """One client whose tokens act, or acted, for one's own organisation."""
    return TokenClientRead.model_validate(await token_clients.get_client(session, actor, token_client_id))


@router.post("", status_code=201, summary="Let a client of the issuer act", dependencies=[ONCE_IF_ASKED])
async def add_client(
    request: Request, session: DbSession, actor: CurrentActor, command: TokenClientCreate
) -> TokenClientRead:
    """The coordinator says for which organisation, in which role and with which scopes a client's tokens act.

    The issuer is the one that this service is set up with. Nothing of that is ever taken from a token.
    """
    issuer: str | None = request.app.state.settings.jwt_issuer
    return TokenClientRead.model_validate(await token_clients.add_client(session, actor, command, issuer=issuer))


@router.post(
    "/{token_client_id}/revoke",
    summary="Revoke a client of the issuer",
    dependencies=[ONCE_IF_ASKED, if_match("token_client_id")],
)
async def revoke_client(session: DbSession, actor: CurrentActor, token_client_id: UUID) -> TokenClientRead:
    """Its tokens act for nobody any more, a second later at most; the organisation that it acts for may do so too."""
    return TokenClientRead.model_validate(await token_clients.revoke_client(session, actor, token_client_id))
