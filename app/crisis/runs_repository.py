"""Queries on the runs that go on for crises."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.allocation.models import Run, RunState
from app.capacity.models import FreezeHolder, SlotFreeze
from app.crisis.models import Crisis
from app.crisis.repository import ENDED, locked


def _going_on() -> tuple[ColumnElement[bool], ...]:
    """Return what holds of runs that go on for a crisis; a replay looks back at one."""
    return (col(Run.state).in_((RunState.QUEUED, RunState.RUNNING)), col(Run.replays_id).is_(None))


def _to_give_up() -> tuple[ColumnElement[bool], ...]:
    """Return what holds of runs that go on for a crisis, and that nobody has cancelled."""
    return (*_going_on(), col(Run.cancel_requested_at).is_(None))


async def runs_going_on(session: AsyncSession, crisis_id: UUID) -> list[UUID]:
    """Return the runs of a crisis that go on, asked to stop or not, in the order in which they were made."""
    statement = select(col(Run.id)).where(col(Run.crisis_id) == crisis_id, *_going_on())
    return list(await session.scalars(statement.order_by(col(Run.id))))


async def runs_beside_plans(session: AsyncSession, crisis_id: UUID) -> dict[UUID, UUID]:
    """Return the runs that add to plans of a crisis just now, and that nobody has cancelled, by the plan's own run."""
    statement = select(col(Run.follows_id), col(Run.id)).where(
        col(Run.crisis_id) == crisis_id, col(Run.follows_id).is_not(None), *_to_give_up()
    )
    return {follows_id: run_id for follows_id, run_id in await session.execute(statement) if follows_id is not None}


async def lock_ended_with_runs(session: AsyncSession) -> Crisis | None:
    """Return a crisis that has ended while a run of it goes on, locked; None if there is none.

    One that somebody is changing just now is passed over.
    """
    going_on = select(col(Run.crisis_id)).where(col(Run.crisis_id).is_not(None), *_to_give_up())
    statement = (
        select(Crisis)
        .where(col(Crisis.status).in_(ENDED), col(Crisis.id).in_(going_on))
        .order_by(col(Crisis.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return await locked(session, statement)


async def holder_left_over(session: AsyncSession, asked_before: datetime) -> UUID | None:
    """Return one that holds slots still for no crisis any more; None if there is none.

    It is neither a crisis that goes on, nor a run that goes on for one and was asked for since.
    """
    holder_id = col(SlotFreeze.holder_id)
    crisis = exists().where(col(Crisis.id) == holder_id, col(Crisis.status).not_in(ENDED))
    run = exists().where(col(Run.id) == holder_id, *_going_on(), col(Run.created_at) >= asked_before)
    statement = select(holder_id).where(col(SlotFreeze.holder) == FreezeHolder.CRISIS, ~crisis, ~run)
    return await session.scalar(statement.order_by(holder_id).limit(1))
