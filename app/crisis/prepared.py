"""The input of a run as it is stored: problems as their files hold them, and what their parts stand for."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from app.allocation.escalation import FURTHER_PROBLEMS
from app.allocation.preparing import Prepared
from app.crisis.planner import TierProblem
from app.crisis.references import References


def prepared_of(problems: Sequence[TierProblem], references: References, versions: Mapping[UUID, int]) -> Prepared:
    """Return the problems of the tiers in their order, with what else a run keeps."""
    first, *further = [json.loads(one.problem.to_json()) for one in problems]
    told = {"solved_tiers": [int(one.tier) for one in problems], FURTHER_PROBLEMS: further}
    return Prepared(
        first,
        references.model_dump(mode="json") | told,
        {str(unit): version for unit, version in versions.items()},
    )
