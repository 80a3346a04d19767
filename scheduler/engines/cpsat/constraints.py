"""What every plan respects: one small function a rule, and one ordered list of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from ortools.sat.python import cp_model

from scheduler.engines.cpsat.cuts import Energetic, energy_cuts
from scheduler.engines.cpsat.objective import expression_of
from scheduler.engines.cpsat.variables import Early, Slot, Variables
from scheduler.problem import is_maximised
from scheduler.tasks import Hold

MANY_CUTS, FEW_CUTS = 15, 5
LARGE_MODEL = 5_000


def add_constraints(made: Variables, holds: tuple[Hold, ...], served: frozenset[str] = frozenset()) -> None:
    """Add every rule to the model, then the limits, the holds, and the parties to serve."""
    for add in CONSTRAINTS:
        add(made)
    for name, most in sorted(made.problem.limits.items()):
        made.model.add(expression_of(made, name) <= most)
    for hold in holds:
        held = expression_of(made, hold.objective)
        made.model.add(held >= hold.value if is_maximised(hold.objective) else held <= hold.value)
    if served:
        for party, presences in _by_party(made).items():
            if party in served:
                made.model.add_bool_or(presences)


def add_unserved(made: Variables, parties: frozenset[str]) -> list[cp_model.IntVar]:
    """Return, for each of some parties, a variable that must be true where the party is not served."""
    of_party = _by_party(made)
    variables = []
    for party in sorted(parties):
        unserved = made.model.new_bool_var("")
        made.model.add_bool_or([*of_party[party], unserved])
        variables.append(unserved)
    return variables


def _by_party(made: Variables) -> dict[str, list[cp_model.IntVar]]:
    demands = made.problem.demands
    presences: dict[str, list[cp_model.IntVar]] = defaultdict(list)
    for (d, _), slot in made.placements.items():
        presences[demands[d].party].append(slot.presence)
    return presences


def one_option_per_demand(made: Variables) -> None:
    """A demand takes at most one of its options."""
    chosen: dict[int, list[cp_model.IntVar]] = defaultdict(list)
    for (d, _), slot in made.placements.items():
        chosen[d].append(slot.presence)
    for presences in chosen.values():
        made.model.add_at_most_one(presences)


def one_fate_per_booking(made: Variables) -> None:
    """A movable booking keeps its place, moves to one option, or is displaced."""
    fates: dict[int, list[cp_model.IntVar]] = {b: [gone] for b, gone in made.displaced.items()}
    for b, slot in made.keeps.items():
        fates[b].append(slot.presence)
    for (b, _), slot in made.moves.items():
        fates[b].append(slot.presence)
    for presences in fates.values():
        made.model.add_exactly_one(presences)


def no_overlap_in_window(made: Variables) -> None:
    """A window runs one campaign at a time; starts already miss its fixed bookings."""
    for slots in made.by_window.values():
        made.model.add_no_overlap([slot.interval for slot in slots if slot.interval is not None])


def campaigns_in_order(made: Variables) -> None:
    """Campaigns of one option are alike: they run in the order of their numbers."""
    for copies in made.runs.values():
        for before, after in pairwise(copies):
            made.model.add_implication(after.presence, before.presence)
            made.model.add(after.start >= before.start + before.duration).only_enforce_if(after.presence)


def outputs_by_day(made: Variables) -> None:
    """A target counts what its surge's campaigns make available by its day."""
    available: dict[tuple[int, int], list[tuple[cp_model.IntVar, int]]] = defaultdict(list)
    for (s, o), copies in made.runs.items():
        surge = made.problem.surges[s]
        for copy in copies:
            starts_by: dict[int, cp_model.IntVar | None] = {}
            for t, target in enumerate(surge.targets):
                for batch in surge.options[o].batches:
                    day = target.by - batch.after
                    if day not in starts_by:
                        starts_by[day] = _present_by(made, copy, day)
                    in_time = starts_by[day]
                    if in_time is not None and batch.output:
                        available[s, t].append((in_time, batch.output))
    for key, output in made.outputs.items():
        literals = [literal for literal, _ in available[key]]
        amounts = [amount for _, amount in available[key]]
        made.model.add(output <= cp_model.LinearExpr.weighted_sum(literals, amounts))


def _present_by(made: Variables, slot: Slot, day: int) -> cp_model.IntVar | None:
    """Return a literal that implies the slot is present and starts by the day; None where it cannot."""
    if slot.last <= day:
        return slot.presence
    if slot.first > day:
        return None
    in_time = made.model.new_bool_var("")
    made.model.add_implication(in_time, slot.presence)
    made.model.add(slot.start <= day).only_enforce_if(in_time)
    if not slot.is_pinned:
        made.early[slot.window].append(Early(slot, in_time, day))
    return in_time


def party_caps(made: Variables) -> None:
    """A party has at most so many placed demands, and so many days of them."""
    caps, demands = made.problem.caps, made.problem.demands
    of_party: dict[str, list[Slot]] = defaultdict(list)
    for (d, _), slot in made.placements.items():
        of_party[demands[d].party].append(slot)
    for slots in of_party.values():
        presences = [slot.presence for slot in slots]
        if caps.per_party is not None:
            made.model.add(cp_model.LinearExpr.sum(presences) <= caps.per_party)
        if caps.days_per_party is not None:
            days = [slot.duration for slot in slots]
            made.model.add(cp_model.LinearExpr.weighted_sum(presences, days) <= caps.days_per_party)


def parties_served(made: Variables) -> None:
    """A party is served when one of its demands is placed."""
    of_party = _by_party(made)
    for party, served in made.served.items():
        made.model.add(served <= cp_model.LinearExpr.sum(of_party[party]))


def energy_in_window(made: Variables) -> None:
    """Redundant, for the bound: what must run between two days of a window fits between them."""
    fixed: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for booking in made.problem.fixed:
        fixed[booking.window].append((booking.start, booking.end))
    spans = {window.id: (window.start, window.end) for window in made.problem.windows}
    # In a large model the first relaxation is solved sooner with fewer cuts, and bounds nearly as well.
    most = FEW_CUTS if len(made.placements) > LARGE_MODEL else MANY_CUTS
    for window, slots in made.by_window.items():
        tasks = [*_firmed(slots, made.early[window])]
        for cut in energy_cuts(tasks, spans[window], fixed[window], most):
            literals = [tasks[position].literal for position in cut.tasks]
            made.model.add(cp_model.LinearExpr.weighted_sum(literals, cut.energy.tolist()) <= cut.room)


def _firmed(slots: list[Slot], early: list[Early]) -> Iterator[Energetic]:
    """Yield the slots, each followed by the literals that push its deadline forward, the strictest last."""
    pushed: dict[int, list[Early]] = defaultdict(list)
    for sooner in early:
        pushed[id(sooner.slot)].append(sooner)
    for slot in slots:
        yield Energetic(slot.presence, slot.first, slot.last + slot.duration, slot.duration)
        for sooner in sorted(pushed[id(slot)], key=lambda sooner: -sooner.last):
            deadline = sooner.last + slot.duration
            yield Energetic(sooner.literal, slot.first, deadline, slot.duration, adds=True)


CONSTRAINTS: tuple[Callable[[Variables], None], ...] = (
    one_option_per_demand,
    one_fate_per_booking,
    no_overlap_in_window,
    campaigns_in_order,
    outputs_by_day,
    party_caps,
    parties_served,
    energy_in_window,
)
