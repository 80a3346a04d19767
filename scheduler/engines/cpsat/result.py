"""Plans into hints, and the solver's values back into plans."""

from __future__ import annotations

from collections import defaultdict

from ortools.sat.python import cp_model

from scheduler.engines.cpsat.variables import Slot, Variables
from scheduler.plan import Choice, Plan, Run, deliveries, keeps


def hint_plan(made: Variables, plan: Plan) -> None:
    """Give the model every variable's value in the plan as a hint."""
    problem, model = made.problem, made.model
    for (d, o), slot in made.placements.items():
        _hint(model, slot, _start(plan.placed.get(problem.demands[d].id), o))
    for (b, o), slot in made.moves.items():
        _hint(model, slot, _start(plan.moved.get(problem.movable[b].id), o))
    for b, slot in made.keeps.items():
        _hint(model, slot, slot.first if keeps(plan, problem.movable[b]) else None)
    for b, gone in made.displaced.items():
        model.add_hint(gone, problem.movable[b].id in plan.displaced)
    served = {demand.party for demand in problem.demands if demand.id in plan.placed}
    for party, literal in made.served.items():
        model.add_hint(literal, party in served)
    _hint_campaigns(made, plan)


def _start(choice: Choice | None, option: int) -> int | None:
    return choice.start if choice is not None and choice.option == option else None


def _hint(model: cp_model.CpModel, slot: Slot, start: int | None) -> None:
    if slot.is_pinned:
        return
    model.add_hint(slot.presence, start is not None)
    if not isinstance(slot.start, int):
        model.add_hint(slot.start, slot.first if start is None else start)


def _hint_campaigns(made: Variables, plan: Plan) -> None:
    starts: dict[tuple[str, int], list[int]] = defaultdict(list)
    for run in plan.runs:
        starts[run.surge, run.option].append(run.start)
    starting: dict[int, int | None] = {}
    for (s, o), copies in made.runs.items():
        taken = sorted(starts[made.problem.surges[s].id, o])
        rest: list[int | None] = [None] * (len(copies) - len(taken))
        for copy, start in zip(copies, [*taken, *rest], strict=False):
            _hint(made.model, copy, start)
            starting[id(copy)] = start
    for sooner in (sooner for window in made.early.values() for sooner in window):
        start = starting[id(sooner.slot)]
        made.model.add_hint(sooner.literal, start is not None and start <= sooner.last)
    for (s, t), output in made.outputs.items():
        surge = made.problem.surges[s]
        target = surge.targets[t]
        made_by = sum(
            quantity
            for run in plan.runs
            if run.surge == surge.id
            for day, quantity in deliveries(surge.options[run.option], run.start)
            if day <= target.by
        )
        made.model.add_hint(output, min(target.quantity, made_by))


def plan_from(made: Variables, solver: cp_model.CpSolver) -> Plan:
    """Return the plan that the solver's values describe."""
    problem = made.problem
    placed = {
        problem.demands[d].id: Choice(o, _value(solver, slot))
        for (d, o), slot in made.placements.items()
        if solver.boolean_value(slot.presence)
    }
    moved = {
        problem.movable[b].id: Choice(o, _value(solver, slot))
        for (b, o), slot in made.moves.items()
        if solver.boolean_value(slot.presence)
    }
    runs = tuple(
        Run(problem.surges[s].id, o, _value(solver, slot))
        for (s, o), copies in made.runs.items()
        for slot in copies
        if solver.boolean_value(slot.presence)
    )
    gone = {problem.movable[b].id for b, literal in made.displaced.items() if solver.boolean_value(literal)}
    return Plan(placed, runs, moved, frozenset(gone))


def _value(solver: cp_model.CpSolver, slot: Slot) -> int:
    return slot.start if isinstance(slot.start, int) else int(solver.value(slot.start))
