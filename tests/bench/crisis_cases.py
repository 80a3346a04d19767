"""The crises that planning is measured on, over the rows of the national calendar.

The first is what a crisis is like: few booked lines can make the countermeasure, and few bookings could give way.
The second asks for what most booked lines can make, and for more than all of them together could.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.crisis.profiles import profiles
from seed.world import World as Rows


@dataclass(frozen=True, slots=True)
class Case:
    """A crisis: what is made, and the doses wanted by days from the first one."""

    name: str
    modality: str
    targets: tuple[tuple[int, int], ...]
    choices: bool = False


def cases(rows: Rows) -> tuple[Case, Case]:
    """Return both crises; what the second asks for is beyond what all lines together can make."""
    return (
        Case("protein", "recombinant_protein", ((90, 60_000), (150, 180_000), (240, 400_000)), choices=True),
        Case("most booked", most_booked(rows), ((120, 10**7), (210, 10**8), (300, 10**9))),
    )


def most_booked(rows: Rows) -> str:
    """Return the modality, of those that a countermeasure is known to be of, whose lines have the most bookings."""
    known = {profile.modality for profile in profiles().values()}
    line_of = {unit.id: unit.line_id for unit in rows.units}
    made_on: dict[UUID, list[str]] = defaultdict(list)
    for offer in rows.line_modalities:
        made_on[offer.line_id].append(offer.modality)
    made = (modality for booking in rows.bookings for modality in made_on[line_of[booking.unit_id]])
    counts = Counter(modality for modality in made if modality in known)
    return min(counts, key=lambda modality: (-counts[modality], modality))


def declaration(on: date, case: Case, site_ids: list[str]) -> dict[str, Any]:
    """Return a drill from a day on, under every power, for what the given sites are ready to make."""
    start, end = str(on), str(on + timedelta(days=365))
    kinds = ("reserve_contract", "voluntary", "requisition_or_order")
    return {
        "title": "Benchmark",
        "mode": "drill",
        "start": start,
        "end": end,
        "as_of_on": start,
        "powers": [
            {"kind": kind, "act_reference": kind, "signatory": "S", "start": start, "end": end} for kind in kinds
        ],
        "countermeasure": {
            "name": case.name,
            "modality": case.modality,
            "gmp_phase": "phase_1",
            "doses_per_litre": {"low": 2, "expected": 4, "high": 9},
            "prequalified_site_ids": site_ids,
        },
        "targets": [{"by": str(on + timedelta(days=days)), "quantity": doses} for days, doses in case.targets],
    }


def sites(rows: Rows, case: Case) -> list[str]:
    """Return the sites with a line that makes what a crisis asks for."""
    lines = {row.line_id for row in rows.line_modalities if row.modality == case.modality}
    return sorted({str(line.site_id) for line in rows.lines if line.id in lines})
