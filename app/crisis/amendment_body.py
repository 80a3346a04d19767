"""The body of an amendment: what it changes of an activated plan, and how many orders that is; signed as a plan's is.

Pure. `campaigns` and `displacements` are those that it adds; doses, targets and totals are of all that then stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.crisis.body import Delivered, Made, plan_body
from app.crisis.campaigns import BatchDoses, Brief
from app.crisis.declaration import CrisisTarget, YieldBasis
from app.crisis.references import CampaignReference, References
from app.crisis.settling import PlannedCampaign, Settled
from app.crisis.standing import PendingDisplacement, Standing, StandingOrder, as_document

FORMAT = "creneau-crisis-amendment/1"


class Amending(BaseModel):
    """What an amendment was asked for, and from what it was made: kept with its run.

    Attributes
    ----------
    targets
        New ones, or None where they stay.
    unavailable_unit_ids, available_unit_ids
        All units that offer nothing any more, and those that offer something again.
    orders
        All orders of the crisis as they stood.
    short
        Tiers that were not tried, for they cannot meet a target: by which day, what is missing, and the most they make.
    changing
        The campaigns of the problem in which orders may be given up, if there is one.
    batch_doses
        What a batch gives, by unit, where orders stand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan_id: UUID
    plan_hash: str
    reason_code: str
    as_of_on: date
    targets: tuple[CrisisTarget, ...] | None
    unavailable_unit_ids: tuple[UUID, ...]
    available_unit_ids: tuple[UUID, ...] = ()
    orders: list[dict[str, Any]]
    short: tuple[dict[str, Any], ...] = ()
    changing: tuple[CampaignReference, ...] = ()
    batch_doses: dict[UUID, BatchDoses] = {}


def given_up(standing: Standing, campaigns: Iterable[PlannedCampaign]) -> tuple[StandingOrder, ...]:
    """Return the unanswered orders in whose place new campaigns run."""
    new = list(campaigns)
    return tuple(order for order in standing.changeable if any(runs_over(one, order) for one in new))


def runs_over(campaign: PlannedCampaign, place: StandingOrder | PendingDisplacement) -> bool:
    """Tell whether a campaign needs days of a place."""
    return (
        campaign.option.slot_id == place.slot_id
        and campaign.start_on < place.end_on
        and place.start_on < campaign.end_on
    )


def amendment_body(
    made: Made,
    asked: Amending,
    *,
    standing: Standing,
    pending: Sequence[PendingDisplacement],
    filling_from_on: date,
) -> dict[str, Any]:
    """Return the body of an amendment; the calendars that it touches are added by whoever knows their versions.

    Parameters
    ----------
    pending
        The displacements that have yet to take effect.
    filling_from_on
        The first day of the crisis, from which filling counts.
    """
    brief, references, settled = made.brief, made.references, made.settled
    released = given_up(standing, settled.campaigns)
    left = standing.without_orders(one.order_id for one in released)
    delivered = Delivered(_releases(left.kept, brief, asked.batch_doses), filling_from_on)
    body = plan_body(made, {}, delivered)
    gone = [*released, *standing.leaving]
    orders = _orders(references, settled.campaigns, left, gone, standing.lost)
    displacements = _pending(settled, left, gone, pending)
    campaigns = _campaigns(body["campaigns"], settled, displacements, pending)
    return {
        **body,
        "format": FORMAT,
        "tier": max([body["tier"], *(one["tier"] for one in campaigns)]),
        "campaigns": campaigns,
        "amends": {"plan_id": str(asked.plan_id), "plan_hash": asked.plan_hash},
        "reason_code": asked.reason_code,
        "tiers_too_short": list(asked.short),
        "declared_targets": asked.model_dump(mode="json")["targets"],
        "unavailable_unit_ids": [str(unit_id) for unit_id in asked.unavailable_unit_ids],
        "available_unit_ids": [str(unit_id) for unit_id in asked.available_unit_ids],
        "totals": _totals(body["totals"], brief, left.kept, asked.batch_doses),
        "orders": orders,
        "changed_orders": sum(len(orders[name]) for name in ("changed", "released", "new")),
        "pending_displacements": displacements,
        "cost_added": _cost_added(body["cost"], gone, displacements, pending),
    }


def _orders(
    references: References,
    campaigns: Sequence[PlannedCampaign],
    left: Standing,
    gone: Sequence[StandingOrder],
    lost: Sequence[StandingOrder],
) -> dict[str, Any]:
    """Return which orders are kept, changed into which new campaign, released, lost, and which campaigns are new.

    An order that ends, or has ended, is changed where a new campaign runs on the same unit; the nearest one is its
    successor.
    """
    leaving = {one.order_id for one in gone}
    free = set(range(1, len(campaigns) + 1))
    changed: list[dict[str, Any]] = []
    released: list[dict[str, Any]] = []
    lost_for_good: list[dict[str, Any]] = []
    for order in [*gone, *lost]:
        same_unit = [n for n in free if references.places[campaigns[n - 1].option.slot_id].unit_id == order.unit_id]
        if same_unit:
            number = min(same_unit, key=lambda n: (abs((campaigns[n - 1].start_on - order.start_on).days), n))
            free.discard(number)
            changed.append({**as_document(order), "campaign": number})
        else:
            (released if order.order_id in leaving else lost_for_good).append(as_document(order))
    return {
        "kept": [as_document(order) for order in left.kept],
        "changed": changed,
        "released": released,
        "lost": lost_for_good,
        "new": sorted(free),
    }


def _pending(
    settled: Settled, left: Standing, gone: Sequence[StandingOrder], pending: Sequence[PendingDisplacement]
) -> dict[str, Any]:
    """Return what becomes of the displacements that have yet to take effect, and which campaigns wait for them.

    One stays while an order that is kept needs it, and is shared where a campaign needs it too; a campaign in the place
    of an order that was given up takes its own over. One of an order that is released otherwise is dropped, and its
    booking may be asked anew.
    """
    needed = {booking_id for order in left.kept for booking_id in order.waits_for}
    freed = {booking_id for order in gone for booking_id in order.waits_for} - needed
    anew = {one.booking.booking_id for one in settled.displacements}
    becomes: dict[str, Any] = {"stay": [], "shared": [], "passed_on": [], "dropped": []}
    waiting: set[int] = set()
    for one in pending:
        numbers = [number for number, campaign in enumerate(settled.campaigns, 1) if runs_over(campaign, one)]
        waiting |= set(numbers)
        told = {"booking_id": str(one.booking_id), "campaigns": numbers, "tier": one.tier}
        told["start"] = one.start_on.isoformat()
        if one.booking_id not in freed:
            becomes["stay"].append(told["booking_id"])
            becomes["shared"] += [told] if numbers else []
        elif numbers and one.booking_id not in anew:
            becomes["passed_on"].append(told)
        else:
            becomes["dropped"].append(told["booking_id"])
    return {**becomes, "campaigns_waiting": sorted(waiting)}


def _campaigns(
    campaigns: Iterable[Mapping[str, Any]],
    settled: Settled,
    displacements: Mapping[str, Any],
    pending: Iterable[PendingDisplacement],
) -> list[dict[str, Any]]:
    """Return the new campaigns, each at no lower a tier than the pending lots that it waits for."""
    waited_for = [one for one in pending if str(one.booking_id) not in displacements["dropped"]]
    return [
        {**told, "tier": max([told["tier"], *(one.tier for one in waited_for if runs_over(campaign, one))])}
        for told, campaign in zip(campaigns, settled.campaigns, strict=True)
    ]


def _releases(
    kept: Sequence[StandingOrder], brief: Brief, batch_doses: Mapping[UUID, BatchDoses]
) -> dict[YieldBasis, list[tuple[date, int]]]:
    """Return what the orders that stand release by day, on each figure of a yield."""
    return {
        basis: [
            (one.on, _on(basis, one.doses, brief, batch_doses.get(order.unit_id)))
            for order in kept
            for one in order.releases
        ]
        for basis in YieldBasis
    }


def _on(basis: YieldBasis, doses: int, brief: Brief, made: BatchDoses | None) -> int:
    """Return doses of whole batches on another figure of their yield; as ordered where a batch is unknown."""
    each = made.on(brief.rules.yield_basis) if made else 0
    return made.on(basis) * (doses // each) if made and each else doses


def _totals(
    added: Mapping[str, int], brief: Brief, kept: Iterable[StandingOrder], batch_doses: Mapping[UUID, BatchDoses]
) -> dict[str, int]:
    """Return all doses as they are feared, expected and hoped, those of the orders that stand included."""
    return {
        basis: total + sum(_on(YieldBasis(basis), order.doses, brief, batch_doses.get(order.unit_id)) for order in kept)
        for basis, total in added.items()
    }


def _cost_added(
    cost: Mapping[str, int],
    gone: Iterable[StandingOrder],
    displacements: Mapping[str, Any],
    pending: Iterable[PendingDisplacement],
) -> dict[str, int]:
    """Return what the amendment adds to the cost: new orders less released ones, and so with compensation."""
    orders = cost["orders_cents"] - sum(one.price_cents for one in gone)
    dropped = set(displacements["dropped"])
    spared = sum(one.compensation_cents for one in pending if str(one.booking_id) in dropped)
    compensation = cost["compensation_cents"] - spared
    return {
        "orders_cents": orders,
        "compensation_cents": compensation,
        "total_cents": orders + compensation,
    }
