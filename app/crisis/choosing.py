"""The plans to choose from, made by a run that follows the one whose plan is proposed: same calendars, more time.

First the plans with a name, then the curve of doses against displacement, then what each would lose if it asked less.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from app.allocation.engine import EngineFailed, Limits
from app.allocation.models import Run
from app.allocation.runs import Success
from app.allocation.solving import Watch
from app.crisis.choices import (
    Choice,
    alternatives,
    at_most,
    curve_of,
    distinct,
    further_limits,
    inner_limits,
    variation,
)
from app.crisis.composing import body_of, cost_of, displacement_of
from app.crisis.models import PlanLabel
from app.crisis.questions import questions, statements
from app.crisis.searching import MOST_ROUNDS, Task, task_of
from app.crisis.settling import Settled
from app.crisis.weighing import Outcome, doses_by_target
from app.jobs.running import JobContext

Document = Mapping[str, Any]

CHOICE_SEARCH = "crisis_choices"
FOLLOWED = "followed_solution"
NAMED_SHARE, CURVE_SHARE = 0.35, 0.6
"""By when of the whole time the named plans are solved, and by when the curve."""
LEAST_SECONDS = 1.0


async def choose(job: JobContext, run: Run, limits: Limits, watch: Watch) -> Success:
    """Solve for the plans to choose from, and say why each asks what it asks.

    The solution is that of the plan that was proposed; the plans to choose from go with it.

    Raises
    ------
    EngineStopped
        The result is not wanted any more.
    """
    search = _Search(await task_of(job, run, limits, watch))
    choices = await search.choices()
    return Success(dict(run.references[FOLLOWED]), {"choices": [_document(search.task, one) for one in choices]})


def _document(task: Task, choice: Choice) -> dict[str, Any]:
    return {
        "labels": [label.value for label in choice.labels],
        "body": body_of(task.brief, task.run, task.references, choice),
        "statements": choice.statements,
    }


class _Search:
    """The plans found so far, and the time that is left."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.whole = float(task.run.parameters["time_limit_s"])
        self._began = time.monotonic()
        self.problem: Document = task.run.problem

    def _until(self, share: float) -> float:
        return share * self.whole - (time.monotonic() - self._began)

    async def choices(self) -> list[Choice]:
        """Return the plans to choose from, the proposed one first."""
        proposed = self._choice([PlanLabel.PROPOSED], variation("proposed", 1.0), self.task.run.references[FOLLOWED])
        named = await self._solved(
            alternatives(self.problem, self.task.references, self._until(NAMED_SHARE)), self._until(NAMED_SHARE)
        )
        plans = distinct([proposed, *self._named(proposed, named), *(one for one in named if not one.labels)])
        plans = await self._with_curve(plans)
        curve = curve_of(plans)
        for choice in curve:
            choice.labels.append(PlanLabel.TRADE_OFF)
        shown = [choice for choice in plans if choice.labels]
        await self._weigh(shown)
        return shown

    def _named(self, proposed: Choice, found: Sequence[Choice]) -> list[Choice]:
        """Return the plans with a name: where the proposed one is as good as the best found for it, it has the name."""
        named = []
        for choice in found:
            label = PlanLabel(choice.variation["id"]) if choice.variation["id"] in set(PlanLabel) else None
            if label is None:
                continue
            if self._order(proposed, label) <= self._order(choice, label):
                proposed.labels.append(label)
            else:
                choice.labels.append(label)
                named.append(choice)
        return named

    def _order(self, choice: Choice, label: PlanLabel) -> tuple[int, ...]:
        """Return by what plans of a name are compared, the better one first."""
        doses = list(doses_by_target(self.task.brief, choice.settled.campaigns).items())
        first = dict(sorted(doses))[min(day for day, _ in doses)]
        if label is PlanLabel.MOST_DOSES_FIRST:
            return (-first, -choice.doses, choice.points)
        cost = choice.figures[-1]
        return (-choice.doses, cost, choice.points) if label is PlanLabel.CHEAPEST else (-choice.doses, choice.points)

    async def _with_curve(self, plans: list[Choice]) -> list[Choice]:
        """Return the plans with more points of the curve."""
        tried: set[int] = {0}
        limits = inner_limits(max(choice.points for choice in curve_of(plans)))
        for _ in range(MOST_ROUNDS):
            seconds = self._until(CURVE_SHARE)
            if not limits or seconds < LEAST_SECONDS or self.task.is_cancelled:
                break
            tried |= set(limits)
            each = max(LEAST_SECONDS, seconds * self.task.workers / len(limits))
            plans = distinct([*plans, *await self._solved([at_most(limit, each) for limit in limits], seconds)])
            limits = further_limits(curve_of(plans), tried)
        return plans

    async def _solved(self, asked: Sequence[dict[str, Any]], seconds: float) -> list[Choice]:
        """Return the plans of variations; where giving way would buy too few doses, solved again without it."""
        found: dict[str, Choice] = {}
        for _ in range(MOST_ROUNDS):
            if not asked or seconds < LEAST_SECONDS or self.task.is_cancelled:
                break
            began = time.monotonic()
            solutions = await self._vary(asked, seconds)
            again = []
            for one in asked:
                if one["id"] not in solutions:
                    continue
                choice = self._choice([], one, solutions[one["id"]])
                before = found.get(one["id"])
                if before is None or (choice.doses, -choice.points) > (before.doses, -before.points):
                    found[one["id"]] = choice
                if choice.settled.spared:
                    spared = {str(booking_id) for booking_id in choice.settled.spared}
                    again.append({**one, "kept": sorted({*one.get("kept", ()), *spared})})
            asked, seconds = again, seconds - (time.monotonic() - began)
        return list(found.values())

    async def _vary(self, asked: Sequence[Document], seconds: float) -> dict[str, dict[str, Any]]:
        """Return solutions; of a solver that fails, none: the plans found before stay."""
        try:
            return await self.task.vary(self.problem, asked, max(LEAST_SECONDS, seconds))
        except EngineFailed:
            return {}

    def _choice(self, labels: list[PlanLabel], asked: dict[str, Any], solution: Document) -> Choice:
        settled = self.task.settled(solution)
        doses = doses_by_target(self.task.brief, settled.campaigns)
        points = displacement_of(self.problem, settled)
        figures = (*doses.values(), points, len(settled.displacements), cost_of(self.task.brief.rules, settled))
        return Choice(labels, asked, solution, settled, sum(doses.values()), points, figures)

    async def _weigh(self, choices: Sequence[Choice]) -> None:
        """Say of each plan why it asks what it asks: solved again with one fewer, and with each booking kept."""
        every = [(number, one) for number, choice in enumerate(choices) for one in questions(choice.settled)]
        each = max(LEAST_SECONDS, self._until(1.0) * self.task.workers / max(1, len(every)))
        asked = [one.about(choices[number].variation, f"{number}/{one.name}", each) for number, one in every]
        solutions = await self._vary(asked, self._until(1.0)) if asked else {}
        answers: dict[int, dict[str, Outcome]] = defaultdict(dict)
        for key, solution in solutions.items():
            place, _, name = key.partition("/")
            answers[int(place)][name] = self._outcome(solution, self.task.settled(solution))
        for number, choice in enumerate(choices):
            plan = self._outcome(choice.solution, choice.settled)
            choice.statements = statements(plan, answers[number], plain=not choice.weighs_targets)

    def _outcome(self, solution: Document, settled: Settled) -> Outcome:
        return Outcome(solution["levels"], settled, doses_by_target(self.task.brief, settled.campaigns))
