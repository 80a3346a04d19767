"""People over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.problem_docs import refused
from app.core.routing import ApiRouter, if_match
from app.identity import people
from app.identity.browser import SESSION, Cookies
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor
from app.identity.people_schemas import MeRead, OwnOrganisation, PeopleFilter, PersonRead, PersonUpdate
from app.identity.secrets_of_browsers import FORM, derived

router = ApiRouter(prefix="/v1", tags=["people"])


@router.get("/me", summary="Who am I?")
async def me(request: Request, session: DbSession, actor: CurrentActor) -> MeRead:
    """Who acts in this request, for whom, in which role; and in a browser, the token that changes need."""
    person, organisation = await people.whoami(session, actor)
    cookies: Cookies = request.app.state.cookies
    secret = cookies.read(request, SESSION) if actor.session_id is not None else None
    return MeRead(
        person=None if person is None else PersonRead.model_validate(person),
        organisation=OwnOrganisation.model_validate(organisation),
        role=actor.role,
        scopes=sorted(actor.scopes),
        api_key_id=actor.api_key_id,
        session_id=actor.session_id,
        csrf_token=None if secret is None else derived(secret, FORM),
    )


@router.get("/people", summary="List people", responses=refused(HTTPStatus.NOT_FOUND))
async def list_people(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[PeopleFilter, Query()]
) -> Page[PersonRead]:
    """The people of one's own organisation, those who have left too; the coordinator may look at all."""
    rows, cursor = await people.list_people(session, actor, query)
    return Page(items=[PersonRead.model_validate(row) for row in rows], next=next_url(request, cursor))


@router.get("/people/{person_id}", summary="Read one person")
async def get_person(session: DbSession, actor: CurrentActor, person_id: UUID) -> PersonRead:
    """A person of one's own organisation; the coordinator may look at any."""
    return PersonRead.model_validate(await people.get_person(session, actor, person_id))


@router.patch("/people/{person_id}", summary="Change a person", dependencies=[if_match("person_id")])
async def update_person(session: DbSession, actor: CurrentActor, person_id: UUID, command: PersonUpdate) -> PersonRead:
    """One's own name, or that of somebody whom one may put out; a role, by who may give both, the old and the new one.

    Keys in the person's hands that are of the old role are revoked. The last active coordinator, and the last active
    person of the authority, stay what they are.
    """
    return PersonRead.model_validate(await people.update_person(session, actor, person_id, command))


@router.post(
    "/people/{person_id}/deactivate",
    summary="Put a person out, or leave",
    dependencies=[ONCE_IF_ASKED, if_match("person_id")],
)
async def deactivate_person(session: DbSession, actor: CurrentActor, person_id: UUID) -> PersonRead:
    """They can do nothing here any more, a second later at most: sessions end, keys in their hands are revoked.

    Everybody may leave. Who may give a role may put out who has it: colleagues in the same role, an administrator, and
    the coordinator for start-ups, makers and observers. What the person did stays, in the audit trail too. The last
    active coordinator, and the last active person of the authority, must invite another first.
    """
    return PersonRead.model_validate(await people.deactivate_person(session, actor, person_id))


@router.post(
    "/people/{person_id}/reactivate",
    summary="Let a person back in",
    dependencies=[ONCE_IF_ASKED, if_match("person_id")],
)
async def reactivate_person(session: DbSession, actor: CurrentActor, person_id: UUID) -> PersonRead:
    """They may sign in again; keys that were revoked stay so."""
    return PersonRead.model_validate(await people.reactivate_person(session, actor, person_id))
