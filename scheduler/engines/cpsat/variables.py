"""The decisions: what a model holds for every option, kept booking and possible campaign."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from ortools.sat.python import cp_model

from scheduler.problem import Problem

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Slot:
    """An optional interval: present or not, `duration` days from a start in ``[first, last]``."""

    window: str
    presence: cp_model.IntVar
    start: cp_model.IntVar | int
    interval: cp_model.IntervalVar | None
    first: int
    last: int
    duration: int

    @property
    def is_pinned(self) -> bool:
        """Whether it is present at its one start, outside the neighbourhood that is searched."""
        return self.interval is None


@dataclass(frozen=True, slots=True)
class Early:
    """A literal that implies that a slot is present and starts at the latest on day `last`."""

    slot: Slot
    literal: cp_model.IntVar
    last: int


@dataclass(slots=True)
class Variables:
    """The model and its decisions, by position in the problem."""

    problem: Problem
    model: cp_model.CpModel
    placements: dict[Key, Slot] = field(default_factory=dict)
    keeps: dict[int, Slot] = field(default_factory=dict)
    moves: dict[Key, Slot] = field(default_factory=dict)
    displaced: dict[int, cp_model.IntVar] = field(default_factory=dict)
    runs: dict[Key, list[Slot]] = field(default_factory=dict)
    by_window: dict[str, list[Slot]] = field(default_factory=lambda: defaultdict(list))
    early: dict[str, list[Early]] = field(default_factory=lambda: defaultdict(list))
    served: dict[str, cp_model.IntVar] = field(default_factory=dict)
    outputs: dict[Key, cp_model.IntVar] = field(default_factory=dict)
