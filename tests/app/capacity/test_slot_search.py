"""The search for slots: every filter against a reading row by row, and paging."""

import random
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest

from app.capacity import slot_views
from app.capacity.facts import unit_facts
from app.capacity.models import Slot
from app.capacity.supply import Span, UnitFacts
from app.core.clock import today
from app.core.database import transaction
from app.core.model import new_id
from app.core.vocabulary import GmpPhase, Reserve
from app.matching.facts import RequestFacts
from app.matching.technical import technical_reasons
from tests.app.capacity.rows import book
from tests.app.capacity.searching import all_found
from tests.support.world import World, day


class Known(NamedTuple):
    """A slot, with the days that are booked in it."""

    slot: Slot
    booked: set[date]


def _some(random_: random.Random, *values: str) -> list[str]:
    return random_.sample(values, random_.randint(0, len(values)))


async def _market(world: World, random_: random.Random) -> list[Known]:
    """Store lines of every kind, some unknown in one respect or another, with slots and bookings."""
    cdmo, _ = await world.cdmo()
    buyer, _ = await world.startup()
    market = []
    now = (today() - day(0)).days
    for number in range(24):
        unit = await world.unit(
            cdmo,
            site={
                "region": random_.choice(["Bretagne", "Grand Est"]),
                "modalities": _some(random_, "monoclonal_antibody", "viral_vector_aav"),
                "gmp_phases": _some(random_, "phase_1", "phase_2"),
            },
            modalities=_some(random_, "monoclonal_antibody", "viral_vector_aav"),
            platforms=_some(random_, "CHO", "HEK293"),
            gmp_phases=random_.choice([["phase_1"], ["phase_1", "phase_2"], ["unknown"]]),
            working_volume_l=random_.choice([None, 50.0, 200.0, 2000.0]),
            first_batch_days=random_.choice([5, 20, 40]),
            changeover_days=random_.choice([0, 6]),
            not_bookable_reason="captive" if number % 12 == 11 else None,
        )
        start = now + random_.randint(-30, 30)
        for _ in range(5):
            length = random_.randint(1, 60)
            slot = await world.slot(
                unit,
                start,
                start + length,
                divisible=random_.random() < 0.7,
                reserve=random_.choice([Reserve.OPEN, Reserve.STARTUP]),
            )
            booked: set[date] = set()
            if random_.random() < 0.5:
                first = random_.randint(start, start + length - 1)
                last = random_.randint(first + 1, start + length)
                await book(world, slot, buyer, first, last)
                booked = {day(offset) for offset in range(first, last)}
            market.append(Known(slot, booked))
            start += length + random_.randint(0, 9)
    return market


def _query(random_: random.Random) -> dict[str, Any]:
    """Return a random choice of filters."""
    now = (today() - day(0)).days
    start = now + random_.randint(-30, 120)
    offered: dict[str, Any] = {
        "modality": random_.choice(["monoclonal_antibody", "viral_vector_aav"]),
        "phase": random_.choice(["phase_1", "phase_2"]),
        "platform": random_.choice(["CHO", "HEK293"]),
        "volume_min": random_.choice([50, 100, 200]),
        "volume_max": random_.choice([200, 1000, 2000]),
        "region": random_.choice(["Bretagne", "Grand Est"]),
        "reserve": random_.choice(["open", "startup"]),
        "start": str(day(start)),
        "end": str(day(start + random_.randint(1, 90))),
        "deliver_by": str(day(now + random_.randint(-10, 220))),
        "min_days": random_.choice([1, 10, 30]),
        "available": random_.choice(["true", "false"]),
    }
    return {name: offered[name] for name in random_.sample(sorted(offered), random_.randint(0, 5))}


def _stretches(days: set[date]) -> list[Span]:
    """Return the runs of consecutive days."""
    found: list[Span] = []
    for one in sorted(days):
        if found and found[-1].end_on == one:
            found[-1] = Span(found[-1].start_on, one + timedelta(days=1))
        else:
            found.append(Span(one, one + timedelta(days=1)))
    return found


def _days(slot: Slot) -> set[date]:
    start, end = slot.period.lower, slot.period.upper
    assert start is not None
    assert end is not None
    return {start + timedelta(days=offset) for offset in range((end - start).days)}


def _makes(query: dict[str, Any], unit: UnitFacts) -> bool:
    modality, phase, platform = query.get("modality"), query.get("phase"), query.get("platform")
    low, high, volume = query.get("volume_min"), query.get("volume_max"), unit.working_volume_l
    return (
        unit.not_bookable_reason is None
        and (modality is None or (modality in unit.modalities and modality in (unit.site_modalities or [modality])))
        and (phase is None or (phase in unit.gmp_phases and phase in (unit.site_gmp_phases or [phase])))
        and (platform is None or platform in unit.platforms)
        and (low is None or (volume is not None and volume >= low))
        and (high is None or (volume is not None and volume <= high))
        and query.get("region") in {None, unit.region}
    )


def _fits(query: dict[str, Any], known: Known, unit: UnitFacts) -> bool:
    """Read the filters on time day by day."""
    whole = _days(known.slot)
    start = date.fromisoformat(query["start"]) if "start" in query else date.min
    end = date.fromisoformat(query["end"]) if "end" in query else date.max
    window = {one for one in whole if start <= one < end}
    if ("start" in query or "end" in query) and not window:
        return False
    to_come = {one for one in whole if one >= today()}
    usable = window & to_come if known.slot.divisible else whole if whole == to_come else set()
    free: set[date] = usable - known.booked if known.slot.divisible or not known.booked else set()
    release = [terms.release_days for name, terms in unit.terms.items() if query.get("modality") in {None, name}]

    def serves(stretch: Span) -> bool:
        if stretch.days < query.get("min_days", 1):
            return False
        if "deliver_by" not in query:
            return True
        released = stretch.start_on + timedelta(days=unit.first_batch_days + min(release, default=10**5))
        one_batch = unit.first_batch_days + unit.changeover_days
        return stretch.days >= one_batch and released <= date.fromisoformat(query["deliver_by"])

    if ("min_days" in query or "deliver_by" in query) and not any(map(serves, _stretches(usable))):
        return False
    return "available" not in query or any(map(serves, _stretches(free))) == (query["available"] == "true")


def _matching_agrees(query: dict[str, Any], unit: UnitFacts, owner_id: UUID) -> bool:
    """Tell what matching says of a line, for a request in the words of the search."""
    request = RequestFacts(
        request_id=new_id(),
        organisation_id=owner_id,
        modality=query["modality"],
        gmp_phase=GmpPhase(query["phase"]),
        earliest_on=today(),
        latest_delivery_on=today() + timedelta(days=900),
        batches=1,
        platform=query.get("platform"),
        volume_min_l=query.get("volume_min"),
        volume_max_l=query.get("volume_max"),
    )
    return not list(technical_reasons(request, unit)) and query.get("region") in {None, unit.region}


@pytest.mark.parametrize("examined", [1, 2])
@pytest.mark.parametrize(("seed", "queries"), [(1, 30), pytest.param(2, 400, marks=pytest.mark.prove)])
async def test_every_filter_is_what_a_reading_row_by_row_finds(
    client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch, seed: int, queries: int, examined: int
) -> None:
    """On pages of every size: small ones go on among the slots under way, and after slots of which nothing is free."""
    monkeypatch.setattr(slot_views, "FIRST_EXAMINED", examined)
    monkeypatch.setattr(slot_views, "MORE_EXAMINED", examined)
    random_ = random.Random(seed)
    market = await _market(world, random_)
    startup, headers = await world.startup()
    async with transaction(world.sessions) as session:
        units = await unit_facts(session)
    sizes = set()
    for _ in range(queries):
        query = _query(random_)
        expected = {
            str(known.slot.id)
            for known in market
            if _makes(query, units[known.slot.unit_id])
            and _fits(query, known, units[known.slot.unit_id])
            and query.get("reserve") in {None, known.slot.reserve}
        }
        items = await all_found(client, query, headers, limit=random_.choice([2, 5, 37]))
        assert {one["id"] for one in items} == expected, query
        assert len(items) == len(expected)
        assert [(one["start"], one["id"]) for one in items] == sorted((one["start"], one["id"]) for one in items)
        sizes.add(len(items))
        if {"modality", "phase"} <= query.keys():
            for unit in units.values():
                assert _makes(query, unit) == _matching_agrees(query, unit, startup.id), query
    assert len(sizes) > 12, "the queries tell slots apart"
