"""How long planning a crisis takes on the national calendar: to a first plan, and to those to choose from."""

from datetime import date, timedelta
from typing import Any

DATABASE = "creneau_bench_crisis"
DOSES_PER_LITRE = {"low": 2, "expected": 4, "high": 9}
TARGETS = ((90, 60_000), (150, 180_000), (240, 400_000))
"""More than free places can give: a plan that displaces nobody has nothing to choose between."""


def declaration(today: date, sites: list[str]) -> dict[str, Any]:
    """A real crisis from today on, which every power serves, over antibodies that some sites are ready to make."""
    start, end = str(today), str(today + timedelta(days=365))
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
            "name": "Antibody",
            "modality": "monoclonal_antibody",
            "platform": "CHO",
            "gmp_phase": "phase_2",
            "doses_per_litre": DOSES_PER_LITRE,
            "prequalified_site_ids": sites,
        },
        "targets": [{"by": str(today + timedelta(days=days)), "quantity": doses} for days, doses in TARGETS],
    }
