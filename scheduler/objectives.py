"""The value of each objective for a plan: the one definition, free of any solver.

All but ``surge_output`` and ``parties`` are sums of terms, one for each decision taken, each linear in the start
day; the engines build their objectives from the same terms.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from scheduler.plan import Plan, deliveries
from scheduler.problem import Demand, Movable, Option, Problem, Surge, is_maximised, tier_of

DISPLACED, MOVED = 10, 2
RECALLABLE_DISPLACED, RECALLABLE_MOVED = 4, 1


class Term(NamedTuple):
    """What a decision adds to an objective: ``constant + per_day x start``."""

    constant: int
    per_day: int = 0

    def at(self, start: int) -> int:
        """Return the term's value for a start day."""
        return self.constant + self.per_day * start


NOTHING = Term(0)


def placing_term(objective: str, demand: Demand, index: int) -> Term:
    """Return what placing the demand on its option adds to the objective."""
    option = demand.options[index]
    if objective == "rank":
        return Term(option.rank)
    if objective == "cost":
        return Term(option.cost)
    if objective == "delay":
        return _delay_term(demand, option, _first_delivery(demand))
    if objective == "weight" or tier_of(objective) == demand.tier:
        return Term(demand.weight)
    return NOTHING


def placing_terms(objective: str, demand: Demand) -> list[Term]:
    """Return what placing the demand adds to the objective, option by option."""
    if objective == "delay" and demand.options:
        first = _first_delivery(demand)
        return [_delay_term(demand, option, first) for option in demand.options]
    if objective in {"rank", "cost"}:
        return [placing_term(objective, demand, index) for index in range(len(demand.options))]
    # The same wherever it is.
    return [placing_term(objective, demand, 0)] * len(demand.options) if demand.options else []


def _first_delivery(demand: Demand) -> int:
    return min(option.earliest + option.duration + option.lag for option in demand.options)


def _delay_term(demand: Demand, option: Option, first_delivery: int) -> Term:
    return Term(demand.weight * (option.duration + option.lag - first_delivery), demand.weight)


def moving_term(objective: str, booking: Movable, index: int) -> Term:
    """Return what moving the booking to its option adds to the objective."""
    option = booking.options[index]
    if objective == "rank":
        return Term(option.rank)
    if objective == "cost":
        return Term(option.cost)
    if objective == "delay":
        return Term(-booking.weight * booking.start, booking.weight)
    if objective == "displacement":
        return Term(booking.weight * (RECALLABLE_MOVED if booking.recallable else MOVED))
    if objective == "bookings":
        return Term(1)
    return NOTHING


def displacing_value(objective: str, booking: Movable) -> int:
    """Return what displacing the booking adds to the objective."""
    if objective == "cost":
        return booking.compensation
    if objective == "bookings":
        return 1
    if objective != "displacement":
        return 0
    return booking.weight * (RECALLABLE_DISPLACED if booking.recallable else DISPLACED)


def campaign_value(objective: str, surge: Surge, index: int) -> int:
    """Return what one campaign adds to the objective, its output aside."""
    return surge.options[index].cost if objective == "cost" else 0


def value(problem: Problem, plan: Plan, objective: str) -> int:
    """Return the objective's value for a plan of the problem."""
    if objective == "surge_output":
        return sum(_output(surge, plan) for surge in problem.surges)
    if objective == "parties":
        return len(parties_of(problem, plan))
    total = 0
    for demand in problem.demands:
        if choice := plan.placed.get(demand.id):
            total += placing_term(objective, demand, choice.option).at(choice.start)
    for booking in problem.movable:
        if choice := plan.moved.get(booking.id):
            total += moving_term(objective, booking, choice.option).at(choice.start)
        elif booking.id in plan.displaced:
            total += displacing_value(objective, booking)
    surges = {surge.id: surge for surge in problem.surges}
    return total + sum(campaign_value(objective, surges[run.surge], run.option) for run in plan.runs)


def _output(surge: Surge, plan: Plan) -> int:
    made = [
        delivery
        for run in plan.runs
        if run.surge == surge.id
        for delivery in deliveries(surge.options[run.option], run.start)
    ]
    return sum(
        min(target.quantity, sum(output for day, output in made if day <= target.by)) for target in surge.targets
    )


def parties_of(problem: Problem, plan: Plan) -> set[str]:
    """Return the parties with a placed demand."""
    return {demand.party for demand in problem.demands if demand.id in plan.placed}


def goodness(objective: str, amount: int) -> int:
    """Return the amount signed so that more is better."""
    return amount if is_maximised(objective) else -amount


def standing(problem: Problem, plan: Plan) -> tuple[int, ...]:
    """Return the values of all objectives, in order, signed so that the greater tuple is the better plan."""
    return tuple(goodness(name, value(problem, plan, name)) for name in problem.objectives)


def within_limits(problem: Problem, plan: Plan) -> bool:
    """Say whether every limited objective is at most at its limit."""
    return all(value(problem, plan, name) <= most for name, most in problem.limits.items())


def within_caps(problem: Problem, plan: Plan) -> bool:
    """Say whether no party has more placed demands, or more days of them, than the caps allow."""
    caps = problem.caps
    count: dict[str, int] = defaultdict(int)
    days: dict[str, int] = defaultdict(int)
    for demand in problem.demands:
        if choice := plan.placed.get(demand.id):
            count[demand.party] += 1
            days[demand.party] += demand.options[choice.option].duration
    return (caps.per_party is None or all(number <= caps.per_party for number in count.values())) and (
        caps.days_per_party is None or all(number <= caps.days_per_party for number in days.values())
    )


def plain_bound(problem: Problem, objective: str) -> int:
    """Return a bound on the objective that needs no solving.

    For weights it is the sum over the demands that have an option, for parties their number, for the output the sum
    of the quantities; for what is minimised 0, less what moving bookings earlier could gain in `delay`.
    """
    served = [demand for demand in problem.demands if demand.options]
    if objective == "surge_output":
        return sum(target.quantity for surge in problem.surges if surge.options for target in surge.targets)
    if objective == "parties":
        return len({demand.party for demand in served})
    if is_maximised(objective):
        return sum(placing_term(objective, demand, 0).constant for demand in served)
    if objective != "delay":
        return 0
    return sum(
        min([0, *(moving_term("delay", booking, i).at(o.earliest) for i, o in enumerate(booking.options))])
        for booking in problem.movable
    )
