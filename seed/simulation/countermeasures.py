"""What a simulated crisis asks for.

Source: `seed/data/README.md`, section 6 (litres to doses), section 3 (release testing: an accelerated package of 21
days is quoted by one supplier, a rapid viral panel of 14 days by another). Ranges without a source are illustrative.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from app.core.vocabulary import GmpPhase
from app.crisis.declaration import Countermeasure, DoseYield

COUNTERMEASURES = {
    # 2,500 doses a litre by an earlier process and 10,000 by perfusion are published; the low figure is illustrative.
    "vector": Countermeasure(
        name="Vaccine by adenoviral vector",
        modality="viral_vector_other",
        gmp_phase=GmpPhase.PHASE_2,
        platform="HEK293",
        containment=["bsl_2", "gmo"],
        doses_per_litre=DoseYield(low=1_250, expected=2_500, high=10_000),
        release_days=21,
    ),
    # 4 g/L at 70 percent and 1.2 g a treatment is a published one; 0.6 and 0.3 g are illustrative.
    "antibody": Countermeasure(
        name="Antibodies against a respiratory virus",
        modality="monoclonal_antibody",
        gmp_phase=GmpPhase.PHASE_2,
        platform="CHO",
        doses_per_litre=DoseYield(low=2, expected=4, high=9),
        release_days=21,
    ),
    # Illustrative throughout.
    "protein": Countermeasure(
        name="Protein vaccine",
        modality="recombinant_protein",
        gmp_phase=GmpPhase.PHASE_2,
        platform="E_coli",
        doses_per_litre=DoseYield(low=2_000, expected=5_000, high=10_000),
        release_days=21,
    ),
    # Illustrative throughout.
    "phage": Countermeasure(
        name="Phages against resistant bacteria",
        modality="bacteriophage",
        gmp_phase=GmpPhase.PHASE_2,
        platform="E_coli",
        doses_per_litre=DoseYield(low=500, expected=1_000, high=2_000),
        release_days=14,
    ),
}


def prequalified(name: str, sites: Iterable[UUID]) -> Countermeasure:
    """A countermeasure that is qualified at these sites."""
    return COUNTERMEASURES[name].model_copy(update={"prequalified_site_ids": sorted(sites)})
