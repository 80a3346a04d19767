"""How a round decides: data, in a version, stored with the round and with every run of it."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from app.requests.priority import PriorityPolicy

Objective = Annotated[str, StringConstraints(pattern=r"^(weight(:[1-3])?|parties|delay|rank|cost)$")]


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("an objective is named twice")
    return names


class RoundPolicy(BaseModel):
    """What a round optimises, in which order, and within which caps.

    A request weighs its points; tiers come first in the default order, so that no number of requests of a lower
    tier outweighs one of a higher.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(default="round/1", min_length=1, max_length=40)
    objectives: Annotated[tuple[Objective, ...], AfterValidator(_distinct)] = Field(
        default=("weight:1", "weight:2", "weight:3", "parties", "delay", "rank", "cost"),
        min_length=1,
        description="In strict order: a later one only decides between plans equal in all before it",
    )
    per_party: int | None = Field(default=None, ge=1, description="Most requests placed for one organisation")
    days_per_party: int | None = Field(default=None, ge=1, description="Most days of capacity for one organisation")
    lending_discount_percent: int = Field(default=10, ge=0, le=100)
    priority: PriorityPolicy = PriorityPolicy()
    time_limit_s: float = Field(default=60.0, gt=0, le=3600, description="Wall time of the solver, in seconds")
    seed: int = Field(default=1, ge=0, lt=2**31)
