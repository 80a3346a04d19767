"""Giving a person a key, and their organisation its first entry: what a new installation starts with."""

from difflib import get_close_matches
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record
from app.core.addresses import is_address
from app.core.errors import Conflict, Invalid
from app.identity import people_repository, repository
from app.identity.key_rules import KIND_OF, belongs
from app.identity.keys import NewKey, new_key
from app.identity.models import ApiKey, Organisation, OrganisationKind, Person, Role

AUTHOR = Author.of_job("key_create")


class Issued(NamedTuple):
    """A key, shown this once, and whose it is.

    Attributes
    ----------
    is_new_organisation
        No organisation had this name: it was made.
    alike
        Names of organisations that are almost that of the new one, the nearest first.
    """

    key: NewKey
    organisation: Organisation
    is_new_organisation: bool
    alike: list[str]


async def issue_key(session: AsyncSession, *, organisation: str, role: Role, person: str, email: str) -> Issued:
    """Give a person a key for their organisation; either is made if it is missing.

    Parameters
    ----------
    organisation
        Its exact name in the catalogue; an unknown one becomes a new organisation of the kind of the role.
    email
        Tells one person from another.

    Raises
    ------
    Invalid
        The address is none.
    Conflict
        The organisation is not of the kind of the role, or the person belongs to another, has another role,
        or has left.
    """
    if not is_address(email):
        raise Invalid.field("email", f"{email!r} is no address of a person: write one such as a.martin@example.org.")
    owner = await repository.organisation_named(session, organisation)
    is_new = owner is None
    alike: list[str] = []
    if owner is None:
        alike = _alike(organisation, await repository.organisation_names(session))
        owner = Organisation(kind=KIND_OF.get(role, OrganisationKind.COORDINATOR), name=organisation)
        session.add(owner)
        await record(session, AUTHOR, "organisation.created", owner)
    elif not belongs(role, owner.kind):
        raise Conflict(
            f"{organisation} is a {owner.kind.value}: the role {role.value} belongs to a {KIND_OF[role].value}."
        )
    holder = await people_repository.person_of_address(session, email)
    if holder is None:
        holder = Person(organisation_id=owner.id, name=person, email=email, role=role)
        session.add(holder)
        await record(session, AUTHOR, "person.created", holder)
    elif (holder.organisation_id, holder.role) != (owner.id, role):
        raise Conflict(f"{email} acts for another organisation, or in another role.")
    elif holder.deactivated_at is not None:
        raise Conflict(f"{email} is deactivated: let them back in first, with POST /v1/people/{holder.id}/reactivate.")
    key = new_key()
    row = ApiKey(
        organisation_id=owner.id,
        person_id=holder.id,
        role=role,
        name="Personal key",
        prefix=key.prefix,
        secret_sha256=key.sha256,
    )
    session.add(row)
    await record(session, AUTHOR, "api_key.created", row)
    return Issued(key, owner, is_new, alike)


def _alike(name: str, known: list[str]) -> list[str]:
    """Return the names that may have been meant: almost the same, whatever the case, or with this one as a part."""
    folded = {one.casefold(): one for one in known}
    parts = [one for one in folded if name.casefold() in one]
    return [folded[one] for one in dict.fromkeys([*get_close_matches(name.casefold(), folded), *parts])][:3]
