"""Answers played in a drill: who leads an exercise answers for a CDMO that takes no part in it.

The trail says so: the answer is written by the leader's person and key for the CDMO, and a record of the leader's own
stands beside it. In a real crisis nobody answers for another.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.errors import NotFound, StateConflict
from app.core.schemas import Body, Day
from app.crisis import repository
from app.crisis.models import CrisisMode, CrisisOrder
from app.crisis.order_schemas import CounterCommand, CounterReason
from app.crisis.orders import accept_order, counter_order
from app.crisis.service import get_whole_crisis
from app.identity.actor import Actor
from app.identity.models import Role


class PlayedAnswer(StrEnum):
    """What is answered in the place of a CDMO."""

    ACCEPT = "accept"
    COUNTER = "counter"


class PlayCommand(Body):
    """An answer played for a CDMO; a counter names the earliest day, and why not before."""

    answer: PlayedAnswer
    earliest: Day | None = None
    reason_code: CounterReason | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        said = self.earliest is not None and self.reason_code is not None
        if self.answer is PlayedAnswer.COUNTER and not said:
            raise ValueError("a counter takes both earliest and reason_code")
        if self.answer is PlayedAnswer.ACCEPT and (self.earliest is not None or self.reason_code is not None):
            raise ValueError("earliest and reason_code belong to a counter")
        return self


async def play_answer(
    session: AsyncSession, actor: Actor, crisis_id: UUID, order_id: UUID, command: PlayCommand
) -> CrisisOrder:
    """Answer an order of a drill in the place of its CDMO.

    Raises
    ------
    NotFound
        If there is no such order.
    StateConflict
        If the crisis is real or not active, or the order has been answered.
    """
    actor.require(Role.COORDINATOR)
    crisis = await get_whole_crisis(session, actor, crisis_id)
    order = await repository.get_order(session, crisis_id, order_id)
    if order is None:
        raise NotFound.of("order", order_id)
    if crisis.mode is CrisisMode.REAL:
        raise StateConflict("In a real crisis a CDMO answers its orders itself: answers are played in drills alone.")
    played_for = replace(actor, organisation_id=order.organisation_id, role=Role.CDMO_PLANNER)
    if command.earliest is not None and command.reason_code is not None:
        counter = CounterCommand(earliest=command.earliest, reason_code=command.reason_code)
        answered = await counter_order(session, played_for, crisis_id, order_id, counter)
    else:
        answered = await accept_order(session, played_for, crisis_id, order_id)
    now = snapshot(answered)
    await record(session, actor, "crisis_order.answer_played", answered, before=now, reason_code="exercise")
    return answered
