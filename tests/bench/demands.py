"""What a benchmark must show: each figure beside what is wanted of it, and whether that holds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that must hold, in the words of its benchmark."""

    bench: str
    what: str
    wanted: str
    measured: str
    holds: bool


def at_most(bench: str, what: str, limit: float, measured: float, unit: str = "", digits: int = 2) -> Demand:
    """Return the demand that a figure is no higher than its limit."""
    return Demand(bench, what, f"at most {limit:g}{unit}", f"{measured:.{digits}f}{unit}", measured <= limit)


def at_least(bench: str, what: str, limit: float, measured: float, unit: str = "", digits: int = 2) -> Demand:
    """Return the demand that a figure is no lower than its limit."""
    return Demand(bench, what, f"at least {limit:g}{unit}", f"{measured:.{digits}f}{unit}", measured >= limit)


def is_so(bench: str, what: str, *, holds: bool, measured: str | None = None) -> Demand:
    """Return the demand that something is so."""
    return Demand(bench, what, "yes", measured or ("yes" if holds else "no"), holds)


def exit_code(demands: Sequence[Demand]) -> int:
    """Return 0 if all of them hold, else 1."""
    return 0 if all(one.holds for one in demands) else 1


def as_json(demands: Sequence[Demand]) -> list[dict[str, Any]]:
    """Return them for a report."""
    return [asdict(one) for one in demands]


def table(demands: Sequence[Demand]) -> Table:
    """Return what was wanted, what was measured, and whether it holds, as people read it."""
    made = Table(title="What was wanted, and what was measured")
    for heading in ("benchmark", "what", "wanted", "measured", "holds"):
        made.add_column(heading, justify="right" if heading in {"wanted", "measured"} else "left")
    for one in demands:
        holds = "[green]yes[/green]" if one.holds else "[red]no[/red]"
        made.add_row(one.bench, one.what, one.wanted, one.measured, holds)
    return made
