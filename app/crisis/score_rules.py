"""What a crisis comes to in figures, from its plan and what was answered to its orders.

Pure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.capacity.occupancy import span_of
from app.crisis.models import CrisisOrder, Displacement, DisplacementKind, DisplacementStatus, OrderStatus
from app.crisis.score_schemas import (
    DoseRange,
    DosesBy,
    GivingWay,
    OrderScore,
    ScoreFigures,
    TargetScore,
)

HORIZONS = (30, 60, 90)
"""Days after the day of planning by which doses are counted; the format of the score stands for them."""
SECONDS_AN_HOUR = 3600
BASES = tuple(DoseRange.model_fields)

Campaign = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moments:
    """When a crisis was declared, first planned, first signed by both, and activated."""

    declared_at: datetime
    planned_at: datetime | None = None
    signed_at: datetime | None = None
    activated_at: datetime | None = None

    def hours_to(self, moment: datetime | None) -> float | None:
        """Return the hours from the declaration to a moment, to the second."""
        return None if moment is None else round((moment - self.declared_at).total_seconds() / SECONDS_AN_HOUR, 4)


@dataclass(frozen=True, slots=True)
class Played:
    """All that a score is worked out from.

    `bodies` are those of the plans in force, in their order: the first is a whole plan, each one after it the amendment
    of the one before. Before any is in force, it is that of the plan that comes closest, if there is one.
    """

    moments: Moments
    as_of_on: date
    targets: Sequence[Mapping[str, Any]]
    bodies: Sequence[Mapping[str, Any]]
    orders: Sequence[CrisisOrder]
    displacements: Sequence[Displacement]


def is_accepted(order: CrisisOrder) -> bool:
    """Tell whether a CDMO has accepted an order and stood by it, whatever became of it afterwards."""
    released = order.status is OrderStatus.RELEASED and order.answered_at is not None
    return released or order.status in {OrderStatus.ACCEPTED, OrderStatus.COMPLETED, OrderStatus.FAILED}


def figures_of(played: Played) -> ScoreFigures:
    """Return the figures of a drill or a crisis as it stands."""
    planned = planned_campaigns(played.bodies)
    accepted_orders = [order for order in played.orders if is_accepted(order)]
    accepted = [campaign for campaign in planned if _place(campaign) in {_place_of(one) for one in accepted_orders}]
    targets = [_target(target, planned, accepted) for target in played.targets]
    effective = [one for one in played.displacements if one.status is DisplacementStatus.EFFECTIVE]
    return ScoreFigures(
        hours_to_plan=played.moments.hours_to(played.moments.planned_at),
        hours_to_signature=played.moments.hours_to(played.moments.signed_at),
        hours_to_activation=played.moments.hours_to(played.moments.activated_at),
        doses=[
            DosesBy(day=day, on=on, planned=doses_by(planned, on), accepted=doses_by(accepted, on))
            for day in HORIZONS
            for on in (played.as_of_on + timedelta(days=day),)
        ],
        orders=_answers(played.orders, accepted_orders),
        bookings=_giving_way(played, len(effective)),
        planned_cost_cents=sum(one["price_cents"] for one in planned)
        + sum(body.get("cost_added", body["cost"])["compensation_cents"] for body in played.bodies),
        accepted_cost_cents=sum(one.price_cents for one in accepted_orders)
        + sum(one.compensation_cents for one in effective),
        targets=targets,
        targets_met=sum(target.met for target in targets),
    )


def planned_campaigns(bodies: Iterable[Mapping[str, Any]]) -> list[Campaign]:
    """Return the campaigns of a plan and its amendments that stand: what an amendment gives up of them is left out."""
    found: list[Campaign] = []
    for body in bodies:
        orders = body.get("orders", {})
        ended = {_place(one) for name in ("changed", "released", "lost") for one in orders.get(name, ())}
        found = [campaign for campaign in found if _place(campaign) not in ended] + list(body["campaigns"])
    return found


def doses_by(campaigns: Iterable[Campaign], day: date) -> DoseRange:
    """Return the doses that campaigns release by a day, that day included."""
    total = dict.fromkeys(BASES, 0)
    for campaign in campaigns:
        batches = sum(one["batches"] for one in campaign["deliveries"] if date.fromisoformat(one["on"]) <= day)
        for basis in BASES:
            total[basis] += batches * campaign["doses_per_batch"][basis]
    return DoseRange(**total)


def _place(campaign: Campaign) -> tuple[UUID, date]:
    return UUID(campaign["slot_id"]), date.fromisoformat(campaign["start"])


def _place_of(order: CrisisOrder) -> tuple[UUID, date]:
    return order.slot_id, span_of(order.period).start_on


def _target(target: Mapping[str, Any], planned: Collection[Campaign], accepted: Collection[Campaign]) -> TargetScore:
    by = date.fromisoformat(target["by"])
    reached = doses_by(accepted, by).expected
    return TargetScore(
        by=by,
        quantity=target["quantity"],
        planned=doses_by(planned, by).expected,
        accepted=reached,
        met=reached >= target["quantity"],
    )


def _answers(orders: Sequence[CrisisOrder], accepted: Sequence[CrisisOrder]) -> OrderScore:
    countered = sum(order.counter_earliest_on is not None for order in orders)
    unanswered = sum(order.answered_at is None for order in orders)
    return OrderScore(issued=len(orders), accepted=len(accepted), countered=countered, unanswered=unanswered)


def _giving_way(played: Played, effective: int) -> GivingWay:
    """Return who gives way: by the rows where there are any, else by the plan."""
    asked = {one.booking_id: one for one in played.displacements}
    kinds = [one.kind.value for one in asked.values()]
    if not played.orders:
        kinds = [one["kind"] for body in played.bodies for one in body["displacements"]]
    return GivingWay(
        moved=kinds.count(DisplacementKind.MOVED.value),
        displaced=kinds.count(DisplacementKind.DISPLACED.value),
        effective=effective,
    )
