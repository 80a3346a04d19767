"""One problem solved by the engine under many variations, in one call."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.allocation.engine import Engine, Limits, Report
from app.allocation.solver import grace_seconds

Document = Mapping[str, Any]

FORMAT = "creneau-variations/1"


async def run_variations(
    problem: Document,
    variations: Sequence[Document],
    parameters: Document,
    limits: Limits,
    report: Report,
    *,
    seconds: float,
) -> dict[str, dict[str, Any]]:
    """Solve variations of a problem, and return the solution of each that has one, by its identifier.

    Each has passed the engine's checker. What is missing has no plan, or found no time within `seconds`.

    Raises
    ------
    EngineFailed
        The engine failed, with the reason in words.
    EngineStopped
        The result is not wanted any more.
    """
    if not variations:
        return {}
    with tempfile.TemporaryDirectory(prefix="creneau-vary-") as name:
        engine = Engine(Path(name), limits, report)
        await asyncio.to_thread(engine.write, "problem.json", problem)
        await asyncio.to_thread(engine.write, "variations.json", {"format": FORMAT, "variations": list(variations)})
        arguments = ["problem.json", "variations.json", "-o", "variants.json", "--progress"]
        arguments += ["--time-limit", str(seconds), "--seed", str(parameters.get("seed", 1))]
        arguments += ["--workers", str(parameters.get("workers", 1))]
        await engine.run("vary", *arguments, seconds=seconds + grace_seconds(parameters))
        answers = engine.read("variants.json")["variants"]
    found = {one["id"]: one.get("solution") for one in answers}
    return {key: one for key, one in found.items() if one is not None and one["status"] != "infeasible"}
