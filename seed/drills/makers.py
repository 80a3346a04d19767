"""Who could make a countermeasure, by the catalogue: the largest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Line = Mapping[str, Any]


def makers(lines: Iterable[Line], profile: Mapping[str, Any], *, without: str | None = None) -> list[Line]:
    """Return the bookable lines that could make what a profile says, without one organisation's, the largest first."""
    found = [
        line
        for line in lines
        if line["bookable"]
        and profile["modality"] in line["modalities"]
        and profile["gmp_phase"] in line["gmp_phases"]
        and profile["platform"] in {None, *line["platforms"]}
        and line["organisation_id"] != without
    ]
    return sorted(found, key=lambda line: (-_volume(line), line["site_name"], line["name"]))


def largest_maker(lines: Iterable[Line]) -> str | None:
    """Return the organisation with the most volume on these lines, or None where there is no line."""
    volumes: Counter[str] = Counter()
    for line in lines:
        volumes[line["organisation_id"]] += round(_volume(line))
    return min(volumes, key=lambda one: (-volumes[one], one), default=None)


def sites_of(lines: Iterable[Line], most: int) -> list[str]:
    """Return the sites of the first lines, each once, at most so many."""
    return list(dict.fromkeys(line["site_id"] for line in lines))[:most]


def _volume(line: Line) -> float:
    volume: float = (line["working_volume_l"] or 0) * len(line["units"]) * line["batches_in_parallel"]
    return volume
