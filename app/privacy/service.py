"""A copy of what is held of a person, its erasure, and the sweep of what is past its time."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, record_changes, snapshot
from app.core.clock import now, today
from app.core.errors import NotFound
from app.core.settings import Settings, get_settings
from app.core.tenancy import go_across
from app.identity.actor import Actor
from app.identity.models import Person, Role
from app.privacy import repository
from app.privacy.errors import AlreadyErased, ErasureRefused
from app.privacy.inventory import PERSONAL
from app.privacy.models import Erasure, ErasureReason
from app.privacy.parts import ERASED_NAME, PARTS, erased_email
from app.privacy.rules import TOLD, Duty, Periods, duties
from app.privacy.schemas import Export, ExportedPart, UseRead

AUTHOR = Author.of_job("erase_person")
MOST_INVITATIONS = 500


class Kept(NamedTuple):
    """Whose time is over, and what stands against their erasure all the same."""

    person_id: UUID
    duties: list[Duty]


async def export_for(session: AsyncSession, actor: Actor, person_id: UUID) -> Export:
    """Return what is held of a person to that person, or to the coordinator who answers for them.

    Raises
    ------
    NotFound
        If there is no such person, or it is another.
    """
    if actor.person_id != person_id and actor.role not in {Role.COORDINATOR, Role.ADMIN}:
        raise NotFound.of("person", person_id)
    await _person(session, person_id)
    await go_across(session)  # what is held of a person may be held for others too
    return await export_person(session, person_id)


async def export_person(session: AsyncSession, person_id: UUID) -> Export:
    """Return all that is held of a person, table by table, with why it is held and how long.

    Raises
    ------
    NotFound
        If there is no such person.
    """
    await _person(session, person_id)
    parts = [
        ExportedPart(
            table=part.table,
            uses=[
                UseRead(column=name, purpose=use.purpose, basis=use.basis, kept=use.kept)
                for name, use in ((one.partition(".")[2], use) for one, use in PERSONAL.items() if _of(one, part.table))
            ],
            rows=await repository.rows_of(session, part, person_id),
        )
        for part in PARTS
    ]
    return Export(person_id=person_id, made_at=now(), parts=[part for part in parts if part.rows])


def _of(column: str, table: str) -> bool:
    return column.partition(".")[0] == table


async def erase_person(
    session: AsyncSession, person_id: UUID, reason: ErasureReason, *, author: Author = AUTHOR
) -> Erasure:
    """Erase a person: what names them is gone, in the trail too, whose records and seals stay as they are.

    The row stays under a name and an address that are nobody's, so that what they did stays one person's deeds.

    Raises
    ------
    NotFound
        If there is no such person.
    AlreadyErased
        If that was done before.
    ErasureRefused
        If a legal duty needs to know who it was; its facts name each.
    """
    person = await _person(session, person_id, lock=True)
    if (done := await repository.erasure_of(session, person_id)) is not None:
        raise AlreadyErased(f"That was done on {done.created_at.date()}.")
    if found := await duties_of(session, person):
        raise _refusal(found)
    subjects = await repository.subjects_of(session, person_id)
    counts = {part.table: await repository.erase(session, part, person_id) for part in PARTS if part.erase}
    before = snapshot(person)
    person.name, person.email, person.language = ERASED_NAME, erased_email(person_id), None
    person.deactivated_at = person.deactivated_at or now()
    await record(session, author, "person.erased", person, before=before, reason_code=reason.value)
    await session.flush()
    counts["audit_personal_values"] = await repository.erase_values(session, subjects)
    row = Erasure(
        person_id=person_id,
        organisation_id=person.organisation_id,
        reason_code=reason,
        rows={table: count for table, count in counts.items() if count} | {"people": 1},
    )
    session.add(row)
    await record(session, author, "erasure.made", row, reason_code=reason.value)
    await session.flush()
    return row


async def duties_of(session: AsyncSession, person: Person) -> list[Duty]:
    """Return what stands against the erasure of a person today."""
    return list(duties(await repository.deeds_of(session, person), _periods(get_settings()), today()))


def _periods(settings: Settings) -> Periods:
    return Periods(crisis_years=settings.crisis_record_years, batch_years=settings.batch_record_years)


def _refusal(found: list[Duty]) -> ErasureRefused:
    told = "; ".join(
        f"{duty.rule.value}: {TOLD[duty.rule]}" + (f", until {duty.until_on}" if duty.until_on else "")
        for duty in found
    )
    facts = [
        {"rule": duty.rule.value, "until_on": duty.until_on.isoformat() if duty.until_on else None} for duty in found
    ]
    return ErasureRefused(f"The law needs to know who it was: {told}.", facts={"duties": facts})


async def _person(session: AsyncSession, person_id: UUID, *, lock: bool = False) -> Person:
    found = await repository.find_person(session, person_id, lock=lock)
    if found is None:
        raise NotFound.of("person", person_id)
    return found


async def person_called(session: AsyncSession, told: str) -> UUID:
    """Return the identifier of the person with an address or an identifier.

    Raises
    ------
    NotFound
        If there is none.
    """
    try:
        return (await _person(session, UUID(told))).id
    except ValueError:
        found = await repository.person_with_email(session, told)
    if found is None:
        raise NotFound(f"There is nobody with the address {told}.")
    return found.id


async def past_their_time(session: AsyncSession) -> list[Kept]:
    """Return the people whose time is over, each with what stands against their erasure."""
    before = now() - timedelta(days=get_settings().person_retention_days)
    found = []
    for person_id in await repository.deactivated_before(session, before):
        person = await _person(session, person_id)
        found.append(Kept(person_id, await duties_of(session, person)))
    return found


async def forget_past(session: AsyncSession) -> int:
    """Erase one person whose time is over, or what ended invitations say of whom they were for; return how many.

    A sweep calls it in a transaction of its own until it returns 0. Whom a legal duty needs stays until it is over.
    """
    for one in await past_their_time(session):
        if not one.duties:
            await erase_person(session, one.person_id, ErasureReason.RETENTION)
            return 1
    return await _forget_invitations(session)


async def _forget_invitations(session: AsyncSession) -> int:
    before = now() - timedelta(days=get_settings().invitation_retention_days)
    past = await repository.lock_past_invitations(session, before, ERASED_NAME, MOST_INVITATIONS)
    were = [snapshot(one) for one in past]
    for one in past:
        one.name, one.email = ERASED_NAME, erased_email(one.id)
    changes = [("invitation.erased", one, was) for one, was in zip(past, were, strict=True)]
    await record_changes(session, AUTHOR, changes)
    await session.flush()
    await repository.erase_values(session, [one.id for one in past])
    return len(past)
