"""The files of a simulation, all of them or none: tables of all runs and of policies, report, plots."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seed.simulation.assumptions import explained
from seed.simulation.batch import Experiment
from seed.simulation.measures import MEASURES, RunResult
from seed.simulation.report import markdown
from seed.simulation.summary import Spread, Summary

Drawer = Callable[[Path, Sequence[Summary]], list[str]]
"""Draws into a folder, and returns the names of the files to show."""

FORMAT = "creneau-simulation/1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is told of an experiment: its runs, its policies, and the command that makes the same again."""

    experiment: Experiment
    results: Sequence[RunResult]
    summaries: Sequence[Summary]
    command: str


def write_files(folder: Path, outcome: Outcome, draw: Drawer | None) -> list[Path]:
    """Write everything beside the folder first, then put each file into it; return the files.

    Raises
    ------
    OSError
        The folder cannot be made or written; nothing is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_csv(made / "runs.csv", [_run_row(one) for one in outcome.results])
        _write_csv(made / "policies.csv", [row for one in outcome.summaries for row in _policy_rows(one)])
        _write_json(made / "runs.json", _document(outcome))
        plots = draw(made, outcome.summaries) if draw else []
        (made / "report.md").write_text(
            markdown(outcome.experiment, outcome.summaries, outcome.command, plots), encoding="utf-8"
        )
        names = sorted(file.name for file in made.iterdir())
        for name in names:
            (made / name).replace(folder / name)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return [folder / name for name in names]


def _named(result: RunResult | Summary) -> dict[str, Any]:
    policy = result.policy
    return {
        "policy": policy.name,
        "startup_percent": policy.startup_percent,
        "crisis_percent": policy.crisis_percent,
        "lending": "" if not policy.crisis_percent else "on" if policy.lending else "off",
    }


def _run_row(result: RunResult) -> dict[str, Any]:
    return {**_named(result), "seed": result.seed, **asdict(result.measures)}


def _policy_rows(summary: Summary) -> list[dict[str, Any]]:
    spreads: dict[str, Spread | None] = {**summary.spreads, "delay_change_days": summary.delay_change}
    empty = {"median": None, "least": None, "greatest": None}
    return [
        {**_named(summary), "measure": name, **(asdict(spread) if spread else empty)}
        for name, spread in spreads.items()
    ]


def _document(outcome: Outcome) -> dict[str, Any]:
    plan = outcome.experiment.plan
    return {
        "format": FORMAT,
        "command": outcome.command,
        "plan": {
            "days": plan.days,
            "lines": plan.lines,
            "requests": plan.requests,
            "budget": plan.budget,
            "countermeasure": plan.countermeasure,
            "powers": [power.value for power in plan.powers],
        },
        "assumptions": {
            name: {"value": getattr(plan.assumptions, name), "basis": basis, "meaning": meaning}
            for name, _, basis, meaning in explained(plan.assumptions)
        },
        "measures": list(MEASURES),
        "runs": [{**_run_row(one), "delays_by_request": dict(sorted(one.delays.items()))} for one in outcome.results],
    }


def _write_csv(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_json(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
