"""Objectives as linear expressions, from the same terms as their values."""

from __future__ import annotations

from ortools.sat.python import cp_model

from scheduler.engines.cpsat.variables import Slot, Variables
from scheduler.objectives import Term, campaign_value, displacing_value, moving_term, placing_terms


class Expression:
    """A weighted sum under construction."""

    def __init__(self) -> None:
        self.variables: list[cp_model.IntVar] = []
        self.factors: list[int] = []
        self.offset = 0

    def add(self, variable: cp_model.IntVar, factor: int) -> None:
        """Add ``factor x variable``."""
        if factor:
            self.variables.append(variable)
            self.factors.append(factor)

    def add_term(self, slot: Slot, term: Term) -> None:
        """Add a decision's term; an absent slot rests at its first start and then counts nothing."""
        self.add(slot.presence, term.at(slot.first))
        if term.per_day and not isinstance(slot.start, int):
            self.add(slot.start, term.per_day)
            self.offset -= term.per_day * slot.first

    def linear(self) -> cp_model.LinearExprT:
        """Return the sum."""
        return cp_model.LinearExpr.weighted_sum(self.variables, self.factors) + self.offset


def expression_of(made: Variables, objective: str) -> cp_model.LinearExprT:
    """Return the objective's value as an expression over the decisions."""
    total = Expression()
    if objective == "surge_output":
        for output in made.outputs.values():
            total.add(output, 1)
        return total.linear()
    if objective == "parties":
        for served in made.served.values():
            total.add(served, 1)
        return total.linear()
    _add_placements(total, made, objective)
    problem = made.problem
    for (b, o), slot in made.moves.items():
        total.add_term(slot, moving_term(objective, problem.movable[b], o))
    for b, displaced in made.displaced.items():
        total.add(displaced, displacing_value(objective, problem.movable[b]))
    for (s, o), copies in made.runs.items():
        for slot in copies:
            total.add(slot.presence, campaign_value(objective, problem.surges[s], o))
    return total.linear()


def _add_placements(total: Expression, made: Variables, objective: str) -> None:
    terms: list[Term] = []
    at = -1
    for (d, o), slot in made.placements.items():
        if d != at:  # Options of one demand come one after the other.
            at, terms = d, placing_terms(objective, made.problem.demands[d])
        total.add_term(slot, terms[o])
