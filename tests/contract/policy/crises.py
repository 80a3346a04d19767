"""A crisis, with all that comes of one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.allocation.models import Run, RunKind, RunState
from app.bookings.models import Booking
from app.core.clock import now
from app.core.database import transaction
from app.core.model import period
from app.crisis.models import (
    Crisis,
    CrisisMode,
    CrisisOrder,
    CrisisPlan,
    CrisisStatus,
    Displacement,
    DisplacementKind,
    DisplacementStatus,
)
from app.crisis.notice_models import Notice, NoticeKind
from app.crisis.restoring_models import Restoration, RestorationStatus
from app.identity.models import Organisation
from tests.app.crisis.conftest import countermeasure, iso
from tests.support.world import World, day

EMPTY: dict[str, Any] = {
    "totals": {"low": 0, "expected": 0, "high": 0},
    "cost": {"compensation_cents": 0, "total_cents": 0},
    "campaigns": [],
    "displacements": [],
    "targets": [],
}
"""A plan that calls on nobody."""


PLACE: dict[str, Any] = {"period": period(day(110), day(150)), "delivery_on": day(160)}
"""When the campaign is to run; the booking that gives way to it may have these days back."""


async def crisis_of(world: World, cdmo: Organisation, ids: Mapping[str, UUID]) -> dict[str, UUID]:
    """Store an active crisis with an order to a CDMO, to which a booking is to give way."""
    crisis = await _active(world)
    run = await world.add(Run(kind=RunKind.CRISIS, crisis_id=crisis.id, state=RunState.CANCELLED))
    plan = await world.add(CrisisPlan(crisis_id=crisis.id, run_id=run.id, tier=1, plan_hash="0" * 64, body=EMPTY))
    order = await _ordered(world, plan, cdmo, ids)
    displacement = await _displaced(world, order, ids["booking_id"])
    async with transaction(world.sessions) as session:
        owner_id = (await session.get_one(Booking, ids["booking_id"])).organisation_id
    await _told(world, displacement, {cdmo.id: NoticeKind.ORDER_ISSUED, owner_id: NoticeKind.WILL_GIVE_WAY})
    restoration = await _offered_back(world, displacement, owner_id, ids)
    return {
        "crisis_id": crisis.id,
        "crisis_run_id": run.id,
        "plan_id": plan.id,
        "order_id": order.id,
        "displacement_id": displacement.id,
        "restoration_id": restoration.id,
    }


async def _active(world: World) -> Crisis:
    declared: dict[str, Any] = {
        "countermeasure": countermeasure(),
        "targets": [{"by": iso(86), "quantity": 60_000}],
        "scope": {},
        "rules": {},
    }
    return await world.add(
        Crisis(
            title="Outbreak",
            mode=CrisisMode.REAL,
            status=CrisisStatus.ACTIVE,
            validity=period(day(-2000), day(400)),
            as_of_on=day(0),
            **declared,
        )
    )


async def _ordered(world: World, plan: CrisisPlan, cdmo: Organisation, ids: Mapping[str, UUID]) -> CrisisOrder:
    return await world.add(
        CrisisOrder(
            crisis_id=plan.crisis_id,
            plan_id=plan.id,
            organisation_id=cdmo.id,
            slot_id=ids["crisis_slot_id"],
            unit_id=ids["crisis_unit_id"],
            batches=1,
            output=1,
            price_cents=1,
            tier=1,
            respond_by_at=now() + timedelta(days=1),
            **PLACE,
        )
    )


async def _displaced(world: World, order: CrisisOrder, booking_id: UUID) -> Displacement:
    return await world.add(
        Displacement(
            crisis_id=order.crisis_id,
            order_id=order.id,
            booking_id=booking_id,
            kind=DisplacementKind.DISPLACED,
            status=DisplacementStatus.EFFECTIVE,
            effective_at=now(),
        )
    )


async def _told(world: World, displacement: Displacement, kinds: Mapping[UUID, NoticeKind]) -> None:
    """Store a notice for each of these organisations."""
    for recipient_id, kind in kinds.items():
        await world.add(
            Notice(
                crisis_id=displacement.crisis_id,
                organisation_id=recipient_id,
                kind=kind,
                order_id=displacement.order_id,
                displacement_id=displacement.id,
            )
        )


async def _offered_back(
    world: World, displacement: Displacement, owner_id: UUID, ids: Mapping[str, UUID]
) -> Restoration:
    return await world.add(
        Restoration(
            crisis_id=displacement.crisis_id,
            displacement_id=displacement.id,
            organisation_id=owner_id,
            is_drill=False,
            position=1,
            slot_id=ids["crisis_slot_id"],
            unit_id=ids["crisis_unit_id"],
            status=RestorationStatus.OFFERED,
            respond_by_at=now() + timedelta(days=1),
            **PLACE,
        )
    )
