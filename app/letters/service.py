"""Having people told by mail: in the transaction that does what they are told of, or not at all.

A transaction only writes down who is to be told, and has a job wait for each: no mail server can fail it, or keep it
waiting. What a drill does is told to nobody: see `crisis.notices`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import now
from app.core.jobs import Entrypoint, enqueue_all
from app.core.plain import new_row
from app.core.settings import get_settings
from app.core.tenancy import across_organisations
from app.letters import repository
from app.letters.models import Letter, LetterKind

REMOVED_AT_ONCE = 1_000
PRIORITY = {LetterKind.NOTICE: 1}
"""What a crisis asks does not wait behind the offers of a round, of which there may be thousands."""


class Told(NamedTuple):
    """What an organisation is told of, by its identifier."""

    subject_id: UUID
    organisation_id: UUID


class Mailed(NamedTuple):
    """How many people were to be told of a thing by mail, how many letters a server has taken, and how many go not."""

    people: int
    sent: int
    dropped: int


async def write_letters(session: AsyncSession, kind: LetterKind, told: Iterable[Told]) -> None:
    """Have the people of organisations told by mail, in a handful of statements however many there are.

    Where no mail is set up, no letter is written: that is said where one asks how far something was mailed. Whoever
    joins later is told nothing of it; who has left by the time that it is sent, neither.
    """
    of_organisation: dict[UUID, list[UUID]] = defaultdict(list)
    for one in told:
        of_organisation[one.organisation_id].append(one.subject_id)
    if not of_organisation or not get_settings().has_mail:
        return
    async with across_organisations(session):
        letters = [
            new_row(Letter, kind=kind, subject_id=subject_id, person_id=person_id)
            for organisation_id, person_id in await repository.active_people(session, of_organisation)
            for subject_id in of_organisation[organisation_id]
        ]
        if letters:
            await repository.add_new(session, letters)
            ids = [letter.id for letter in letters]
            await enqueue_all(session, Entrypoint.LETTER, ids, priority=PRIORITY.get(kind, 0))


async def how_mailed(session: AsyncSession, kind: LetterKind, subject_ids: Collection[UUID]) -> Mapping[UUID, Mailed]:
    """Return how far things that the caller may see were told by mail; those of which no letter was written are out."""
    async with across_organisations(session):
        found = await repository.counts(session, kind, subject_ids)
    return {subject_id: Mailed(*counts) for subject_id, counts in found.items()}


async def unreached(session: AsyncSession, kind: LetterKind, subject_ids: Collection[UUID]) -> set[UUID]:
    """Return those things of which no letter is sent: none was written, all wait, or all were dropped.

    One whose letter was not needed any more is none of them.
    """
    async with across_organisations(session):
        return {*subject_ids} - await repository.reached(session, kind, subject_ids)


async def forget_old_letters(session: AsyncSession) -> int:
    """Remove some of the letters about offers and approvals of long ago, and return how many; a sweep."""
    before = now() - timedelta(days=get_settings().job_retention_days)
    return await repository.remove_passing(session, before, REMOVED_AT_ONCE)
