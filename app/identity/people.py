"""People: seen by their organisation and the coordinator, changed, deactivated and let back in by who may."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.core.clock import now
from app.core.errors import Invalid, NotAllowed, NotFound, StateConflict
from app.core.preconditions import Stale, lock_seen
from app.identity import people_repository as people
from app.identity import repository, sessions
from app.identity.actor import Actor
from app.identity.errors import LastOfRole, NotAPersonYet
from app.identity.key_rules import belongs
from app.identity.models import Organisation, Person, Role
from app.identity.people_rules import NEVER_EMPTY, may_give
from app.identity.people_schemas import PeopleFilter, PersonUpdate
from app.identity.sign_in_models import Invitation, SessionEnd
from app.identity.standing import require_standing

SEE_ALL = frozenset({Role.COORDINATOR, Role.ADMIN})


def require_person(actor: Actor) -> UUID:
    """Return who is acting, where only a person may.

    Raises
    ------
    NotAPersonYet
        If it is a program's key.
    """
    if actor.person_id is None:
        raise NotAPersonYet("This key is in nobody's hands: sign in, or use a key that was issued to a person.")
    return actor.person_id


async def whoami(session: AsyncSession, actor: Actor) -> tuple[Person | None, Organisation]:
    """Return the person who is acting, if it is one, and for whom."""
    organisation = await repository.get_organisation(session, actor.organisation_id)
    if organisation is None:
        raise NotFound.of("organisation", actor.organisation_id)
    person = await people.get_person(session, actor.person_id) if actor.person_id else None
    return person, organisation


async def list_people(session: AsyncSession, actor: Actor, query: PeopleFilter) -> tuple[list[Person], str | None]:
    """Return one page of the people of an organisation that the actor sees, and the cursor of the next."""
    wanted = query.organisation_id
    if actor.role not in SEE_ALL:
        if wanted not in {None, actor.organisation_id}:
            raise NotFound.of("organisation", wanted)
        wanted = actor.organisation_id
    return await people.page_people(session, query, organisation_id=wanted, active=query.active)


async def get_person(session: AsyncSession, actor: Actor, person_id: UUID) -> Person:
    """Return a person of the actor's organisation, or any to the coordinator.

    Raises
    ------
    NotFound
        If there is none that the actor sees.
    """
    row = await people.get_person(session, person_id)
    if row is None or not actor.sees(row.organisation_id):
        raise NotFound.of("person", person_id)
    return row


async def update_person(session: AsyncSession, actor: Actor, person_id: UUID, command: PersonUpdate) -> Person:
    """Change a person: name and language, by themselves or who may put them out; their role, by who may give both.

    Keys in their hands that are of another role than the new one end with the old; sessions go on in the new one. Of
    invitations that they have sent, those are withdrawn that they could no longer send.

    Raises
    ------
    NotFound
        If there is none that the actor sees.
    NotAllowed
        If the actor may not.
    NotAuthenticated
        If the actor has just been put out.
    Invalid
        If the role does not belong to the organisation.
    LastOfRole
        If nobody would be left in the old role.
    """
    require_person(actor)
    row = await get_person(session, actor, person_id)
    organisation = await _organisation_of(session, row)
    _require_say(actor, row, organisation, may_self=command.role in {None, row.role})
    if command.role is not None and not belongs(command.role, organisation.kind):
        raise Invalid.field("role", f"The role {command.role.value} does not belong to a {organisation.kind.value}.")
    if command.role not in {None, row.role}:
        assert command.role is not None  # noqa: S101 - neither of the two
        require_to_give(actor, command.role, organisation)
        await _lock_leaving(session, row)
    else:
        await lock_seen(session, row)
    await require_standing(session, actor)
    before = snapshot(row)
    for name, value in command.model_dump(exclude_unset=True).items():
        setattr(row, name, value)
    await record(session, actor, "person.updated", row, before=before)
    await _revoke_keys(session, actor, row, but_of=row.role)
    await _withdraw_invitations(session, actor, row)
    return row


async def deactivate_person(session: AsyncSession, actor: Actor, person_id: UUID) -> Person:
    """Put a person out, or leave: their sessions and their keys are dead within a second, and what they did stays.

    Invitations that they have sent are withdrawn with them.

    Raises
    ------
    NotFound
        If there is none that the actor sees.
    NotAllowed
        If the actor may not.
    NotAuthenticated
        If the actor has just been put out.
    StateConflict
        If they are deactivated already.
    LastOfRole
        If nobody would be left in their role, and it is one that may not be empty.
    """
    require_person(actor)
    row = await get_person(session, actor, person_id)
    _require_say(actor, row, await _organisation_of(session, row), may_self=True)
    await _lock_leaving(session, row)
    await require_standing(session, actor)
    if row.deactivated_at is not None:
        raise StateConflict(
            "This person is deactivated already.", facts={"deactivated_at": row.deactivated_at.isoformat()}
        )
    before = snapshot(row)
    row.deactivated_at = now()
    await record(session, actor, "person.deactivated", row, before=before)
    await _revoke_keys(session, actor, row)
    await sessions.end_all_of(session, actor, row.id, SessionEnd.DEACTIVATED)
    await _withdraw_invitations(session, actor, row)
    return row


async def reactivate_person(session: AsyncSession, actor: Actor, person_id: UUID) -> Person:
    """Let a person back in: they may sign in again; keys that they had stay dead.

    Raises
    ------
    NotFound
        If there is none that the actor sees.
    NotAllowed
        If the actor may not.
    NotAuthenticated
        If the actor has just been put out.
    StateConflict
        If they are active.
    """
    require_person(actor)
    row = await get_person(session, actor, person_id)
    _require_say(actor, row, await _organisation_of(session, row), may_self=False)
    await lock_seen(session, row)
    await require_standing(session, actor)  # nobody lets themselves back in
    if row.deactivated_at is None:
        raise StateConflict("This person is active.", facts={})
    before = snapshot(row)
    row.deactivated_at = None
    await record(session, actor, "person.reactivated", row, before=before)
    return row


async def require_say_on(session: AsyncSession, actor: Actor, person_id: UUID) -> Person:
    """Return a person whom the actor is, or may put out.

    Raises
    ------
    NotFound
        If there is none that the actor sees.
    NotAllowed
        If the actor may not.
    """
    row = await get_person(session, actor, person_id)
    _require_say(actor, row, await _organisation_of(session, row), may_self=True)
    return row


def require_to_give(actor: Actor, role: Role, organisation: Organisation) -> None:
    """Let pass only who may bring somebody into a role of an organisation.

    Raises
    ------
    NotAllowed
        Anybody else.
    """
    if not may_give(actor.role, role, organisation.kind, own=actor.organisation_id == organisation.id):
        raise NotAllowed(
            f"As {actor.role.value} you may not decide who is {role.value} of {organisation.name}: its own people in "
            "that role do, or an administrator."
        )


def _require_say(actor: Actor, row: Person, organisation: Organisation, *, may_self: bool) -> None:
    if may_self and actor.person_id == row.id:
        return
    require_to_give(actor, row.role, organisation)


async def _organisation_of(session: AsyncSession, row: Person) -> Organisation:
    found = await repository.get_organisation(session, row.organisation_id)
    assert found is not None  # noqa: S101 - a reference
    return found


async def _lock_leaving(session: AsyncSession, row: Person) -> None:
    """Lock a person who is to leave their role, having made sure that somebody active is left in it."""
    role = row.role
    # Those of the role first, in their order: two who put each other out wait for each other, and do not deadlock.
    others = set(await people.lock_active_of_role(session, role)) - {row.id} if role in NEVER_EMPTY else {row.id}
    await lock_seen(session, row)
    if row.role is not role:
        raise Stale("Read it again, and decide on what it is now.", facts={"version": row.version})
    if row.deactivated_at is None and not others:
        raise LastOfRole(
            f"Nobody else is active as {row.role.value}: invite another person first, who then stays in that role."
        )


async def _revoke_keys(session: AsyncSession, author: Author, row: Person, *, but_of: Role | None = None) -> None:
    for key in await people.lock_live_keys_of(session, row.id, but_of=but_of):
        before = snapshot(key)
        key.revoked_at = now()
        await record(session, author, "api_key.revoked", key, before=before)


async def _withdraw_invitations(session: AsyncSession, author: Author, row: Person) -> None:
    """Withdraw what a person has sent and, as they are now, could not send."""
    for invitation in await people.lock_open_invitations(session, invited_by_id=row.id):
        if row.deactivated_at is None and await _may_still_send(session, row, invitation):
            continue
        before = snapshot(invitation)
        invitation.withdrawn_at = now()
        await record(session, author, "invitation.withdrawn", invitation, before=before)


async def _may_still_send(session: AsyncSession, row: Person, invitation: Invitation) -> bool:
    into = await repository.get_organisation(session, invitation.organisation_id)
    assert into is not None  # noqa: S101 - a reference
    return may_give(row.role, invitation.role, into.kind, own=into.id == row.organisation_id)
