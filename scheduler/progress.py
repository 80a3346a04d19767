"""What a solve reports while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """A level's value and bound as they stand, `elapsed` seconds after the start.

    Attributes
    ----------
    level : int
        The level's place among the objectives, from 1.
    levels : int
        How many there are.
    done : bool
        Whether the level is left for the next one.
    """

    objective: str
    value: int
    bound: int
    elapsed: float
    level: int
    levels: int
    done: bool


Listener = Callable[[Progress], None]
