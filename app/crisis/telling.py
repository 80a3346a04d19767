"""Whom a crisis tells what, at each step: makers of their orders, owners of what gives way, and those who lead it."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.crisis import notice_repository, repository
from app.crisis.declaration import CrisisRules
from app.crisis.models import Crisis, CrisisOrder, CrisisPlan, Displacement, DisplacementStatus, OrderStatus
from app.crisis.notice_facts import act_facts, by_place, displacement_facts, order_facts
from app.crisis.notice_models import NoticeKind
from app.crisis.notices import NoticeDraft, notify_all

DISPLACED = "crisis_displaced"
UNNEEDED = "no_longer_needed"
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
    campaigns = by_place(plan.body["campaigns"])
    drafts = [
        NoticeDraft(
            organisation_id=order.organisation_id,
            kind=NoticeKind.ORDER_ISSUED,
            order_id=order.id,
            facts={
                **order_facts(order, campaigns),
                **act_facts(powers, order.tier),
            },
            respond_by_at=order.respond_by_at,
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
    if not displacements:
        return
    powers = (await repository.powers_of(session, [crisis.id]))[crisis.id]
    booking_ids = [one.booking_id for one in displacements]
    signed = await notice_repository.signed_displacements(session, crisis.id, booking_ids)
    rules = CrisisRules.model_validate(crisis.rules)
    drafts = []
    for one in displacements:
        kind, entry = OF_STATUS[one.status], signed[one.booking_id]
        keeps = kind is NoticeKind.KEEPS_PLACE
        drafts.append(
            NoticeDraft(
                organisation_id=UUID(entry["organisation_id"]),
                kind=kind,
                order_id=one.order_id,
                displacement_id=one.id,
                reason_code=(reason_code or UNNEEDED) if keeps else DISPLACED,
                facts={
                    **displacement_facts(entry, powers),
                    "compensation_cents": one.compensation_cents,
                    "silence": rules.silence.value,
                    **({"answer_hours": rules.first_refusal_hours} if entry["to"] else {}),
                },
                respond_by_at=one.answer_by_at if one.answer is None else None,
            )
        )
    await notify_all(session, author, crisis, drafts)


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
    facts: Mapping[str, Any] = {
        **order_facts(order, campaigns),
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
            respond_by_at=order.respond_by_at if kind is NoticeKind.ORDER_ESCALATED else None,
        )
        for leader in await notice_repository.signing_organisations(session, order.plan_id)
    ]
    await notify_all(session, author, crisis, drafts)
