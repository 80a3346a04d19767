"""Plans that grant a wish by force: whoever is in the way goes, and the room left over is filled again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scheduler.explanation.statements import Who
from scheduler.explanation.stretches import Held, held_by, stretches
from scheduler.explanation.subjects import Keeping, Placing, Wish
from scheduler.occupancy import spans, start_range
from scheduler.plan import Choice, Plan
from scheduler.problem import Option, Problem
from scheduler.tidy import filled


def ousting_plans(problem: Problem, plan: Plan, wish: Wish) -> Iterator[Plan]:
    """Yield plans that grant the wish, each found in little time; they may break caps, limits and fixed bookings."""
    if isinstance(wish, Keeping):
        booking = wish.booking
        moved = {name: choice for name, choice in plan.moved.items() if name != booking.id}
        back = replace(plan, moved=moved, displaced=plan.displaced - {booking.id})
        yield _forced(problem, back, Held(wish.who, booking.window, booking.start, booking.end))
    elif isinstance(wish, Placing):
        demand = wish.demand
        for index in sorted(wish.options, key=lambda index: demand.options[index].rank):
            option = demand.options[index]
            for start in _starts(problem, plan, option, wish.who):
                put = replace(plan, placed={**plan.placed, demand.id: Choice(index, start)})
                yield _forced(problem, put, held_by(wish.who, option, start))


def _starts(problem: Problem, plan: Plan, option: Option, subject: Who) -> list[int]:
    """Return the first and last start, and those at which the option adjoins someone else."""
    first, last = start_range(spans(problem), option)
    starts = {first, last}
    for held in stretches(problem, plan):
        if held.window == option.window and held.who != subject:
            starts |= {held.start - option.duration, held.end}
    return sorted(start for start in starts if first <= start <= last)


def _forced(problem: Problem, plan: Plan, place: Held) -> Plan:
    """Return the plan without whoever else is in a place, and with the room that they and others can use filled."""
    ousted = {held.who for held in stretches(problem, plan) if held.meets(place) and held.who != place.who}
    demands = {who.id for who in ousted if who.kind == "demand"}
    bookings = frozenset(who.id for who in ousted if who.kind == "movable" and who.id is not None)
    surges = {surge.id: surge for surge in problem.surges}
    works = ((run, held_by(place.who, surges[run.surge].options[run.option], run.start)) for run in plan.runs)
    left = Plan(
        {name: choice for name, choice in plan.placed.items() if name not in demands},
        tuple(run for run, work in works if not work.meets(place)),
        {name: choice for name, choice in plan.moved.items() if name not in bookings},
        plan.displaced | bookings,
    )
    return filled(problem, left)
