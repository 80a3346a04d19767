"""Tier and points of a request: strict tiers first, points inside a tier, each point with its ground."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from app.core.vocabulary import GmpPhase


class Ground(StrEnum):
    """What earns a tier or points."""

    LEAST = "least"
    CONTINUITY = "continuity"
    STRATEGIC_LABEL = "strategic_label"
    PHASE = "phase"
    ORPHAN = "orphan"
    UNMET_NEED = "unmet_need"
    FRENCH_STARTUP = "french_startup"
    WAITING = "waiting"


class PriorityPolicy(BaseModel):
    """How tiers and points are derived; stored with every decision that used it.

    `least_points` is at least 1, so that every request weighs something.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(default="priority/1", max_length=40)
    least_points: int = Field(default=1, ge=1)
    phase_points: Mapping[GmpPhase, int] = {
        GmpPhase.TOX: 0,
        GmpPhase.PHASE_1: 1,
        GmpPhase.PHASE_2: 2,
        GmpPhase.PHASE_3: 3,
        GmpPhase.COMMERCIAL: 3,
    }
    label_points: int = Field(default=2, ge=0)
    orphan_points: int = Field(default=2, ge=0)
    unmet_need_points: int = Field(default=1, ge=0)
    french_startup_points: int = Field(default=1, ge=0)
    waiting_days_per_point: int = Field(default=60, ge=1)
    waiting_points_cap: int = Field(default=3, ge=0)


DEFAULT_POLICY = PriorityPolicy()


@dataclass(frozen=True, slots=True)
class PriorityFacts:
    """What is known of a request when its priority is derived.

    Attributes
    ----------
    continuity
        A treatment or a running trial depends on it, and the coordinator has confirmed that.
    orphan, unmet_need
        An orphan disease, a need that nothing meets: confirmed likewise.
    labels
        Labels of the organisation that hold on the day.
    waiting_since_on
        The day of submission; None for a draft.
    """

    gmp_phase: GmpPhase
    continuity: bool = False
    orphan: bool = False
    unmet_need: bool = False
    labels: tuple[str, ...] = ()
    french_startup: bool = False
    waiting_since_on: date | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a derivation: a ground, what it gives, and the fact behind it."""

    ground: Ground
    points: int
    because: str


@dataclass(frozen=True, slots=True)
class Priority:
    """A tier from 1, the first served, to 3; points inside it, with every step that led there."""

    tier: int
    points: int
    tier_because: str
    steps: tuple[Step, ...]
    policy_version: str
    as_of_on: date

    def as_document(self) -> dict[str, object]:
        """Return the derivation as JSON, as it is shown and stored."""
        return {
            "tier": self.tier,
            "tier_because": self.tier_because,
            "points": self.points,
            "steps": [
                {"ground": step.ground.value, "points": step.points, "because": step.because} for step in self.steps
            ],
            "policy_version": self.policy_version,
            "as_of_on": self.as_of_on.isoformat(),
        }


def derive_priority(facts: PriorityFacts, as_of_on: date, policy: PriorityPolicy = DEFAULT_POLICY) -> Priority:
    """Return the tier and points of a request on a day; the points are the sum of the steps."""
    tier, because = _tier(facts)
    steps = [step for step in _steps(facts, as_of_on, policy) if step.points]
    missing = policy.least_points - sum(step.points for step in steps)
    if missing > 0:
        steps.append(Step(Ground.LEAST, missing, "every request weighs something"))
    return Priority(
        tier=tier,
        points=sum(step.points for step in steps),
        tier_because=because,
        steps=tuple(steps),
        policy_version=policy.version,
        as_of_on=as_of_on,
    )


def _tier(facts: PriorityFacts) -> tuple[int, str]:
    if facts.continuity:
        return 1, "a treatment or a running trial depends on it, as the coordinator has confirmed"
    if facts.labels:
        return 2, f"the organisation's project is labelled: {', '.join(facts.labels)}"
    return 3, "no confirmed continuity case, and no label that holds on this day"


def _steps(facts: PriorityFacts, as_of_on: date, policy: PriorityPolicy) -> Iterator[Step]:
    phase = facts.gmp_phase
    yield Step(Ground.PHASE, policy.phase_points.get(phase, 0), f"a lot for {phase.value}")
    if facts.labels:
        yield Step(Ground.STRATEGIC_LABEL, policy.label_points, ", ".join(facts.labels))
    if facts.orphan:
        yield Step(Ground.ORPHAN, policy.orphan_points, "an orphan disease, as the coordinator has confirmed")
    if facts.unmet_need:
        yield Step(Ground.UNMET_NEED, policy.unmet_need_points, "an unmet need, as the coordinator has confirmed")
    if facts.french_startup:
        yield Step(Ground.FRENCH_STARTUP, policy.french_startup_points, "a French start-up")
    if facts.waiting_since_on is not None:
        waited = max(0, (as_of_on - facts.waiting_since_on).days)
        earned = min(policy.waiting_points_cap, waited // policy.waiting_days_per_point)
        yield Step(Ground.WAITING, earned, f"{waited} days since submission")
