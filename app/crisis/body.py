"""The body of a plan, which is what is signed, and its hash.

Pure. The body is JSON without fractions, so that reading it back from the database gives the same hash.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from app.crisis.campaigns import Brief
from app.crisis.declaration import CrisisTarget, YieldBasis
from app.crisis.references import References
from app.crisis.rules import Tier, compensation_cents
from app.crisis.settling import PlannedCampaign, PlannedDisplacement, Settled, overlaps

FORMAT = "creneau-crisis-plan/1"
DOSE_UNIT = "bulk dose-equivalents"
DAYS_A_WEEK = 7
FRACTIONS = {"volume_min_l", "volume_max_l"}
"""Left out of what is signed; the crisis keeps them."""


def plan_hash(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a body's canonical JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Made:
    """What a body is written from, whichever way it came about: proposed, made to choose from, or as an amendment.

    Attributes
    ----------
    mode
        That of the crisis.
    tiers_tried
        For each tier solved, what it reached.
    points
        What the displacements weigh: the value of the engine's objective for them.
    solved_for
        The order of objectives, the limits, and what was reached of each and proven of it.
    """

    brief: Brief
    references: References
    settled: Settled
    mode: str
    tiers_tried: Sequence[Mapping[str, Any]]
    points: int
    solved_for: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What orders deliver already, which counts beside the campaigns.

    Attributes
    ----------
    releases
        Doses by day, on each figure of a yield.
    filling_from_on
        The day from which filling counts; that of planning if left out.
    """

    releases: Mapping[YieldBasis, Iterable[tuple[date, int]]] = field(default_factory=dict)
    filling_from_on: date | None = None


def plan_body(made: Made, calendar_versions: Mapping[str, int], standing: Delivered | None = None) -> dict[str, Any]:
    """Return the body of a plan: campaigns, doses against time and targets, who gives way, and what it costs.

    Parameters
    ----------
    calendar_versions
        The calendars that the plan was made from; it is out of date when one has changed.
    """
    brief, references, settled = made.brief, made.references, made.settled
    campaigns = [_campaign(brief, references, settled, one) for one in settled.campaigns]
    displacements = [_displacement(brief, references, settled, one) for one in settled.displacements]
    return {
        **_sought(made),
        **_reached(made, standing or Delivered()),
        "tier": max([int(Tier.IDLE_CRISIS), *(one["tier"] for one in campaigns)]),
        "campaigns": campaigns,
        "displacements": displacements,
        "displacement": _asked_of_others(displacements, made.points),
        "solved_for": dict(made.solved_for),
        "withheld_campaigns": len(settled.withheld),
        "cost": _cost(campaigns, displacements),
        "reasons": [reason.model_dump(mode="json") for reason in references.reasons],
        "calendar_versions": dict(calendar_versions),
    }


def _sought(made: Made) -> dict[str, Any]:
    """Return what was to be made, under which rules, and how far capacity was called for it."""
    brief = made.brief
    return {
        "format": FORMAT,
        "crisis_id": str(brief.crisis_id),
        "mode": made.mode,
        "dose_unit": DOSE_UNIT,
        "as_of": brief.as_of_on.isoformat(),
        "countermeasure": brief.countermeasure.model_dump(mode="json", exclude=FRACTIONS),
        "rules": brief.rules.model_dump(mode="json"),
        "open_tiers": [int(tier) for tier in brief.tiers],
        "tiers": [dict(one) for one in made.tiers_tried],
    }


def _reached(made: Made, standing: Delivered) -> dict[str, Any]:
    """Return the doses, day by day, against each target, and in all."""
    brief, campaigns = made.brief, made.settled.campaigns
    curves = {
        basis: dose_curve(
            _counting(brief, basis), campaigns, standing.releases.get(basis, ()), standing.filling_from_on
        )
        for basis in YieldBasis
    }
    curve = curves[brief.rules.yield_basis]
    targets = [_target(target, curve, curves) for target in brief.targets]
    return {
        "targets": targets,
        "targets_met": all(target["met"] for target in targets),
        "doses": [{**point, **_ranges(curves, index)} for index, point in enumerate(curve)],
        "totals": _totals(campaigns),
    }


def _asked_of_others(displacements: Sequence[Mapping[str, Any]], points: int) -> dict[str, int]:
    return {
        "bookings": len(displacements),
        "moved": sum(one["kind"] == "moved" for one in displacements),
        "displaced": sum(one["kind"] == "displaced" for one in displacements),
        "points": points,
    }


def _cost(campaigns: Iterable[Mapping[str, Any]], displacements: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    orders = sum(one["price_cents"] for one in campaigns)
    compensation = sum(one["compensation_cents"] for one in displacements)
    return {"orders_cents": orders, "compensation_cents": compensation, "total_cents": orders + compensation}


def dose_curve(
    brief: Brief,
    campaigns: Iterable[PlannedCampaign],
    standing: Iterable[tuple[date, int]] = (),
    filling_from_on: date | None = None,
) -> list[dict[str, Any]]:
    """Return the doses released day by day: each day's, their sum, and how many of them are filled by then.

    Where the filling capacity is not known, all that is released counts as filled. What waits to be filled is filled
    at the weekly rate, from the day of planning on.
    """
    released: dict[date, int] = {}
    for on, doses in standing:
        released[on] = released.get(on, 0) + doses
    for campaign in campaigns:
        each: int = getattr(campaign.option, brief.rules.yield_basis.value)
        for on, batches in campaign.releases:
            released[on] = released.get(on, 0) + batches * each
    for target in brief.targets:
        released.setdefault(target.by, 0)
    cap = brief.countermeasure.fill_cap_per_week
    curve: list[dict[str, Any]] = []
    total = filled = 0
    before = filling_from_on or brief.as_of_on
    for on in sorted(released):
        if cap is not None:
            filled = min(total, filled + cap * max(0, (on - before).days) // DAYS_A_WEEK)
        before = max(before, on)
        total += released[on]
        reached = total if cap is None else filled
        curve.append({"on": on.isoformat(), "doses": released[on], "cumulative": total, "filled": reached})
    return curve


def _counting(brief: Brief, basis: YieldBasis) -> Brief:
    """Return the same crisis, counted on another of the three figures of a yield."""
    return replace(brief, rules=brief.rules.model_copy(update={"yield_basis": basis}))


def _ranges(curves: Mapping[YieldBasis, Sequence[Mapping[str, Any]]], index: int) -> dict[str, Any]:
    """Return what is released and filled by one day of the curves, which share their days, on each figure."""
    return {
        basis.value: {"cumulative": curve[index]["cumulative"], "filled": curve[index]["filled"]}
        for basis, curve in curves.items()
    }


def _target(
    target: CrisisTarget,
    curve: Sequence[Mapping[str, Any]],
    curves: Mapping[YieldBasis, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Return a target with what is released and filled by then, and whether what is filled meets it."""
    index = next(index for index, point in enumerate(curve) if point["on"] == target.by.isoformat())
    reached = _ranges(curves, index)
    return {
        "by": target.by.isoformat(),
        "quantity": target.quantity,
        "reached": curve[index]["cumulative"],
        "filled": curve[index]["filled"],
        "met": curve[index]["filled"] >= target.quantity,
        **{
            basis: {"reached": at["cumulative"], "filled": at["filled"], "met": at["filled"] >= target.quantity}
            for basis, at in reached.items()
        },
    }


def _totals(campaigns: Iterable[PlannedCampaign]) -> dict[str, int]:
    totals = {"low": 0, "expected": 0, "high": 0}
    for campaign in campaigns:
        for basis in totals:
            each: int = getattr(campaign.option, basis)
            totals[basis] += each * sum(batches for _, batches in campaign.option.releases)
    return totals


def _campaign(brief: Brief, references: References, settled: Settled, one: PlannedCampaign) -> dict[str, Any]:
    option = one.option
    ousted = [gone.booking for gone in settled.displacements if overlaps(one, gone.booking)]
    each: int = getattr(option, brief.rules.yield_basis.value)
    return {
        **references.places[option.slot_id].model_dump(mode="json"),
        "number": settled.campaigns.index(one) + 1,
        "start": one.start_on.isoformat(),
        "end": one.end_on.isoformat(),
        "batches": option.batches,
        "engineering_batches": option.engineering_batches,
        "output": each * option.batches,
        "doses_per_batch": {basis.value: getattr(option, basis.value) for basis in YieldBasis},
        "deliveries": [
            {"on": on.isoformat(), "batches": batches, "doses": batches * each} for on, batches in one.releases
        ],
        "delivery_on": one.releases[-1][0].isoformat(),
        "price_cents": option.price_cents,
        "tier": max([option.tier, *(booking.tier for booking in ousted)]),
    }


def _displacement(brief: Brief, references: References, settled: Settled, one: PlannedDisplacement) -> dict[str, Any]:
    booking, move = one.booking, one.move
    recallable = booking.tier < Tier.CONFIRMED
    causes = [number for number, campaign in enumerate(settled.campaigns, 1) if overlaps(campaign, booking)]
    to = None
    if move is not None:
        to = {
            **references.places[move.option.slot_id].model_dump(mode="json"),
            "start": move.start_on.isoformat(),
            "end": move.end_on.isoformat(),
            "delivery_on": move.delivery_on.isoformat(),
            "batches": move.option.batches,
            "instant": move.option.instant,
            "later_days": (move.start_on - booking.start_on) // timedelta(days=1),
        }
    return {
        "booking_id": str(booking.booking_id),
        "organisation_id": str(booking.organisation_id),
        "kind": "displaced" if move is None else "moved",
        "tier": booking.tier,
        "recallable": recallable,
        "notice_days": booking.notice_days,
        "from": {
            **references.places[booking.slot_id].model_dump(mode="json"),
            "start": booking.start_on.isoformat(),
            "end": booking.end_on.isoformat(),
            "delivery_on": booking.delivery_on.isoformat(),
        },
        "to": to,
        "campaigns": causes,
        "compensation_cents": compensation_cents(
            brief.rules, booking.price_cents, moved=move is not None, recallable=recallable
        ),
    }
