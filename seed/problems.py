"""Problem files from scenarios, through the same matching and planning as a round of the service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.allocation.planner import Entry, build_problem
from app.allocation.policy import RoundPolicy
from app.requests.models import RequestStatus
from seed.catalogue import Catalogue, read_catalogue
from seed.crisis_problems import (
    CRISIS_BOOKED_SHARE,
    CRISIS_OBJECTIVES,
    CRISIS_OBJECTIVES_ALLOWED,
    crisis_problem,
)
from seed.scenario.generate import Scenario, generate
from seed.scenario.sizes import SizeName
from seed.world_facts import WorldFacts

Document = dict[str, Any]

_ROUND_OBJECTIVES = ("weight",)


class ProblemKind(StrEnum):
    """What a problem decides."""

    ROUND = "round"
    CRISIS = "crisis"


@dataclass(frozen=True, slots=True)
class ProblemPlan:
    """What problem to write; without `objectives` those usual for its kind."""

    kind: ProblemKind
    size: SizeName
    seed: int
    as_of: date
    objectives: tuple[str, ...] | None = None


def write_problem(file: Path, plan: ProblemPlan) -> str:
    """Write the problem file of a scenario, and return in a few words what is in it.

    Raises
    ------
    ValueError
        An objective is not one that this kind of problem can have.
    """
    document = problem_document(read_catalogue(), plan)
    file.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")
    counts = {name: len(document.get(name, ())) for name in ("windows", "fixed", "demands", "movable")}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def problem_document(catalogue: Catalogue, plan: ProblemPlan) -> Document:
    """The problem of a plan, as its file holds it.

    Raises
    ------
    ValueError
        An objective is not one that this kind of problem can have.
    """
    if plan.kind is ProblemKind.CRISIS:
        objectives = plan.objectives or CRISIS_OBJECTIVES
        unknown = [name for name in objectives if name not in CRISIS_OBJECTIVES_ALLOWED]
        if unknown:
            raise ValueError(f"objective {unknown[0]!r}: a crisis has {', '.join(sorted(CRISIS_OBJECTIVES_ALLOWED))}")
        scenario = generate(catalogue, plan.size, plan.seed, plan.as_of, booked_share=CRISIS_BOOKED_SHARE)
        return crisis_problem(scenario, objectives)
    policy = _round_policy(plan.objectives or _ROUND_OBJECTIVES)
    return round_problem(generate(catalogue, plan.size, plan.seed, plan.as_of), policy)


def _round_policy(objectives: tuple[str, ...]) -> RoundPolicy:
    try:
        return RoundPolicy(objectives=objectives)
    except ValidationError as error:
        raise ValueError(f"objectives {', '.join(objectives)}: {error.errors()[0]['msg']}") from None


def round_problem(scenario: Scenario, policy: RoundPolicy) -> Document:
    """The problem of a round over all published slots and all submitted requests."""
    world = scenario.world
    facts = WorldFacts(world)
    entries = [
        Entry(facts.request(row), row.priority_tier, row.priority_points)
        for row in sorted(world.requests, key=lambda row: (row.submitted_at, row.id))
        if row.status is RequestStatus.SUBMITTED
    ]
    return build_problem(entries, facts.supply, policy, scenario.as_of).document
