"""People of each role: colleagues, strangers, and those whom one sees and has no say about."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from app.core.clock import now
from app.identity.keys import digest
from app.identity.models import Organisation, Person, Role
from app.identity.sign_in_models import Invitation, PersonSession, SignInMethod
from tests.support.world import World

Ids = Mapping[str, UUID]
GIVERS = frozenset({Role.COORDINATOR, Role.ADMIN})
"""Who brings people into others' organisations."""


class People(NamedTuple):
    """People, their sessions and their invitations, by the names of the parameters that name them.

    Attributes
    ----------
    known
        What an ordinary member of a start-up is, has and has sent.
    own
        What each role has a say about.
    foreign
        The same of a rival's.
    seen
        What each role sees, and has no say about.
    """

    known: Ids
    own: Mapping[Role, Ids]
    foreign: Mapping[Role, Ids]
    seen: Mapping[Role, Ids]


async def people_of(
    world: World, owners: Mapping[Role, Organisation], rivals: Mapping[Role, Organisation], acting: Mapping[Role, UUID]
) -> People:
    """Store people of each role at its organisation and at a rival's; whoever gives roles looks at start-ups.

    Parameters
    ----------
    acting
        The person who asks in each role.
    """
    startup, authority = owners[Role.STARTUP_MEMBER], owners[Role.AUTHORITY]
    member = await _somebody(world, startup, Role.STARTUP_MEMBER)
    known = member | {"startup_id": startup.id, "authority_id": authority.id}
    own: dict[Role, dict[str, UUID]] = {}
    foreign: dict[Role, dict[str, UUID]] = {}
    seen: dict[Role, dict[str, UUID]] = {}
    for role, owner in owners.items():
        as_what = Role.STARTUP_MEMBER if role in GIVERS else role
        own[role] = await _somebody(world, startup if role in GIVERS else owner, as_what) | {"self_id": acting[role]}
        stranger = await _somebody(world, rivals[role], as_what)
        colleague = {"self_id": own[role]["person_id"]}
        of_rivals = {"startup_id": rivals[Role.STARTUP_MEMBER].id, "authority_id": rivals[Role.AUTHORITY].id}
        foreign[role] = stranger | colleague | of_rivals
        seen[role] = await _somebody(world, *((authority, Role.AUTHORITY) if role in GIVERS else (owner, Role.ADMIN)))
    for role in GIVERS:
        own[role]["startup_id"], seen[role]["authority_id"] = startup.id, authority.id
    own[Role.STARTUP_MEMBER]["startup_id"], own[Role.AUTHORITY]["authority_id"] = startup.id, authority.id
    return People(known, own, foreign, seen)


async def _somebody(world: World, organisation: Organisation, role: Role) -> dict[str, UUID]:
    """Store a person with a session, who has invited another."""
    name = str(uuid4())
    person = await world.add(Person(organisation_id=organisation.id, name=name, email=f"{name}@example.org", role=role))
    at = now()
    session = await world.add(
        PersonSession(
            person_id=person.id,
            secret_sha256=digest(name),
            method=SignInMethod.LINK,
            device="unknown",
            created_at=at,
            last_seen_at=at,
            expires_at=at + timedelta(hours=1),
        )
    )
    invitation = await world.add(
        Invitation(
            organisation_id=organisation.id,
            invited_by_id=person.id,
            email=f"{uuid4()}@example.org",
            name="A. Guest",
            role=role,
            expires_at=at + timedelta(days=1),
        )
    )
    return {"person_id": person.id, "session_id": session.id, "invitation_id": invitation.id}
