"""Whether powers in force still bear a plan: asked when it is proposed, signed and activated, and of each order."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.facts import unit_facts
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.crisis import repository
from app.crisis.declaration import CrisisScope
from app.crisis.errors import PowerLacking
from app.crisis.models import Crisis, CrisisOrder, CrisisPlan, PlanStatus
from app.crisis.power_scope import grounds, usable
from app.crisis.rules import Power, Tier
from app.crisis.standing import awaited_anew


async def powers_in(session: AsyncSession, crisis: Crisis) -> tuple[Power, ...]:
    """Return the powers that open anything in a crisis, in the order in which they were given."""
    rows = (await repository.powers_of(session, [crisis.id]))[crisis.id]
    powers = [
        Power(row.kind, *span_of(row.validity), row.act_reference, CrisisScope.model_validate(row.scope))
        for row in rows
    ]
    return usable(powers, crisis.mode)


class Call(NamedTuple):
    """A place that is called upon from a day on, at a tier: a campaign's, or that of a booking that gives way to it."""

    unit_id: UUID
    tier: Tier
    start_on: date


def signed_tiers(plans: Iterable[CrisisPlan]) -> dict[UUID, Tier]:
    """Return the tier at which each booking gives way, as the last of the activated plans that names it has it."""
    activated = [plan for plan in plans if plan.status is PlanStatus.ACTIVATED]
    return {UUID(one["booking_id"]): Tier(one["tier"]) for plan in activated for one in plan.body["displacements"]}


async def require_power_for(
    session: AsyncSession, crisis: Crisis, order: CrisisOrder, giving_way: Sequence[UUID]
) -> None:
    """Let pass only an order that rests on a power in force, for all that has to give way to it.

    Parameters
    ----------
    giving_way
        The bookings that would give way to it: each rests on a power by its own tier, whatever the order's is.

    Raises
    ------
    PowerLacking
        If there is none.
    """
    signed = signed_tiers(await repository.plans_of(session, crisis.id, {PlanStatus.ACTIVATED})) if giving_way else {}
    tiers = [Tier(order.tier), *(signed[booking_id] for booking_id in giving_way)]
    start_on = span_of(order.period).start_on
    await _grounds(session, crisis, [Call(order.unit_id, tier, start_on) for tier in tiers])


async def require_powers_for(session: AsyncSession, crisis: Crisis, body: Mapping[str, Any]) -> None:
    """Let pass only a plan of which every campaign and every displacement rests on a power in force.

    Raises
    ------
    PowerLacking
        With each that rests on none.
    """
    await legal_grounds_of(session, crisis, body)


async def legal_grounds_of(session: AsyncSession, crisis: Crisis, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each power that a plan rests on, with the campaigns and the displacements that do.

    Raises
    ------
    PowerLacking
        With each that rests on none.
    """
    starts = {one["number"]: date.fromisoformat(one["start"]) for one in body["campaigns"]}
    campaigns = [Call(UUID(one["unit_id"]), Tier(one["tier"]), starts[one["number"]]) for one in body["campaigns"]]
    units = {one["number"]: UUID(one["unit_id"]) for one in body["campaigns"]}
    giving_way = [*body["displacements"], *awaited_anew(body)]
    displaced = [
        [Call(units[number], Tier(one["tier"]), starts[number]) for number in one["campaigns"]] for one in giving_way
    ]
    found = await _grounds(session, crisis, [*campaigns, *(call for calls in displaced for call in calls)])
    told: dict[tuple[str, str], dict[str, Any]] = {}
    for one, call in zip(body["campaigns"], campaigns, strict=True):
        _told(told, found[call])["campaigns"].append(one["number"])
    for one, calls in zip(giving_way, displaced, strict=True):
        for entry in {id(entry): entry for entry in (_told(told, found[call]) for call in calls)}.values():
            entry["displaced_booking_ids"].append(one["booking_id"])
    return [told[key] for key in sorted(told)]


def _told(told: dict[tuple[str, str], dict[str, Any]], power: Power) -> dict[str, Any]:
    key = (power.kind.value, power.act_reference)
    empty = {"kind": key[0], "act_reference": key[1], "campaigns": [], "displaced_booking_ids": []}
    return told.setdefault(key, empty)


async def _grounds(session: AsyncSession, crisis: Crisis, calls: Sequence[Call]) -> dict[Call, Power]:
    """Return the first power in force that each call rests on; one that has ended bears nothing any more."""
    powers = [power for power in await powers_in(session, crisis) if today() < power.end_on]
    units = await unit_facts(session, unit_ids={call.unit_id for call in calls})
    found = {}
    for call in calls:
        resting_on = grounds(powers, units[call.unit_id], call.tier, call.start_on)
        if resting_on:
            found[call] = resting_on[0]
    _require_all(call for call in calls if call not in found)
    return found


def _require_all(lacking: Iterable[Call]) -> None:
    told = [
        {"unit_id": str(call.unit_id), "tier": int(call.tier), "start": call.start_on.isoformat()}
        for call in dict.fromkeys(lacking)
    ]
    if told:
        raise PowerLacking(
            f"{len(told)} of the places called upon rest on no power that is in force there: renew the power, or plan"
            " again.",
            facts={"lacking": told},
        )
