"""The crisis of a simulated year: drawn once for a seed, then planned by the service's own planner, tier by tier."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from app.allocation.escalation import is_met
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.crisis.campaigns import Brief, campaigns_of_unit
from app.crisis.declaration import CrisisRules, CrisisScope, CrisisTarget
from app.crisis.planner import tier_problems
from app.crisis.power_scope import tiers_within
from app.crisis.rules import BookingFacts, Power, Tier
from app.crisis.scoping import Calendars, board_of, references_of
from app.crisis.settling import Settled, settle
from app.matching.facts import RequestFacts
from scheduler.solve import NoPlan, solve
from seed.fleet import Place
from seed.identifiers import identifier
from seed.scenario.chance import Chance
from seed.simulation.countermeasures import COUNTERMEASURES, prequalified
from seed.simulation.plan import FIRST_DAY, RANDOM, SimulationPlan

TARGET_DAYS = (30, 60, 90)
VALID_DAYS = 180
EARLIEST_PART, LATEST_PART = 0.2, 0.6
"""Of the year that is measured: the crisis begins between the two, so that its targets lie in the year."""


def draw_crisis(units: Sequence[Place], slots: Iterable[SlotFacts], plan: SimulationPlan, seed: int) -> Brief:
    """The crisis of a seed: the same day, countermeasure, sites and targets under every policy."""
    chance = Chance(seed, "simulation", "crisis")
    day = FIRST_DAY + timedelta(days=int(plan.days * chance.between(EARLIEST_PART, LATEST_PART)))
    drawn = chance.pick(sorted(COUNTERMEASURES))
    name = drawn if plan.countermeasure == RANDOM else plan.countermeasure
    share = plan.assumptions.prequalified_share
    sites = sorted({place.site.id for place in units})
    known = {site for site in sites if Chance(seed, "simulation", "prequalified", site).happens(share)}
    validity = (day, day + timedelta(days=VALID_DAYS))
    powers = tuple(Power(kind, *validity) for kind in plan.powers)
    brief = Brief(
        crisis_id=identifier("simulated-crisis", seed),
        as_of_on=day,
        start_on=day,
        end_on=validity[1],
        countermeasure=prequalified(name, known),
        targets=tuple(CrisisTarget(by=day + timedelta(days=after), quantity=1) for after in TARGET_DAYS),
        scope=CrisisScope(),
        rules=CrisisRules(),
        tiers=tiers_within(powers, Span(*validity)),
        powers=powers,
    )
    facts = {place.unit.id: place.facts for place in units}
    return replace(brief, targets=tuple(_targets(brief, facts, tuple(slots), plan.assumptions.target_share)))


def _targets(
    brief: Brief, units: Mapping[UUID, UnitFacts], slots: Sequence[SlotFacts], share: float
) -> Iterable[CrisisTarget]:
    """For each target day a share of the doses that the slots could give by then, were nothing booked.

    A day by which nobody could give any has no target, but for the last one, which then is a single dose.
    """
    most = dict.fromkeys((target.by for target in brief.targets), 0)
    for unit in units.values():
        campaigns, _ = campaigns_of_unit(brief, unit, [slot for slot in slots if slot.unit_id == unit.unit_id])
        for by in most:
            best: dict[UUID, int] = {}
            for one in campaigns:
                batches = sum(n for after, n in one.releases if one.earliest_on + timedelta(days=after) <= by)
                best[one.slot_id] = max(best.get(one.slot_id, 0), batches * one.doses.expected)
            most[by] += sum(best.values())
    return [
        CrisisTarget(by=by, quantity=max(1, round(doses * share)))
        for by, doses in most.items()
        if doses or by == brief.last_target_on
    ]


@dataclass(frozen=True, slots=True)
class Situation:
    """The calendars on the day of the crisis."""

    units: Mapping[UUID, UnitFacts]
    slots: Mapping[UUID, Sequence[SlotFacts]]
    bookings: tuple[BookingFacts, ...]
    requests: Mapping[UUID, RequestFacts]


def plan_crisis(brief: Brief, situation: Situation, budget: float) -> Settled:
    """What stands of the plan: the tiers that the powers open, in order, until the targets are met."""
    nothing = Settled((), (), ())
    if not brief.tiers or not any(situation.slots.values()):
        return nothing
    calendars = Calendars(
        units=situation.units,
        slots={unit_id: list(slots) for unit_id, slots in situation.slots.items()},
        bookings=situation.bookings,
        requests=situation.requests,
        reserved={},
        versions={},
    )
    board, reasons = board_of(brief, calendars)
    references = references_of(board, reasons)
    settled = nothing
    for step in tier_problems(board):
        try:
            solution = json.loads(solve(step.problem, seed=1, workers=1, budget=budget).to_json())
        except NoPlan:
            continue
        settled = settle(solution, references, brief.rules, brief.last_target_on)
        if is_met(json.loads(step.problem.to_json()), solution):
            break
    return settled


def doses_by(settled: Settled, by: date, setting_seed: int, failed_share: float, *, upto: Tier = Tier.CONFIRMED) -> int:
    """The doses released by a day, those of batches that fail left out: the same start fails or not under every policy.

    Parameters
    ----------
    upto
        Campaigns in capacity of a later tier are left out.
    """
    total = 0
    for campaign in settled.campaigns:
        if campaign.option.tier > upto:
            continue
        for number, (on, batches) in enumerate(campaign.releases):
            if on <= by:
                chance = Chance(
                    setting_seed, "simulation", "campaign", campaign.option.slot_id, campaign.start_on, number
                )
                total += campaign.option.expected * sum(not chance.happens(failed_share) for _ in range(batches))
    return total
