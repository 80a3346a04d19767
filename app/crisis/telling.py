"""Whom a crisis tells what, at each step: makers of their orders, owners of what gives way, and those who lead it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings.models import LIVE
from app.crisis import notice_repository, repository
from app.crisis.calendar_repository import bookings_by_id
from app.crisis.declaration import CrisisRules
from app.crisis.effects import Outside
from app.crisis.models import (
    Crisis,
    CrisisOrder,
    CrisisPlan,
    CrisisPower,
    Displacement,
    DisplacementStatus,
    OrderStatus,
)
from app.crisis.notice_facts import act_facts, by_place, campaign_of, displacement_facts, order_facts
from app.crisis.notice_models import NoticeKind
from app.crisis.notices import NoticeDraft, notify_all

DISPLACED = "crisis_displaced"
UNNEEDED = "no_longer_needed"
DROPPED = DisplacementStatus.DROPPED
OF_STATUS = {
    DisplacementStatus.PENDING: NoticeKind.WILL_GIVE_WAY,
    DisplacementStatus.EFFECTIVE: NoticeKind.GAVE_WAY,
    DisplacementStatus.DROPPED: NoticeKind.KEEPS_PLACE,
}


async def tell_makers(
    session: AsyncSession, author: Author, crisis: Crisis, plan: CrisisPlan, orders: Collection[CrisisOrder]
) -> None:
    """Tell each CDMO of the orders of a plan, until when it has to answer, and which act they rest on."""
    powers = (await repository.powers_of(session, [crisis.id]))[crisis.id]
    campaigns, legal_grounds = by_place(plan.body["campaigns"]), plan.body["legal_grounds"]
    drafts = [
        NoticeDraft(
            organisation_id=order.organisation_id,
            kind=NoticeKind.ORDER_ISSUED,
            order_id=order.id,
            facts={
                **order_facts(order, campaigns),
                **act_facts(powers, legal_grounds, "campaigns", campaign_of(order, campaigns).get("number")),
            },
            respond_by_at=order.respond_by_at,
        )
        for order in orders
    ]
    await notify_all(session, author, crisis, drafts)


async def tell_released(
    session: AsyncSession, author: Author, crisis: Crisis, orders: Collection[CrisisOrder], reason_code: str
) -> None:
    """Tell each CDMO that it is released from an order, and why."""
    plan_ids = {order.plan_id for order in orders}
    campaigns = {one: by_place(await notice_repository.signed_campaigns(session, one)) for one in plan_ids}
    drafts = [
        NoticeDraft(
            organisation_id=order.organisation_id,
            kind=NoticeKind.ORDER_RELEASED,
            order_id=order.id,
            reason_code=reason_code,
            facts=order_facts(order, campaigns[order.plan_id]),
        )
        for order in orders
    ]
    await notify_all(session, author, crisis, drafts)


async def tell_displaced(
    session: AsyncSession,
    author: Author,
    crisis: Crisis,
    displacements: Collection[Displacement],
    *,
    reason_code: str | None = None,
) -> None:
    """Tell the owner of each booking what has become of it, by the status of its displacement, and what it may do.

    Parameters
    ----------
    reason_code
        Why those keep their places that do; without it, because nothing needs their days any more.
    """
    displacements = await _without_lots_that_have_gone(session, displacements)
    if not displacements:
        return
    reason = reason_code or UNNEEDED
    drafts = await _to_owners(session, crisis, displacements)
    drafts = [
        replace(draft, kind=OF_STATUS[one.status], reason_code=reason if one.status is DROPPED else DISPLACED)
        for draft, one in zip(drafts, displacements, strict=True)
    ]
    await notify_all(session, author, crisis, drafts)


async def _without_lots_that_have_gone(
    session: AsyncSession, displacements: Collection[Displacement]
) -> list[Displacement]:
    """Leave out those dropped whose lot has ended by itself: it keeps no place, and its owner knows."""
    lots = await bookings_by_id(session, [one.booking_id for one in displacements if one.status is DROPPED])
    return [one for one in displacements if one.status is not DROPPED or lots[one.booking_id].status in LIVE]


async def tell_owner(outside: Outside, displacement: Displacement, kind: NoticeKind) -> None:
    """Tell the owner of a lot that gives way what becomes of the place that was held for it."""
    [draft] = await _to_owners(outside.session, outside.crisis, [displacement])
    await notify_all(outside.session, outside.author, outside.crisis, [replace(draft, kind=kind)])


async def _to_owners(
    session: AsyncSession, crisis: Crisis, displacements: Collection[Displacement]
) -> list[NoticeDraft]:
    """Return what is told to the owner of each booking that gives way, whatever is the occasion."""
    powers = (await repository.powers_of(session, [crisis.id]))[crisis.id]
    booking_ids = [one.booking_id for one in displacements]
    signed = await notice_repository.signed_displacements(session, crisis.id, booking_ids)
    rules = CrisisRules.model_validate(crisis.rules)
    return [_to_owner(one, signed[one.booking_id], powers, rules) for one in displacements]


def _to_owner(
    displacement: Displacement, signed: Mapping[str, Any], powers: Sequence[CrisisPower], rules: CrisisRules
) -> NoticeDraft:
    is_asked = displacement.replacement is not None and displacement.answer is None
    question = {"silence": rules.silence.value, "answer_hours": rules.first_refusal_hours} if is_asked else {}
    return NoticeDraft(
        organisation_id=UUID(signed["organisation_id"]),
        kind=OF_STATUS[displacement.status],
        order_id=displacement.order_id,
        displacement_id=displacement.id,
        facts={
            **displacement_facts(signed, powers),
            "compensation_cents": displacement.compensation_cents,
            **({"answer": displacement.answer.value} if displacement.answer else {}),
            **question,
        },
        respond_by_at=displacement.answer_by_at if is_asked else None,
    )


async def remind_maker(session: AsyncSession, author: Author, crisis: Crisis, order: CrisisOrder) -> None:
    """Remind a CDMO of an order that it has not answered, and until when it has to."""
    campaigns = by_place(await notice_repository.signed_campaigns(session, order.plan_id))
    draft = NoticeDraft(
        organisation_id=order.organisation_id,
        kind=NoticeKind.ORDER_REMINDER,
        order_id=order.id,
        facts=order_facts(order, campaigns),
        respond_by_at=order.respond_by_at,
    )
    await notify_all(session, author, crisis, [draft])


async def tell_leaders(
    session: AsyncSession,
    author: Author,
    crisis: Crisis,
    order: CrisisOrder,
    kind: NoticeKind,
    *,
    reason_code: str | None = None,
) -> None:
    """Tell the coordinator and the authority what has become of an order, and what they may do."""
    campaigns = by_place(await notice_repository.signed_campaigns(session, order.plan_id))
    answers = {OrderStatus.ACCEPTED, OrderStatus.COUNTERED}
    escalated = kind is NoticeKind.ORDER_ESCALATED
    facts: Mapping[str, Any] = {
        **order_facts(order, campaigns),
        **({"may": ["accept_late", "call", "plan_again"]} if escalated else {}),
        "cdmo": await notice_repository.name_of(session, order.organisation_id),
        **({"answer": order.status.value} if order.status in answers else {}),
        **({"earliest_on": order.counter_earliest_on.isoformat()} if order.counter_earliest_on else {}),
    }
    drafts = [
        NoticeDraft(
            organisation_id=leader,
            kind=kind,
            order_id=order.id,
            reason_code=reason_code,
            facts=facts,
            respond_by_at=order.respond_by_at if escalated else None,
        )
        for leader in await notice_repository.signing_organisations(session, order.plan_id)
    ]
    await notify_all(session, author, crisis, drafts)
