"""A plan beside what simpler rules would have reached, in the figures that matter to those served."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

Document = Mapping[str, Any]


def figures(problem: Document, references: Document, placed: Iterable[Document]) -> dict[str, Any]:
    """Return what a plan reaches, from its placed demands.

    `median_access_delay_days` runs from the day on which a campaign was first wanted (not before the date the
    problem reasons from) to the day on which it starts; null when nothing is placed. It counts those served.
    """
    demands = {demand["id"]: demand for demand in problem.get("demands", ())}
    wanted = references.get("wanted_day", {})
    served = [(demands[item["demand"]], item["start"]) for item in placed]
    delays = [start - max(0, wanted.get(demand["id"], 0)) for demand, start in served]
    return {
        "requests_served": len(served),
        "weight_served": sum(demand.get("weight", 1) for demand, _ in served),
        "startups_served": len({demand.get("party") or demand["id"] for demand, _ in served}),
        "median_access_delay_days": float(median(delays)) if delays else None,
    }


def compared(
    problem: Document, references: Document, solution: Document, baselines: Mapping[str, Document]
) -> dict[str, Any]:
    """Return the figures of the plan and of each baseline, by name."""
    plans = {"plan": solution, **baselines}
    return {name: figures(problem, references, plan.get("placed", ())) for name, plan in plans.items()}


def levels_beside(baselines: Mapping[str, Document]) -> list[dict[str, Any]]:
    """Return for each objective, in order, what each baseline reaches, and a bound that needs no solving.

    That `trivial_bound` is for weights the sum over the requests that have an option at all; where it is reached, or
    nearly, the problem was an easy one.
    """
    levels: dict[str, dict[str, Any]] = {}
    for name, plan in baselines.items():
        for level in plan.get("levels", ()):
            found = levels.setdefault(
                level["objective"], {"objective": level["objective"], "trivial_bound": level["bound"]}
            )
            found[name] = level["value"]
    return list(levels.values())
