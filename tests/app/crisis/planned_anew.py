"""Planning anew without a database: lines, lots and orders as they stand, and the amendment that comes of them."""

import json
from typing import Any
from uuid import UUID

from app.allocation.escalation import is_met, surge_reached
from app.capacity.supply import ModalityTerms, SlotFacts, Span, UnitFacts
from app.core.vocabulary import Reserve
from app.crisis.amendment_body import Amending, amendment_body
from app.crisis.amendment_grounds import outcome_of
from app.crisis.amendment_work import Work, work_on
from app.crisis.campaigns import Brief
from app.crisis.composing import made_of
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget
from app.crisis.models import PowerKind
from app.crisis.rules import BookingFacts, Power, Tier
from app.crisis.scoping import Calendars
from app.crisis.standing import PendingDisplacement, StandingOrder, standing_of
from app.crisis.stock import Stock
from scheduler.baselines import BASELINES
from scheduler.objectives import value
from scheduler.plan import solution_of
from scheduler.problem import Problem
from scheduler.solution import Level
from scheduler.solve import solve
from tests.app.crisis.conftest import countermeasure
from tests.support.world import day

SLOT_DAYS = 120
UNIT, LINE, SITE, CDMO, SLOT = (UUID(int=number) for number in range(1, 6))


def brief(*targets: tuple[int, int], **made: object) -> Brief:
    return Brief(
        crisis_id=UUID(int=9),
        as_of_on=day(0),
        start_on=day(0),
        end_on=day(300),
        countermeasure=Countermeasure.model_validate(countermeasure(**made)),
        targets=tuple(CrisisTarget(by=day(by), quantity=quantity) for by, quantity in targets),
        scope=CrisisScope(),
        rules=CrisisRules(),
        tiers=tuple(Tier),
        powers=(Power(PowerKind.REQUISITION_OR_ORDER, day(0), day(300)),),
    )


def unit(**given: object) -> UnitFacts:
    facts: dict[str, object] = {
        "unit_id": UNIT,
        "line_id": LINE,
        "site_id": SITE,
        "organisation_id": CDMO,
        "first_batch_days": 40,
        "cadence_days": 17,
        "changeover_days": 3,
        "modalities": ("monoclonal_antibody",),
        "platforms": ("CHO",),
        "gmp_phases": ("phase_2",),
        "working_volume_l": 2000.0,
        "terms": {"monoclonal_antibody": ModalityTerms("monoclonal_antibody", 42, price_cents=100)},
    }
    return UnitFacts(**(facts | given))  # type: ignore[arg-type]


def stock(orders: list[StandingOrder], pending: tuple[PendingDisplacement, ...] = (), **told: Any) -> Stock:
    standing = standing_of(orders, answered_for=frozenset(), unavailable=told.pop("unavailable", frozenset()), **told)
    return Stock(UUID(int=1), "0" * 64, tuple(orders), pending, standing, {})


def calendars(
    lines: int, bookings: tuple[BookingFacts, ...] = (), *, end: int = SLOT_DAYS, ends: dict[int, int] | None = None
) -> Calendars:
    """Return so many lines, numbered from 1, with a slot of the crisis reserve each; the last is a little dearer."""
    terms = {n: ModalityTerms("monoclonal_antibody", 42, price_cents=100 + n // lines) for n in range(1, lines + 1)}
    units = {
        UUID(int=200 + n): unit(unit_id=UUID(int=200 + n), terms={"monoclonal_antibody": terms[n]})
        for n in range(1, lines + 1)
    }
    slots = {
        UUID(int=200 + n): [
            SlotFacts(
                slot_id=UUID(int=100 + n),
                unit_id=UUID(int=200 + n),
                period=Span(day(0), day((ends or {}).get(n, end))),
                reserve=Reserve.CRISIS,
                busy=tuple(Span(one.start_on, one.end_on) for one in bookings if one.slot_id == UUID(int=100 + n)),
            )
        ]
        for n in range(1, lines + 1)
    }
    return Calendars(units, slots, bookings, {}, {}, dict.fromkeys(units, 1))


def booking(number: int, line: int, start: int, end: int) -> BookingFacts:
    return BookingFacts(
        booking_id=UUID(int=number),
        slot_id=UUID(int=100 + line),
        unit_id=UUID(int=200 + line),
        organisation_id=UUID(int=5),
        start_on=day(start),
        end_on=day(end),
        delivery_on=day(end + 39),
        price_cents=1_000,
    )


def amended(asked_for: Brief, on: Calendars, taken: Stock, *, by_greed: bool = False) -> tuple[Work, dict[str, Any]]:
    """Return what there was to solve, and the body of the amendment that its solution comes to."""
    work = work_on(asked_for, on, taken, is_drill=True, filling_from_on=day(0))
    for one in work.problems:
        document = json.loads(one.problem.to_json())
        solved = _greedy(one.problem) if by_greed else solve(one.problem, time_limit_s=2)
        solution = json.loads(solved.to_json())
        if is_met(document, solution):
            break
    asked = Amending(
        plan_id=taken.plan_id,
        plan_hash=taken.plan_hash,
        reason_code="other",
        as_of_on=asked_for.as_of_on,
        targets=None,
        unavailable_unit_ids=(),
        orders=taken.documents,
        changing=work.changing_references,
        batch_doses=dict(work.batch_doses),
    )
    outcome = outcome_of(document, solution, work.references, asked, asked_for)
    if not outcome.settled.withheld:  # kept orders count beside new campaigns, towards what was missing
        assert sum(outcome.doses.values()) == surge_reached(solution)
    made = made_of(asked_for, work.references, outcome.settled, document, solution, mode="drill", tiers_tried=[])
    body = amendment_body(made, asked, standing=taken.standing, pending=taken.pending, filling_from_on=day(0))
    return work, body


def _greedy(problem: Problem) -> Any:
    plan = BASELINES["greedy"](problem)
    levels = tuple(Level(name, value(problem, plan, name), 10**12, False) for name in problem.objectives)
    return solution_of(problem, plan, status="feasible", levels=levels, engine="greedy", seed=0)
