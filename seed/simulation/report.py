"""The report of a simulation in Markdown: what was done, what came of it, what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from seed.simulation.assumptions import (
    CAUSES,
    FAILED_SHARE,
    FAILED_SHARE_OTHERWISE,
    FIRST_LOT_FAILED_SHARE,
    explained,
)
from seed.simulation.batch import Experiment
from seed.simulation.columns import POLICY_HEADINGS, cells, headings, policy_cells
from seed.simulation.countermeasures import COUNTERMEASURES
from seed.simulation.screen import title
from seed.simulation.summary import Summary

TEXTS = Path(__file__).parent
BASIS = """\
Lines, durations and yields are those of the catalogue (`seed/data/README.md`): most are illustrative. Requests, phases,
volumes, budgets, and the answers of CDMOs are made as the national scenario of the seed makes them. Fees, priorities,
matching and the crisis rules are the service's defaults."""


def markdown(experiment: Experiment, found: Sequence[Summary], command: str, plots: Iterable[str]) -> str:
    """The whole report: the same runs give the same bytes."""
    parts = [
        "# Reserve policies, simulated",
        f"{title(experiment)}.",
        f"Made by `{command}`; the same command gives the same files.",
        "## Policies",
        _table([*POLICY_HEADINGS, *headings()], [[*policy_cells(one), *cells(one, with_spread=True)] for one in found]),
        _text("how_to_read.md"),
        *(f"![{name}]({name})" for name in plots),
        "## How far to trust it",
        _text("how_far_to_trust.md"),
        "## What it rests on",
        _table(["figure", "value", "basis", "meaning"], [list(row) for row in explained(experiment.plan.assumptions)]),
        _failures(),
        _countermeasures(),
        BASIS,
    ]
    return "\n\n".join(parts) + "\n"


def _text(name: str) -> str:
    return (TEXTS / name).read_text(encoding="utf-8").strip()


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _failures() -> str:
    shares = ", ".join(f"{name} {share:.1%}" for name, share in FAILED_SHARE.items())
    causes = ", ".join(f"{cause.value} {weight:g} %" for cause, weight in CAUSES)
    return (
        f"Batches that fail (illustrative ranges of `seed/data/README.md`, section 3): {shares}; others "
        f"{FAILED_SHARE_OTHERWISE:.1%}; first lot of a product at a site at least {FIRST_LOT_FAILED_SHARE:.1%}. "
        f"Causes (no source): {causes}."
    )


def _countermeasures() -> str:
    rows = [
        [name, one.name, one.modality, str(one.doses_per_litre.expected if one.doses_per_litre else "")]
        for name, one in COUNTERMEASURES.items()
    ]
    return _table(["countermeasure", "what", "modality", "doses a litre, expected (illustrative)"], rows)
