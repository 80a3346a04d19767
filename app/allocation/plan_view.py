"""A run as people read it: names beside identifiers, dates instead of day numbers."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import names_repository as names
from app.allocation.models import Run, RunKind, RunState
from app.allocation.sameness import budget_of
from app.core.vocabulary import Origin

Document = Mapping[str, Any]


class LevelRead(BaseModel):
    """One objective: what was reached, and what no plan can pass while the earlier ones stay as they are."""

    objective: str
    value: int
    bound: int
    proven: bool
    gap: float = Field(description="|bound - value| / max(1, |value|)")
    trivial_bound: int | None = Field(
        default=None, description="A bound that needs no solving: of weights, the sum of those that have an option"
    )
    fcfs: int | None = Field(default=None, description="What first come first served reaches")
    greedy: int | None = Field(default=None, description="What the heaviest first reaches")


class DifferenceRead(BaseModel):
    """One place where the solution of a replay is not that of its original."""

    pointer: str = Field(description="JSON Pointer (RFC 6901) into the solution file")
    original: Any
    replay: Any


class ReplayRead(BaseModel):
    """A replay beside the run that it replays."""

    of: UUID
    deterministic: bool = Field(
        description="The original had a budget, so that no clock decided anything: the two must be equal. Otherwise "
        "the replay is given the work that the original did by the clock, and may come to another plan"
    )
    equal: bool | None = Field(
        default=None,
        description="The two solution files are the same, byte for byte but for `seconds`; null until then",
    )
    differing: int = Field(default=0, description="How many places differ")
    differences: list[DifferenceRead] = Field(default_factory=list, description="The first of them")


class FiguresRead(BaseModel):
    """What a plan reaches."""

    requests_served: int
    weight_served: int
    startups_served: int
    median_access_delay_days: float | None = Field(
        description="From the day a campaign was first wanted to its start, of those served"
    )


class RequestInPlan(BaseModel):
    """A request as a plan names it."""

    request_id: UUID
    product: str
    organisation_id: UUID
    organisation: str
    modality: str
    tier: int
    weight: int
    origin: Origin = Field(description="`scenario`: generated for a demonstration, not a fact")


class PlacedRead(RequestInPlan):
    """A request and its place; `origin` is `scenario` where either was generated."""

    slot_id: UUID
    unit_id: UUID
    unit: str
    line: str
    site: str
    start: date
    end: date
    delivery_on: date
    price_cents: int
    rank: int


class UnplacedRead(RequestInPlan):
    """A request without a place, and why: `outranked` where it had options."""

    options: int
    reasons: list[dict[str, Any]]


class RunRead(BaseModel):
    """A run: where it stands, how good its plan is known to be, and the plan."""

    id: UUID
    kind: RunKind
    round_id: UUID | None
    crisis_id: UUID | None
    state: RunState
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    published_at: datetime | None
    cancel_requested_at: datetime | None = Field(description="A run that is being solved then ends within seconds")
    progress: dict[str, Any] | None = Field(description="Objective, value and bound as they stand, while it runs")
    error: str | None
    status: str | None = Field(description="`optimal` when every level is proven, else `feasible`")
    engine: str | None
    seconds: float | None
    budget: float | None = Field(
        description="Deterministic work that the run was given, or, where a clock ended it, that it did"
    )
    replay: ReplayRead | None = Field(description="What came of the comparison, where this run replays another")
    levels: list[LevelRead]
    comparison: dict[str, FiguresRead] = Field(
        description="The plan, first come first served (`fcfs`), and the heaviest first (`greedy`)"
    )
    placed: list[PlacedRead]
    unplaced: list[UnplacedRead]
    adjustments: list[dict[str, Any]]
    parameters: dict[str, Any]
    version: int


async def read_run(session: AsyncSession, run: Run) -> RunRead:
    """Return a run with its plan in names and dates; of a crisis, the crisis shows the plan."""
    solution: Document = run.solution or {}
    placed: list[PlacedRead] = []
    unplaced: list[UnplacedRead] = []
    if run.kind is RunKind.ROUND and solution:
        view = await _View.of(session, run)
        placed = [view.placed(item) for item in solution.get("placed", ())]
        unplaced = [view.unplaced(demand) for demand in solution.get("unplaced", ())]
    baselines = run.baselines or {}
    return RunRead(
        **run.model_dump(
            include={
                "id",
                "kind",
                "round_id",
                "crisis_id",
                "state",
                "attempt",
                "created_at",
                "started_at",
                "finished_at",
                "published_at",
                "cancel_requested_at",
                "progress",
                "error",
                "version",
            }
        ),
        status=solution.get("status"),
        engine=solution.get("engine"),
        seconds=solution.get("seconds"),
        budget=budget_of(run),
        replay=ReplayRead(of=run.replays_id, **(run.replay or {})) if run.replays_id else None,
        levels=_levels(solution, baselines),
        comparison={name: FiguresRead(**found) for name, found in baselines.items() if isinstance(found, dict)},
        placed=placed,
        unplaced=unplaced,
        adjustments=run.parameters.get("adjustments", []),
        parameters={name: setting for name, setting in run.parameters.items() if name not in {"solved", "adjustments"}},
    )


def _levels(solution: Document, baselines: Document) -> list[LevelRead]:
    """Return the levels of a solution, each beside what simpler rules reach on it."""
    beside = {level["objective"]: level for level in baselines.get("levels", ())}
    return [
        LevelRead(**(beside.get(level["objective"], {}) | level), gap=round(_gap(level), 6))
        for level in solution.get("levels", ())
    ]


def _gap(level: Document) -> float:
    gap: float = abs(level["bound"] - level["value"]) / max(1, abs(level["value"]))
    return gap


class _View:
    """The names behind one run's identifiers."""

    def __init__(
        self,
        run: Run,
        requests: Mapping[UUID, names.NamedRequest],
        places: Mapping[UUID, names.NamedPlace],
    ) -> None:
        self._origin = date.fromisoformat(run.problem["origin"])
        self._demands: dict[str, Document] = {demand["id"]: demand for demand in run.problem.get("demands", ())}
        self._reasons: Document = run.references.get("without_option", {})
        self._requests, self._places = requests, places

    @classmethod
    async def of(cls, session: AsyncSession, run: Run) -> "_View":
        requests = await names.named_requests(session, run.round_id)
        solution: Document = run.solution or {}
        slots = [UUID(item["window"]) for item in solution.get("placed", ())]
        return cls(run, requests, await names.named_places(session, slots))

    def _request(self, demand_id: str) -> dict[str, Any]:
        demand, named = self._demands[demand_id], self._requests[UUID(demand_id)]
        return {
            "request_id": UUID(demand_id),
            "tier": demand.get("tier", 1),
            "weight": demand.get("weight", 1),
            **named._asdict(),
        }

    def placed(self, item: Document) -> PlacedRead:
        """Return one placed request."""
        option: Document = self._demands[item["demand"]]["options"][item["option"]]
        place = self._places[UUID(item["window"])]
        request = self._request(item["demand"])
        return PlacedRead(
            **(request | place._asdict() | {"origin": Origin.of(request["origin"], place.origin)}),
            slot_id=UUID(item["window"]),
            start=self._day(item["start"]),
            end=self._day(item["end"]),
            delivery_on=self._day(item["end"] + option.get("lag", 0)),
            price_cents=option.get("cost", 0),
            rank=option.get("rank", 1),
        )

    def unplaced(self, demand_id: str) -> UnplacedRead:
        """Return one request without a place."""
        options = len(self._demands[demand_id].get("options", ()))
        reasons = self._reasons.get(demand_id, [{"code": "outranked"}])
        return UnplacedRead(**self._request(demand_id), options=options, reasons=reasons)

    def _day(self, number: int) -> date:
        return self._origin + timedelta(days=number)
