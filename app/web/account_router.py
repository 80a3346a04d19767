"""Pages of one's own account: who one is, where one is signed in, and signing out."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from app.core.driver import driver_of
from app.core.http import DbSession
from app.core.paging import MAX_LIMIT, PageQuery
from app.identity import own_sessions, people
from app.identity.actor import Actor
from app.identity.browser import SESSION, Cookies
from app.identity.dependencies import permitted_person
from app.identity.secrets_of_browsers import FORM, derived
from app.web.pages import PageRouter, SignInFirst, go_to, page

router = PageRouter(prefix="/account")


async def _page_actor(request: Request, session: DbSession) -> Actor:
    actor = await permitted_person(request, await driver_of(session))
    if actor is None:
        raise SignInFirst
    return actor


PageActor = Annotated[Actor, Depends(_page_actor, scope="function")]
"""The person who is signed in; a form comes with the token of its page. Anybody else is sent to sign in."""


@router.get("")
async def account(request: Request, session: DbSession, actor: PageActor) -> Response:
    """Show who is signed in, and where."""
    cookies: Cookies = request.app.state.cookies
    person, organisation = await people.whoami(session, actor)
    idle: int = request.app.state.settings.session_idle_minutes
    rows, _ = await own_sessions.list_sessions(session, actor, None, PageQuery(limit=MAX_LIMIT), idle_minutes=idle)
    return page(
        request,
        "account.html",
        person=person,
        organisation=organisation,
        sessions=rows,
        current_id=actor.session_id,
        csrf_token=derived(cookies.read(request, SESSION) or "", FORM),
    )


@router.post("/sign-out")
async def sign_out(request: Request, session: DbSession, actor: PageActor) -> Response:
    """End this session."""
    assert actor.session_id is not None  # noqa: S101 - whoever is signed in is so by one
    await own_sessions.end_session(session, actor, actor.session_id)
    return _out(request)


@router.post("/sign-out-everywhere")
async def sign_out_everywhere(request: Request, session: DbSession, actor: PageActor) -> Response:
    """End every session of this person."""
    await own_sessions.end_all(session, actor, None)
    return _out(request)


@router.post("/sessions/{session_id}/end")
async def end_session(session: DbSession, actor: PageActor, session_id: UUID) -> Response:
    """End another session."""
    await own_sessions.end_session(session, actor, session_id)
    return go_to("/account")


def _out(request: Request) -> Response:
    answer = go_to("/sign-in")
    cookies: Cookies = request.app.state.cookies
    cookies.clear(answer, SESSION)
    return answer
