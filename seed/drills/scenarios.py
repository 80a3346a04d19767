"""The scenarios of drills, as `seed/data/drill_scenarios.json` holds them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).parents[1] / "data" / "drill_scenarios.json"
VALID_DAYS = 365


class UnknownScenario(Exception):
    """There is no scenario of that name; the message lists those that there are."""


class Scenario(BaseModel):
    """What a drill plays.

    Attributes
    ----------
    countermeasure
        As it is declared, by its profile.
    prequalified_sites
        How many sites have the countermeasure established: those with the largest lines that could make it.
    largest_maker_is_out
        Whether the CDMO with the most volume for it is out of service.
    targets
        Days from the declaration, and doses wanted by then, summed up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    title: str
    story: str
    countermeasure: dict[str, Any]
    prequalified_sites: int = 0
    largest_maker_is_out: bool = False
    targets: tuple[tuple[int, int], ...]


@cache
def scenarios() -> dict[str, Scenario]:
    """Return the scenarios by name, in the order of the file."""
    found = [Scenario.model_validate(one) for one in json.loads(FILE.read_text(encoding="utf-8"))]
    return {one.name: one for one in found}


def scenario_of(name: str) -> Scenario:
    """Return a scenario.

    Raises
    ------
    UnknownScenario
        If there is none of that name.
    """
    known = scenarios()
    if name not in known:
        raise UnknownScenario(f"there is no scenario {name!r}: choose among {', '.join(known)}")
    return known[name]
