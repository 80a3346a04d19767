"""Giving a person a key, and their organisation its first entry: what a new installation starts with."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record
from app.core.errors import Conflict
from app.identity import repository
from app.identity.keys import NewKey, new_key
from app.identity.models import ApiKey, Organisation, OrganisationKind, Person, Role

AUTHOR = Author.of_job("key_create")

KIND_OF: Mapping[Role, OrganisationKind] = {
    Role.STARTUP_MEMBER: OrganisationKind.STARTUP,
    Role.CDMO_PLANNER: OrganisationKind.CDMO,
    Role.COORDINATOR: OrganisationKind.COORDINATOR,
    Role.AUTHORITY: OrganisationKind.AUTHORITY,
    Role.OBSERVER: OrganisationKind.OBSERVER,
}
"""The kind of organisation that a role belongs to; an administrator may belong to any."""


async def issue_key(
    session: AsyncSession, *, organisation: str, role: Role, person: str, email: str
) -> tuple[NewKey, Organisation]:
    """Give a person a key for their organisation; either is made if it is missing.

    Parameters
    ----------
    organisation
        Its exact name in the catalogue; an unknown one becomes a new organisation of the kind of the role.
    email
        Tells one person from another.

    Returns
    -------
    The key, shown this once, and the organisation.

    Raises
    ------
    Conflict
        The organisation is not of the kind of the role, or the person belongs to another or has another role.
    """
    owner = await repository.organisation_named(session, organisation)
    kind = KIND_OF.get(role)
    if owner is None:
        owner = Organisation(kind=kind or OrganisationKind.COORDINATOR, name=organisation)
        session.add(owner)
        await record(session, AUTHOR, "organisation.created", owner)
    elif kind is not None and owner.kind is not kind and not _integrates(owner, role):
        raise Conflict(f"{organisation} is a {owner.kind.value}: the role {role.value} belongs to a {kind.value}.")
    holder = await repository.person_with_email(session, email)
    if holder is None:
        holder = Person(organisation_id=owner.id, name=person, email=email, role=role)
        session.add(holder)
        await record(session, AUTHOR, "person.created", holder)
    elif (holder.organisation_id, holder.role) != (owner.id, role):
        raise Conflict(f"{email} acts for another organisation, or in another role.")
    key = new_key()
    row = ApiKey(
        organisation_id=owner.id,
        person_id=holder.id,
        role=role,
        name=f"Key of {holder.name}",
        prefix=key.prefix,
        secret_sha256=key.sha256,
    )
    session.add(row)
    await record(session, AUTHOR, "api_key.created", row)
    return key, owner


def _integrates(owner: Organisation, role: Role) -> bool:
    """Tell whether an integrator plans its lines as a CDMO does."""
    return owner.kind is OrganisationKind.INTEGRATOR and role is Role.CDMO_PLANNER
