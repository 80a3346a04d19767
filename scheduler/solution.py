"""The solution: where everything goes, and how good that is known to be."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.fields import decode, encode, require

FORMAT = "creneau-solution/1"
STATUSES = ("optimal", "feasible", "infeasible")


@dataclass(frozen=True, slots=True)
class Placed:
    """A demand on one of its options, in ``[start, end)``."""

    demand: str
    option: int
    window: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign of a surge on one of its options, in ``[start, end)``."""

    surge: str
    option: int
    window: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A movable booking on one of its options, in ``[start, end)``."""

    booking: str
    option: int
    window: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Level:
    """An objective's value, and a bound that no plan can pass with the earlier levels at their values."""

    objective: str
    value: int
    bound: int
    proven: bool

    @property
    def gap(self) -> float:
        """|bound - value| / max(1, |value|)."""
        return abs(self.bound - self.value) / max(1, abs(self.value))


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two fixed bookings of one window that overlap."""

    window: str
    bookings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Solution:
    """A plan with its levels.

    `status` is ``optimal`` (every level proven), ``feasible``, or ``infeasible``: then there is no plan, and
    `conflicts` says which fixed bookings contradict each other. `seconds` is the time taken; under a
    deterministic budget it is the deterministic work done, so that equal runs write equal files. `budget` is the
    deterministic work that the run was given, or else did: what to give it to run it again.
    """

    status: str
    placed: tuple[Placed, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    moved: tuple[Moved, ...] = ()
    displaced: tuple[str, ...] = ()
    unplaced: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    seconds: float = 0.0
    engine: str = "unknown"
    seed: int = 0
    budget: float | None = None
    conflicts: tuple[Conflict, ...] | None = None

    def __post_init__(self) -> None:
        require(self.status in STATUSES, "status", f"must be one of {', '.join(STATUSES)}")
        require(self.seconds >= 0, "seconds", "must not be negative")

    @classmethod
    def from_json(cls, text: str | bytes) -> Solution:
        """Read a solution file.

        Raises
        ------
        FieldError
            The file is malformed; the error names the path of the field and the rule.
        """
        return decode(cls, text, FORMAT)

    def to_json(self) -> str:
        """Write a solution file; reading it back gives an equal solution."""
        return encode(self, FORMAT)
