"""Sessions over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.problem_docs import refused
from app.core.routing import ApiRouter
from app.identity import own_sessions
from app.identity.actor import Actor
from app.identity.dependencies import CurrentActor
from app.identity.people_schemas import Ended, SessionFilter, SessionRead
from app.identity.sign_in_models import PersonSession

router = ApiRouter(prefix="/v1/sessions", tags=["people"])

PersonId = Annotated[UUID | None, Query(description="Whose; one's own if left out")]


def _read(row: PersonSession, actor: Actor) -> SessionRead:
    return SessionRead(**row.model_dump(), is_current=row.id == actor.session_id)


@router.get("", summary="List sessions", responses=refused(HTTPStatus.NOT_FOUND))
async def list_sessions(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[SessionFilter, Query()]
) -> Page[SessionRead]:
    """Where one is signed in, or where a person is whom one may put out; those that have ended are left out."""
    idle: int = request.app.state.settings.session_idle_minutes
    rows, cursor = await own_sessions.list_sessions(session, actor, query.person_id, query, idle_minutes=idle)
    return Page(items=[_read(row, actor) for row in rows], next=next_url(request, cursor))


@router.delete("/{session_id}", status_code=204, summary="End a session")
async def end_session(session: DbSession, actor: CurrentActor, session_id: UUID) -> Response:
    """It opens nothing any more, a second later at most."""
    await own_sessions.end_session(session, actor, session_id)
    return Response(status_code=204)


@router.delete("", summary="Sign out everywhere", responses=refused(HTTPStatus.NOT_FOUND))
async def end_all(session: DbSession, actor: CurrentActor, person_id: PersonId = None) -> Ended:
    """Every session of a person ends, this one too; keys stay."""
    return Ended(ended=await own_sessions.end_all(session, actor, person_id))
