"""From what happened in a quarter to the figures that are published of it. Pure."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

from app.indicators.rules import Cell, Figure, Table, published

SEVERAL = "several"
"""Stands for the modality of lines that make more than one: each day of capacity counts once."""

DAYS_A_WEEK = 7
CAPACITY = (("published_days", "booked_days"), ("published_days",))
REQUESTS = (("submitted", "placed", "unmet", "waiting"), ("submitted",))
AGREEMENTS = (("promised_batch_days", "published_batch_days"),)
NATION = "nation"


class Offered(NamedTuple):
    """Days that one CDMO published in the quarter."""

    region: str
    modality: str
    reserve: str
    cdmo_id: UUID
    days: int


class Booked(NamedTuple):
    """Days of them that were booked by one start-up."""

    region: str
    modality: str
    reserve: str
    cdmo_id: UUID
    startup_id: UUID
    days: int


class Asked(NamedTuple):
    """One request that was submitted in the quarter."""

    region: str
    modality: str
    startup_id: UUID
    outcome: str
    access_days: int | None


class Promised(NamedTuple):
    """What one agreement promised for the quarter, and what of it was published."""

    reserve: str
    cdmo_id: UUID
    promised: int
    published: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the figures of a quarter are made from."""

    regions: Collection[str]
    offered: Collection[Offered]
    booked: Collection[Booked]
    asked: Collection[Asked]
    promised: Collection[Promised]
    includes_scenario: bool


def figures_of(facts: Facts) -> dict[str, Any]:
    """Return the figures as JSON: of the nation, and of each region; what is kept back is null."""
    regions = sorted(facts.regions)
    scopes: dict[str, dict[str, list[Any]]] = {
        name: {"capacity": [], "requests": [], "agreements": []} for name in (NATION, *regions)
    }
    for key, table in _tables(_capacity_cells(facts), regions, CAPACITY):
        _add(scopes, "capacity", table, dict(zip(("modality", "reserve"), key, strict=True)), CAPACITY[0])
    delays = _delays(facts.asked)
    for key, table in _tables(_request_cells(facts.asked), regions, REQUESTS):
        _add(scopes, "requests", table, {"modality": key[0]}, REQUESTS[0][:3])
        for name, told in ((NATION, table.total), *table.parts.items()):
            row = scopes[name]["requests"][-1]
            row["median_access_weeks"] = _weeks(delays[key[0], name]) if told and told.get("placed") else None
    for (reserve,), cells in sorted(_agreement_cells(facts.promised).items()):
        table = published(cells, AGREEMENTS)
        _add({NATION: scopes[NATION]}, "agreements", Table(table.total, {}), {"reserve": reserve}, AGREEMENTS[0])
    return {
        "includes_scenario": facts.includes_scenario,
        "nation": scopes.pop(NATION),
        "regions": scopes,
    }


Cells = Mapping[tuple[str, ...], Mapping[str, Cell]]


def _tables(
    cells: Cells, regions: Collection[str], details: tuple[tuple[str, ...], ...]
) -> Iterable[tuple[tuple[str, ...], Table]]:
    """Yield each table, with a part for every region, empty or not: which are empty is not to be seen from it."""
    for key, parts in sorted(cells.items()):
        nobodys = {
            name: Figure(0, tuple(frozenset[UUID]() for _ in one.shares))
            for name, one in next(iter(parts.values())).items()
        }
        yield key, published({region: parts.get(region, nobodys) for region in regions}, details)


def _add(
    scopes: Mapping[str, dict[str, list[Any]]], name: str, table: Table, key: dict[str, Any], names: Iterable[str]
) -> None:
    for scope, told in ((NATION, table.total), *table.parts.items()):
        scopes[scope][name].append({**key, **{one: (told or {}).get(one) for one in names}})


def _capacity_cells(facts: Facts) -> Cells:
    shares: dict[Any, dict[str, Any]] = defaultdict(
        lambda: {"days": 0, "booked": 0, "cdmos": set(), "sold": set(), "startups": set()}
    )
    for one in facts.offered:
        share = shares[one.modality, one.reserve, one.region]
        share["days"] += one.days
        share["cdmos"].add(one.cdmo_id)
    for it in facts.booked:
        share = shares[it.modality, it.reserve, it.region]
        share["booked"] += it.days
        share["sold"].add(it.cdmo_id)
        share["startups"].add(it.startup_id)
    return _by_region(
        shares,
        lambda share: {
            "published_days": Figure(share["days"], (frozenset(share["cdmos"]),)),
            "booked_days": Figure(share["booked"], (frozenset(share["sold"]), frozenset(share["startups"]))),
        },
    )


def _request_cells(asked: Iterable[Asked]) -> Cells:
    requests: dict[Any, list[Asked]] = defaultdict(list)
    for one in asked:
        requests[one.modality, one.region].append(one)

    def cell(all_of_them: list[Asked]) -> Cell:
        outcomes = {name: [one for one in all_of_them if one.outcome == name] for name in REQUESTS[0][1:]}
        return {
            name: Figure(len(some), (frozenset(one.startup_id for one in some),))
            for name, some in {"submitted": all_of_them, **outcomes}.items()
        }

    return _by_region(requests, cell)


def _agreement_cells(promised: Iterable[Promised]) -> Cells:
    agreements: dict[Any, list[Promised]] = defaultdict(list)
    for one in promised:
        agreements[one.reserve, NATION].append(one)

    def cell(some: list[Promised]) -> Cell:
        makers = (frozenset(one.cdmo_id for one in some),)
        return {
            "promised_batch_days": Figure(sum(one.promised for one in some), makers),
            # Beyond what is promised, more of one does not make up for less of another.
            "published_batch_days": Figure(sum(min(one.promised, one.published) for one in some), makers),
        }

    return _by_region(agreements, cell)


def _by_region(shares: Mapping[Any, Any], cell: Callable[[Any], Cell]) -> Cells:
    cells: dict[tuple[str, ...], dict[str, Cell]] = defaultdict(dict)
    for (*key, region), share in shares.items():
        cells[tuple(key)][region] = cell(share)
    return cells


def _delays(asked: Iterable[Asked]) -> Mapping[tuple[str, str], list[int]]:
    delays: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in asked:
        if one.access_days is not None:
            delays[one.modality, one.region].append(one.access_days)
            delays[one.modality, NATION].append(one.access_days)
    return delays


def _weeks(delays: list[int]) -> int | None:
    """Return the median in whole weeks: to the day it would be one request's own."""
    return round(median(delays) / DAYS_A_WEEK) if delays else None
