"""Keys for trying the service out: one for each role, in the hands of a fictional person of that organisation."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypedDict
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from app.capacity.models import Slot
from app.catalogue.models import ProductionLine, Site, Unit
from app.core.known_secrets import DEMONSTRATION_DOMAIN, DEMONSTRATION_KEY
from app.core.vocabulary import Reserve
from app.identity.keys import digest, new_key
from app.identity.models import ApiKey, Organisation, OrganisationKind, Person, Role
from app.requests.models import Feasibility, FeasibilityStatus, Request, RequestStatus
from seed.identifiers import identifier


class DemoKey(TypedDict):
    """An entry of the keys file."""

    key: str
    email: str
    organisation_id: str
    organisation: str


class Holder(NamedTuple):
    """Who holds a demonstration key."""

    person: str
    role: Role
    kind: OrganisationKind
    rank: int = 0
    """Which of the organisations of that kind, the most active first."""


HOLDERS: Mapping[str, Holder] = {
    "coordinator": Holder("Camille Moreau", Role.COORDINATOR, OrganisationKind.COORDINATOR),
    "authority": Holder("Dominique Lefèvre", Role.AUTHORITY, OrganisationKind.AUTHORITY),
    "observer": Holder("Claude Garnier", Role.OBSERVER, OrganisationKind.OBSERVER),
    "startup": Holder("Sacha Perrin", Role.STARTUP_MEMBER, OrganisationKind.STARTUP),
    "startup_2": Holder("Andrea Fabre", Role.STARTUP_MEMBER, OrganisationKind.STARTUP, 1),
    "cdmo": Holder("Alix Rousseau", Role.CDMO_PLANNER, OrganisationKind.CDMO),
    "cdmo_2": Holder("Maxime Chevalier", Role.CDMO_PLANNER, OrganisationKind.CDMO, 1),
}


class NoHolder(Exception):
    """The database has no organisation that could hold one of the keys: it was seeded without a scenario."""


async def ensure_keys(connection: AsyncConnection, file: Path) -> dict[str, DemoKey] | None:
    """Make keys unless the file already holds one for each role that works; those it held before are revoked.

    Returns
    -------
    dict or None
        The new keys, to be written once the transaction is committed; None where the file is good as it is.

    Raises
    ------
    NoHolder
        An organisation is missing.
    """
    if await _all_work(connection, _read(file)):
        return None
    await connection.execute(
        update(ApiKey)
        .where(col(ApiKey.name) == DEMONSTRATION_KEY, col(ApiKey.revoked_at).is_(None))
        .values(revoked_at=datetime.now(UTC))
    )
    return {name: await _issue(connection, name, holder) for name, holder in HOLDERS.items()}


def write_keys(file: Path, keys: Mapping[str, DemoKey]) -> None:
    """Put the keys in place in one step; nobody but the owner can read the file at any moment (mode 0600)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(keys, stream, ensure_ascii=False, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read(file: Path) -> dict[str, str]:
    """The keys of a file by name; none if it cannot be read as one."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {name: str(content[name]["key"]) for name in HOLDERS}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


async def _all_work(connection: AsyncConnection, keys: Mapping[str, str]) -> bool:
    if not keys:
        return False
    digests = {digest(key) for key in keys.values()}
    query = select(func.count()).where(
        col(ApiKey.secret_sha256).in_(digests),
        col(ApiKey.revoked_at).is_(None),
    )
    return await connection.scalar(query) == len(HOLDERS)


async def _issue(connection: AsyncConnection, name: str, holder: Holder) -> DemoKey:
    person_id = identifier("person", "demonstration", name)
    organisation_id = await connection.scalar(select(col(Person.organisation_id)).where(col(Person.id) == person_id))
    if organisation_id is None:
        organisation_id = await _choose(connection, holder)
        person = {
            "id": person_id,
            "organisation_id": organisation_id,
            "name": holder.person,
            "email": _address(name),
            "role": holder.role,
        }
        await connection.execute(insert(Person).values(person))
    else:  # whoever has left a demonstration comes back with the next one
        await connection.execute(update(Person).where(col(Person.id) == person_id).values(deactivated_at=None))
    organisation = await connection.scalar(
        select(col(Organisation.name)).where(col(Organisation.id) == organisation_id)
    )
    key = new_key()
    await connection.execute(
        insert(ApiKey).values(
            organisation_id=organisation_id,
            person_id=person_id,
            role=holder.role,
            name=DEMONSTRATION_KEY,
            prefix=key.prefix,
            secret_sha256=key.sha256,
        )
    )
    return DemoKey(
        key=key.plain, email=_address(name), organisation_id=str(organisation_id), organisation=str(organisation)
    )


def _address(name: str) -> str:
    return f"{name.replace('_', '-')}{DEMONSTRATION_DOMAIN}"


async def _choose(connection: AsyncConnection, holder: Holder) -> UUID:
    """The organisation that has most to show.

    A start-up by how often a CDMO has found its submitted requests feasible, a CDMO by its slots for crises, and all
    its slots, on vessels.
    """
    query = select(col(Organisation.id)).where(col(Organisation.kind) == holder.kind)
    first: ColumnElement[int] = func.count()
    if holder.kind is OrganisationKind.STARTUP:
        query = (
            query.join(Request, col(Request.organisation_id) == col(Organisation.id))
            .join(Feasibility, col(Feasibility.request_id) == col(Request.id))
            .where(col(Request.status) == RequestStatus.SUBMITTED)
            .where(col(Feasibility.status) == FeasibilityStatus.FEASIBLE)
        )
    if holder.kind is OrganisationKind.CDMO:
        query = (
            query.join(Site, col(Site.organisation_id) == col(Organisation.id))
            .join(ProductionLine, col(ProductionLine.site_id) == col(Site.id))
            .join(Unit, col(Unit.line_id) == col(ProductionLine.id))
            .join(Slot, col(Slot.unit_id) == col(Unit.id))
            .where(col(ProductionLine.working_volume_l).is_not(None))
        )
        first = func.count().filter(col(Slot.reserve) == Reserve.CRISIS)
    ranked = query.group_by(col(Organisation.id)).order_by(first.desc(), func.count().desc(), col(Organisation.name))
    found = await connection.scalar(ranked.offset(holder.rank).limit(1))
    if found is None:
        raise NoHolder(
            f"no organisation can hold the key of the {holder.kind.value}: keys need a scenario, not the bare catalogue"
        )
    return UUID(str(found))
