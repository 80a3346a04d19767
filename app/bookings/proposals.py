"""Proposals to make way for a slip: their end, when what they are about has changed."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.bookings import slip_repository as repository
from app.bookings.slip_models import SlipMove, SlipMoveStatus
from app.core.clock import now


async def withdraw_those_to(session: AsyncSession, author: Author, booking_id: UUID, *, reason_code: str) -> None:
    """Withdraw what slips ask of a booking that has moved, started or ended."""
    await _withdraw(session, author, await repository.open_moves_to(session, booking_id), reason_code)


async def withdraw_those_of_slips_of(
    session: AsyncSession, author: Author, booking_id: UUID, *, reason_code: str
) -> None:
    """Withdraw what the slips of a booking ask of others: it has ended, or has slipped anew."""
    await _withdraw(session, author, await repository.open_moves_of_slips_of(session, booking_id), reason_code)


async def answer(
    session: AsyncSession,
    author: Author,
    proposal: SlipMove,
    status: SlipMoveStatus,
    *,
    reason_code: str | None = None,
    reason_text: str | None = None,
) -> None:
    """Note what has become of an open proposal."""
    before = snapshot(proposal)
    proposal.status = status
    proposal.answered_at = now()
    action = f"slip_move.{status.value}"
    await record(session, author, action, proposal, before=before, reason_code=reason_code, reason_text=reason_text)


async def _withdraw(session: AsyncSession, author: Author, moves: Iterable[SlipMove], reason_code: str) -> None:
    for proposal in moves:
        await answer(session, author, proposal, SlipMoveStatus.WITHDRAWN, reason_code=reason_code)
