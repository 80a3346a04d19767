"""The problem: windows of capacity, what is booked in them, what asks for them, and what to optimise.

Days are whole numbers counted from `Problem.origin`; periods are half-open ``[start, end)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from scheduler.fields import FieldError, decode, encode, require, require_between

FORMAT = "creneau-problem/1"
MOST_ENTRIES = 200_000
"""Of one list; thirteen times the requests of the largest problem that the engine was measured on."""
MOST_OPTIONS = 20_000_000
"""Of all entries together: about what the memory of a large machine holds."""
MOST_DAYS = 100_000
MOST_DIGITS = 9
MOST_WEIGHT = 100_000_000
MOST_AMOUNT = 1_000_000_000_000

MAXIMISED = frozenset({"surge_output", "weight", "parties"})
MINIMISED = frozenset({"displacement", "bookings", "delay", "rank", "cost"})


def tier_of(objective: str) -> int | None:
    """Return T for the objective ``weight:T``, None for any other name."""
    name, colon, tier = objective.partition(":")
    plain = tier.isascii() and tier.isdigit() and len(tier) <= MOST_DIGITS and str(int(tier)) == tier
    return int(tier) if name == "weight" and colon and plain else None


def is_maximised(objective: str) -> bool:
    """Say whether more of the objective is better."""
    return objective.partition(":")[0] in MAXIMISED


@dataclass(frozen=True, slots=True)
class Window:
    """A period ``[start, end)`` in which one line can run one campaign at a time."""

    id: str
    line: str
    start: int
    end: int
    reserve: str | None = None

    def __post_init__(self) -> None:
        _check_period(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A booking that stays where it is."""

    id: str
    window: str
    start: int
    end: int

    def __post_init__(self) -> None:
        _check_period(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Option:
    """A place where a demand, or a movable booking, could go.

    Its start lies in ``[earliest, latest]`` (both included) and the whole of it inside the window. `lag` is
    the number of days from the end of the duration to delivery; `rank` 1 is the most wanted; `cost` is in cents.
    """

    window: str
    duration: int
    earliest: int
    latest: int
    rank: int = 1
    cost: int = 0
    lag: int = 0

    def __post_init__(self) -> None:
        _check_option(self)
        require_between(self.rank, 0, MOST_DAYS, "rank")


@dataclass(frozen=True, slots=True)
class Demand:
    """A request that takes at most one of its options; without a `party` it is a party of its own."""

    id: str
    party: str = ""
    tier: int = 1
    weight: int = 1
    options: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        if not self.party:
            object.__setattr__(self, "party", self.id)
        require_between(self.tier, 0, MOST_DAYS, "tier")
        require_between(self.weight, 0, MOST_WEIGHT, "weight")


@dataclass(frozen=True, slots=True)
class Movable:
    """A booking that keeps its place, moves to one of its options, or is displaced, for a `compensation` in cents."""

    id: str
    window: str
    start: int
    end: int
    party: str | None = None
    weight: int = 1
    recallable: bool = False
    options: tuple[Option, ...] = ()
    compensation: int = 0

    def __post_init__(self) -> None:
        _check_period(self.start, self.end)
        require_between(self.weight, 0, MOST_WEIGHT, "weight")
        require_between(self.compensation, 0, MOST_AMOUNT, "compensation")


@dataclass(frozen=True, slots=True)
class Yield:
    """An output available `after` so many days from a campaign's start."""

    after: int
    output: int

    def __post_init__(self) -> None:
        require_between(self.after, 0, MOST_DAYS, "after")
        require_between(self.output, 0, MOST_AMOUNT, "output")


@dataclass(frozen=True, slots=True)
class SurgeOption:
    """A campaign that a surge may run any number of times: `output` at its delivery, or several `yields`."""

    window: str
    duration: int
    earliest: int
    latest: int
    output: int | None = None
    yields: tuple[Yield, ...] | None = None
    cost: int = 0
    lag: int = 0

    def __post_init__(self) -> None:
        _check_option(self)
        require((self.output is None) != (self.yields is None), "output", "give either output or yields")
        require_between(self.output or 0, 0, MOST_AMOUNT, "output")

    @property
    def batches(self) -> tuple[Yield, ...]:
        """What the campaign yields, and when, whichever way it was written."""
        if self.yields is not None:
            return self.yields
        return (Yield(self.duration + self.lag, self.output or 0),)


@dataclass(frozen=True, slots=True)
class Target:
    """A quantity wanted by a day: what is available on the day `by` itself counts."""

    by: int
    quantity: int

    def __post_init__(self) -> None:
        require_between(self.by, -MOST_DAYS, MOST_DAYS, "by")
        require_between(self.quantity, 0, MOST_AMOUNT, "quantity")


@dataclass(frozen=True, slots=True)
class Surge:
    """A countermeasure's targets by date, and the campaigns that serve them."""

    id: str
    targets: tuple[Target, ...] = ()
    options: tuple[SurgeOption, ...] = ()


@dataclass(frozen=True, slots=True)
class Caps:
    """The most placed demands, and the most days of them, that one party may have."""

    per_party: int | None = None
    days_per_party: int | None = None

    def __post_init__(self) -> None:
        require_between(self.per_party or 0, 0, MOST_WEIGHT, "per_party")
        require_between(self.days_per_party or 0, 0, MOST_WEIGHT, "days_per_party")

    @property
    def bind(self) -> bool:
        """Whether there is any cap."""
        return self.per_party is not None or self.days_per_party is not None


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything the engine knows; what must hold across it (references, disjoint windows) does by construction.

    `limits` is the most that a minimised objective may reach, whether or not it is among the objectives.
    """

    origin: date
    windows: tuple[Window, ...]
    objectives: tuple[str, ...]
    fixed: tuple[Fixed, ...] = ()
    demands: tuple[Demand, ...] = ()
    movable: tuple[Movable, ...] = ()
    surges: tuple[Surge, ...] = ()
    caps: Caps = Caps()
    limits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from scheduler.problem_rules import check_problem  # noqa: PLC0415 - the rules need the types above

        check_problem(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Problem:
        """Read a problem file.

        Raises
        ------
        FieldError
            The file is malformed; the error names the path of the field and the rule.
        """
        return decode(cls, text, FORMAT)

    def to_json(self) -> str:
        """Write a problem file; reading it back gives an equal problem."""
        return encode(self, FORMAT)


def _check_period(start: int, end: int) -> None:
    require_between(start, -MOST_DAYS, MOST_DAYS, "start")
    require_between(end, -MOST_DAYS, MOST_DAYS, "end")
    if end <= start:
        raise FieldError("end", f"must be after the start, day {start}, not {end}")


def _check_option(option: Option | SurgeOption) -> None:
    require_between(option.duration, 1, MOST_DAYS, "duration")
    require_between(option.earliest, -MOST_DAYS, MOST_DAYS, "earliest")
    require_between(option.latest, -MOST_DAYS, MOST_DAYS, "latest")
    if option.latest < option.earliest:
        raise FieldError("latest", f"must not be before earliest, day {option.earliest}, not {option.latest}")
    require_between(option.lag, 0, MOST_DAYS, "lag")
    require_between(option.cost, 0, MOST_AMOUNT, "cost")
