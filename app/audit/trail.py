"""The sealed trail from the database, an item at a time: for checking it, and for exporting it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import seal_repository as repository
from app.audit.canonical import instant_text
from app.audit.seal_repository import Unsealed
from app.audit.seals import Checkpoint, Item, Seal
from app.core.database import SessionFactory, transaction

SEALS_AT_A_TIME = 20
LAST_OF_ALL = 2**63 - 1
STRANGERS_TOLD = 20
LONGEST_UNSEALED_MINUTES = 10
"""A record is sealed within a minute or so: one that has waited for longer shows that sealing has stopped."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Which seals to read: those with numbers in (after, through].

    Attributes
    ----------
    after_id
        Identifier of the last record before them.
    records
        How many records they seal, if nothing is wrong.
    is_whole
        Whether these are all seals there are: checkpoints whose seals are gone are read too.
    """

    after: int
    through: int
    after_id: int
    records: int
    is_whole: bool


async def extent_of(session: AsyncSession, start: datetime | None = None, end: datetime | None = None) -> Extent:
    """Return the extent of the trail as it stands, or of the seals with records from [start, end)."""
    head, _ = await repository.last_seal(session)
    if start is None and end is None:
        sequence, total = (head.sequence, head.total_records) if head else (0, 0)
        return Extent(0, sequence, 0, total, is_whole=True)
    first, last = await repository.seals_of(session, _text(start), _text(end))
    before = await repository.seals_after(session, first - 2, first - 1, 1)
    ending = await repository.seals_after(session, last - 1, last, 1)
    records = sum(one.total_records for one in ending) - sum(one.total_records for one in before)
    return Extent(first - 1, last, _last(before[0], 0) if before else 0, records, is_whole=False)


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)


async def read_trail(sessions: SessionFactory, extent: Extent) -> AsyncIterator[Item]:
    """Yield records, each batch followed by its seal, and that by its checkpoint if it has one.

    What is sealed is complete and never changes, so that writers and the sealer may go on meanwhile, and some seals at
    a time are read in a transaction of their own: however slowly they are taken, none stays open.
    """
    number, sealed_id = extent.after, extent.after_id
    vouched = (number == 0) == (sealed_id == 0)
    while number < extent.through:
        found: list[Item] = []
        async with transaction(sessions) as session:
            seals = await repository.seals_after(session, number, extent.through, SEALS_AT_A_TIME)
            if not seals:
                break
            last = seals[-1].sequence
            checkpoints = {one.sequence: one for one in await repository.checkpoints_after(session, number, last)}
            for seal in seals:
                if not vouched or seal.sequence != number + 1:
                    sealed_id = _first(seal) - 1  # the seal before it is altered or missing, and tells no limit
                records = await repository.records_between(session, sealed_id, _last(seal, sealed_id))
                found += [*(record for record, _ in records), seal]
                if seal.sequence in checkpoints:
                    found.append(checkpoints[seal.sequence])
                number, sealed_id, vouched = seal.sequence, max(sealed_id, _last(seal, sealed_id)), seal.is_intact
        for item in found:
            yield item
    if extent.is_whole:
        async with transaction(sessions) as session:
            lost = await repository.checkpoints_without_seal(session)
        for checkpoint in lost:
            if checkpoint.sequence > extent.through:
                yield checkpoint


def _first(seal: Seal) -> int:
    return seal.record_ids[0] if seal.record_ids else 1


def _last(seal: Seal, otherwise: int) -> int:
    return seal.record_ids[-1] if seal.record_ids else otherwise


async def unsealed_records(session: AsyncSession) -> Unsealed:
    """Return what is not sealed yet."""
    return await repository.unsealed(session)


async def faults_beside(session: AsyncSession, unsealed: Unsealed, most_minutes: float) -> list[str]:
    """Return what is wrong beside the seals: identifiers that were never given out, and records that nothing seals."""
    found = [
        f"record {one} was added beside the service: its identifier was never given out"
        for one in await repository.strangers(session, STRANGERS_TOLD)
    ]
    if unsealed.waited_seconds > most_minutes * 60:
        found.append(
            f"sealing has stopped: nothing is sealed from record {unsealed.first_id} on, and one of these has waited"
            f" for {unsealed.waited_seconds / 60:.0f} minutes"
        )
    return found


async def value_faults(session: AsyncSession) -> AsyncIterator[str]:
    """Yield what is wrong with the personal values that are kept beside the trail; an erased one is nothing wrong."""
    for commitment, place in await repository.misfits(session):
        yield f"the personal value of {place} behind {commitment} is altered: its record has another"
    for record_id, column in await repository.lost(session):
        yield f"the personal value of record {record_id}, {column}, is missing: it was not erased"


async def checkpoints_of(session: AsyncSession) -> list[Checkpoint]:
    """Return all checkpoints, and the state at the last seal."""
    head, _ = await repository.last_seal(session)
    found = list(await repository.checkpoints_after(session, 0, LAST_OF_ALL))
    return found if head is None else [*found, replace(head, is_head=True)]
