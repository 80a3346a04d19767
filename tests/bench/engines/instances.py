"""The instances: what is asked of the engine, from the scenarios of the service and from a synthetic generator."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path
from unittest.mock import patch

from scheduler.problem import Caps, Problem
from seed.scenario.sizes import SIZES, SizeName
from tests.scheduler import scenarios

AS_OF = date(2027, 1, 1)
ALL_FIVE = ("weight", "parties", "delay", "rank", "cost")
CRISIS = ("surge_output", "displacement", "delay", "cost")
CAPS = Caps(per_party=3, days_per_party=120)
NO_CAPS = Caps()


class Generator(StrEnum):
    """Where an instance comes from.

    `BALANCED` has about the room of the instances that the engine's design was measured on, where first come first
    served reached 0.83 of the weights with an option on 4,500 requests, and 0.95 on 2,400; `SYNTHETIC` is scarcer.
    """

    SCENARIO = "scenario"
    BALANCED = "balanced"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class Family:
    """Instances of one kind and size.

    Attributes
    ----------
    limit_s
        Seconds that every contender is given.
    gaps
        The largest gap that is asked for at each level, None where none is.
    is_contested
        Whether many must be refused: greedy is then well below the best, and the best below the trivial bound.
    """

    name: str
    lines: int
    requests: int
    size: SizeName | None
    objectives: tuple[str, ...]
    limit_s: float
    gaps: tuple[float | None, ...]
    seeds: tuple[int, ...]
    is_contested: bool = False
    caps: Caps = NO_CAPS
    is_crisis: bool = False
    is_extra: bool = False

    @property
    def generators(self) -> tuple[Generator, ...]:
        """Who can make it."""
        if self.size is None:
            return (Generator.SYNTHETIC,)
        return tuple(generator for generator in Generator if generator != Generator.BALANCED or not self.is_crisis)


@dataclass(frozen=True, slots=True)
class Instance:
    """One problem, named ``family/generator/seed``."""

    family: Family
    generator: Generator
    seed: int

    @property
    def name(self) -> str:
        """What `--only` is matched with."""
        return f"{self.family.name}/{self.generator}/{self.seed}"

    def problem(self) -> Problem:
        """Generate it."""
        family = self.family
        if self.generator is Generator.SCENARIO:
            return replace(_from_scenario(family, self.seed), caps=family.caps)
        if family.is_crisis:
            return scenarios.crisis(family.lines, family.requests, self.seed, family.objectives)
        make = scenarios.balanced if self.generator is Generator.BALANCED else scenarios.national
        return make(family.lines, family.requests, self.seed, family.objectives, family.caps)

    def write(self, file: Path) -> None:
        """Generate it into a problem file."""
        file.write_text(self.problem().to_json(), encoding="utf-8")


FAMILIES = (
    Family("national", 160, 600, SizeName.NATIONAL, ALL_FIVE, 120, (0, 0, 0, 0, 0), (1, 2)),
    Family("contested", 160, 1_200, SizeName.CONTESTED, ("weight",), 60, (0.002,), (1, 2), is_contested=True),
    Family("capped", 160, 1_200, SizeName.CONTESTED, ALL_FIVE, 180, (0.003, 0.1, 0.1, 0.1, 0.1), (1, 2), caps=CAPS),
    Family("europe", 600, 4_500, SizeName.EUROPE, ("weight",), 180, (0.01,), (1,), is_contested=True),
    Family("continent", 2_000, 15_000, SizeName.EUROPE, ("weight",), 900, (0.02,), (1,), is_contested=True),
    Family("crisis", 160, 2_000, SizeName.CONTESTED, CRISIS, 60, (0, 0.1, None, None), (1, 2), is_crisis=True),
    Family("crisis-10s", 160, 2_000, SizeName.CONTESTED, CRISIS, 10, (0, None, None, None), (1, 2), is_crisis=True),
    Family("tiny", 12, 60, None, ALL_FIVE, 2, (0, 0, 0, 0, 0), (1,), is_extra=True),
    Family("tiny-crisis", 8, 60, None, CRISIS, 2, (0, 0, 0, 0), (1,), is_crisis=True, is_extra=True),
)


def chosen(only: Sequence[str] | None, seeds: Sequence[int] | None) -> list[Instance]:
    """Return the instances whose family or whole name matches one of the patterns; the extras only when asked for."""
    every = [
        Instance(family, generator, seed)
        for family in FAMILIES
        for generator in family.generators
        for seed in (seeds or family.seeds)
    ]
    if not only:
        return [instance for instance in every if not instance.family.is_extra]
    return [one for one in every if any(one.family.name == given or fnmatch(one.name, given) for given in only)]


def growing(requests: int, seed: int, limit_s: float) -> Instance:
    """Return a contested synthetic instance of any size, a line for every seven or eight requests."""
    lines = max(8, round(requests / 7.5))
    family = Family(f"growth-{requests}", lines, requests, None, ("weight",), limit_s, (None,), (seed,))
    return Instance(family, Generator.SYNTHETIC, seed)


def _from_scenario(family: Family, seed: int) -> Problem:
    """Return the problem of a scenario; a size that scenarios do not know is made in the manner of the nearest."""
    from seed.catalogue import read_catalogue  # noqa: PLC0415 - the whole service comes with it
    from seed.problems import ProblemKind, ProblemPlan, problem_document  # noqa: PLC0415

    assert family.size is not None
    kind = ProblemKind.CRISIS if family.is_crisis else ProblemKind.ROUND
    known = SIZES[family.size]
    grown = replace(
        known,
        lines=family.lines,
        startups=round(known.startups * family.lines / known.lines),
        requests=known.requests if family.is_crisis else family.requests,
    )
    with patch.dict(SIZES, {family.size: grown}):
        document = problem_document(read_catalogue(), ProblemPlan(kind, family.size, seed, AS_OF, family.objectives))
    return Problem.from_json(json.dumps(document))
