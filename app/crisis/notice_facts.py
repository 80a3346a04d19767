"""The facts of a notice, taken from what was signed and ordered: typed data, from which its text is made.

Pure. Days are ISO texts, periods half-open, money in cents. What a text could say and has no fact for, it leaves out.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from app.crisis.declaration import CrisisRules
from app.crisis.models import CrisisOrder, PowerKind

PLACE = ("site_name", "line_name", "unit_name", "start", "end", "delivery_on", "batches")
"""What is told of a place, of what a plan says of it."""

Facts = dict[str, Any]


class Act(Protocol):
    """A power behind a crisis, with the act it rests on."""

    kind: PowerKind
    act_reference: str
    signatory: str


def act_facts(powers: Iterable[Act], legal_grounds: Iterable[Mapping[str, Any]], subject: str, named: Any) -> Facts:
    """Return the act on which a signed plan rests a campaign or a displacement; nothing if it names none.

    Parameters
    ----------
    legal_grounds
        The grounds in the body of the plan that was signed.
    subject
        `campaigns` or `displaced_booking_ids`: which list of a ground `named` stands in.
    """
    resting_on = {(one["kind"], one["act_reference"]) for one in legal_grounds if named in one[subject]}
    for power in powers:
        if (power.kind.value, power.act_reference) in resting_on:
            act = {"kind": power.kind.value, "reference": power.act_reference, "signatory": power.signatory}
            return {"act": act}
    return {}


def contest_facts(rules: CrisisRules) -> Facts:
    """Return how a decision can be contested, as the rules of the crisis have it."""
    return rules.contest.model_dump(mode="json")


Campaigns = Mapping[tuple[str, str], Mapping[str, Any]]


def by_place(campaigns: Iterable[Mapping[str, Any]]) -> Campaigns:
    """Return the campaigns of a plan by slot and first day."""
    return {(one["slot_id"], one["start"]): one for one in campaigns}


def campaign_of(order: CrisisOrder, campaigns: Campaigns) -> Mapping[str, Any]:
    """Return the campaign that an order is for, as the plan has it; empty where the plan has none there."""
    return campaigns.get((str(order.slot_id), str(order.period.lower)), {})


def order_facts(order: CrisisOrder, campaigns: Campaigns) -> Facts:
    """Return what is told of an order; its campaign in the plan names the place."""
    days, campaign = order.period, campaign_of(order, campaigns)
    told = {
        **{name: campaign[name] for name in PLACE if name in campaign},
        "start": str(days.lower),
        "end": str(days.upper),
        "batches": order.batches,
        "output": order.output,
        "delivery_on": order.delivery_on.isoformat(),
        "price_cents": order.price_cents,
    }
    return {"order": told}


def displacement_facts(signed: Mapping[str, Any], powers: Iterable[Act]) -> Facts:
    """Return what is told of a displacement, by its entry in the signed plan, and the act that it rests on."""
    place = signed["to"]
    return {
        "booking_id": signed["booking_id"],
        "from": _place(signed["from"]),
        **({"to": _place(place)} if place else {}),
        "compensation_cents": signed["compensation_cents"],
        **act_facts(powers, signed["legal_grounds"], "displaced_booking_ids", signed["booking_id"]),
    }


def _place(place: Mapping[str, Any]) -> Facts:
    return {name: place[name] for name in PLACE if name in place}
