"""The input of a run as it is stored: problems as their files hold them, and what their parts stand for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from app.allocation.escalation import FURTHER_PROBLEMS
from app.crisis.planner import TierProblem
from app.crisis.references import References


@dataclass(frozen=True, slots=True)
class Prepared:
    """The problem solved first, the references with the problems after it, and the calendars that they are made from.

    Each is as JSON has it.
    """

    problem: dict[str, Any]
    references: dict[str, Any]
    calendar_versions: dict[str, int]

    @classmethod
    def of(cls, problems: Sequence[TierProblem], references: References, versions: Mapping[UUID, int]) -> Self:
        """Return the problems of the tiers in their order."""
        first, *further = [json.loads(one.problem.to_json()) for one in problems]
        told = {"solved_tiers": [int(one.tier) for one in problems], FURTHER_PROBLEMS: further}
        return cls(
            first,
            references.model_dump(mode="json") | told,
            {str(unit): version for unit, version in versions.items()},
        )
