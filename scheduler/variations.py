"""One problem under variations: other objectives, limits, targets or costs, and bookings that keep their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from scheduler.fields import decode, encode, require
from scheduler.problem import Fixed, Problem, Surge, Target
from scheduler.solution import Solution

FORMAT = "creneau-variations/1"
ANSWERS_FORMAT = "creneau-variants/1"


@dataclass(frozen=True, slots=True)
class Variation:
    """What is different in a variant of a problem, every plan of which is one of the problem's, option for option.

    Attributes
    ----------
    seconds : float
        Wall time for its solve.
    limits : mapping
        The most of these objectives, beside the problem's own limits.
    kept : tuple of str
        Movable bookings that keep their place.
    campaigns : int, optional
        Of each surge only so many options, the first, may run.
    targets, costs : optional
        Of each surge, in place of its own: targets, and a cost for each option.
    """

    id: str
    objectives: tuple[str, ...]
    seconds: float = 10.0
    limits: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    campaigns: int | None = None
    targets: tuple[Target, ...] | None = None
    costs: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        require(self.seconds > 0, "seconds", f"must be above 0, not {self.seconds}")

    def of(self, problem: Problem) -> Problem:
        """Return the variant.

        Raises
        ------
        FieldError
            The variation names a booking that is not movable, or has not one cost for each option.
        """
        kept = [booking for booking in problem.movable if booking.id in self.kept]
        unknown = sorted(set(self.kept) - {booking.id for booking in kept})
        require(not unknown, "kept", f"no movable booking {', '.join(unknown[:3])!r}")
        return replace(
            problem,
            objectives=self.objectives,
            limits={**problem.limits, **self.limits},
            movable=tuple(booking for booking in problem.movable if booking.id not in self.kept),
            fixed=(*problem.fixed, *(Fixed(one.id, one.window, one.start, one.end) for one in kept)),
            surges=tuple(self._surge(surge) for surge in problem.surges),
        )

    def _surge(self, surge: Surge) -> Surge:
        options = surge.options
        if self.costs is not None:
            require(len(self.costs) == len(options), "costs", f"must be {len(options)}, one for each option")
            options = tuple(replace(one, cost=cost) for one, cost in zip(options, self.costs, strict=True))
        targets = surge.targets if self.targets is None else self.targets
        return replace(surge, targets=targets, options=options[: self.campaigns])


@dataclass(frozen=True, slots=True)
class Variations:
    """Variants to solve, each with an identifier of its own; they begin in this order."""

    variations: tuple[Variation, ...]

    def __post_init__(self) -> None:
        names = [one.id for one in self.variations]
        require(len(set(names)) == len(names), "variations", "an identifier is given twice")

    @classmethod
    def from_json(cls, text: str | bytes) -> Variations:
        """Read a file of variations.

        Raises
        ------
        FieldError
            The file is malformed; the error names the path of the field and the rule.
        """
        return decode(cls, text, FORMAT)


@dataclass(frozen=True, slots=True)
class Variant:
    """What became of a variation: a solution, or none, because there is no plan or no time was left for it.

    `excluded` says that no plan exists, which is proven.
    """

    id: str
    solution: Solution | None = None
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Variants:
    """Every variation's answer, in their order."""

    variants: tuple[Variant, ...]

    def to_json(self) -> str:
        """Write a file of answers."""
        return encode(self, ANSWERS_FORMAT)
