"""Sealing: records are chained, in the order of their identifiers, and each of them once.

Identifiers are taken before their transactions commit, so that a lower one may come to be seen after a higher one.
Therefore records are sealed up to an identifier only when none below it can appear any more. Whoever takes one holds a
lock on the table from before until the transaction has ended; those that hold it once the highest identifier is known
are waited for, while later ones can only take higher identifiers. Identifiers without a record are then of rolled back
transactions. Numbers of transactions are not looked at: a restored copy, where they begin anew, is sealed on.

That needs the sequence to give out identifiers in their order, as it does unless it caches some for each connection.
"""

import asyncio
import time

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import seal_repository as repository
from app.audit.canonical import instant_text
from app.audit.seals import SEALS_A_CHECKPOINT, Seal, make_seal
from app.core.clock import now

RECORDS_A_SEAL = 1_000
CHECKPOINT_SECONDS = 86_400.0
LONGEST_WAIT_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.02

log = structlog.get_logger(__name__)


async def seal_records(session: AsyncSession, *, most: int = RECORDS_A_SEAL) -> int:
    """Seal so many records at most, the oldest first, and return how many: 0 when none is left, or none can be yet.

    A sweep calls it in a transaction of its own until it returns 0. Whoever else seals is not waited for.
    """
    if not await repository.begin_sealing(session):
        return 0
    through = await repository.newest_id(session)
    previous, sealed_id = await repository.last_seal(session)
    if through <= sealed_id or not await _all_have_ended(session):
        return 0
    found = await repository.records_between(session, sealed_id, through, most)
    if not found:
        return 0
    records, instants = zip(*found, strict=True)
    seal = make_seal(previous, records, instants, instant_text(now()))
    await repository.add_seal(session, seal)
    _log("audit_sealed", seal)
    if seal.sequence % SEALS_A_CHECKPOINT == 0 or await repository.checkpoint_is_due(session, CHECKPOINT_SECONDS):
        await _make_checkpoint(session, seal)
    return len(records)


async def _all_have_ended(session: AsyncSession) -> bool:
    """Wait for those who write records now, and tell whether all of them have ended in time."""
    pending, deadline = await repository.writers(session), time.monotonic() + LONGEST_WAIT_SECONDS
    while pending and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        pending &= await repository.writers(session)
    return not pending


async def _make_checkpoint(session: AsyncSession, seal: Seal) -> None:
    """Store the state of the trail."""
    await repository.add_checkpoint(session, seal.sequence)
    _log("audit_checkpoint", seal)


def _log(event: str, seal: Seal) -> None:
    """Log the state of the trail at a seal: logs that are kept elsewhere are witnesses, a minute old at most."""
    log.info(event, sequence=seal.sequence, total_records=seal.total_records, trail_digest=seal.digest.hex())
