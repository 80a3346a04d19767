"""What start-ups ask for, by modality.

Source: `seed/data/README.md`, sections 2 (vocabularies), 3 (durations) and 6 (litres to doses); shares and ranges are
illustrative.
"""

from __future__ import annotations

from typing import NamedTuple

from app.requests.models import Theme

ANY = "any"


class Profile(NamedTuple):
    """How a modality is asked for.

    Attributes
    ----------
    platforms
        Expression platforms of such products; empty where none is asked.
    batches
        Fewest and most batches of a request.
    volumes_l
        Ranges of working volume asked; empty where volume means nothing.
    theme
        Theme of the national strategy under which such products mostly fall.
    asked_by
        Modalities whose makers need this one too, as a starting material or a service.
    """

    platforms: tuple[str, ...]
    batches: tuple[int, int]
    volumes_l: tuple[tuple[float, float], ...] = ()
    theme: Theme = Theme.GENE_AND_CELL
    asked_by: tuple[str, ...] = ()


_VECTOR_VOLUMES = ((10, 50), (50, 200), (200, 1000), (50, 1000))

PROFILES = {
    "monoclonal_antibody": Profile(
        ("CHO",), (1, 3), ((200, 1000), (500, 2000), (1000, 2000), (10, 200)), Theme.ONCOLOGY
    ),
    "recombinant_protein": Profile(
        ("E_coli", "E_coli", "CHO", "yeast"), (1, 4), ((10, 300), (50, 800), (200, 1000)), Theme.PRODUCTION_SYSTEMS
    ),
    "polyclonal_antibody": Profile((), (1, 2), (), Theme.PRODUCTION_SYSTEMS),
    "adc": Profile((), (1, 4), (), Theme.ONCOLOGY, ("monoclonal_antibody",)),
    "viral_vector_aav": Profile(("HEK293", "HEK293", "Sf9"), (1, 3), _VECTOR_VOLUMES),
    "viral_vector_lentivirus": Profile(("HEK293",), (1, 3), _VECTOR_VOLUMES),
    "viral_vector_other": Profile(("HEK293", "Vero"), (1, 3), _VECTOR_VOLUMES, Theme.ONCOLOGY),
    "oncolytic_virus": Profile(
        ("Vero", "HEK293"), (1, 3), ((50, 200),), Theme.ONCOLOGY, ("viral_vector_other",)
    ),
    "vaccine_viral": Profile(
        ("Vero", "HEK293", "avian_cells"), (1, 3), ((50, 200),), Theme.PRODUCTION_SYSTEMS,
        ("viral_vector_other", "viral_vector_lentivirus"),
    ),
    "mrna_lnp": Profile((), (1, 3), (), Theme.PRODUCTION_SYSTEMS),
    "plasmid_dna": Profile(
        ("E_coli",), (1, 4), ((10, 100), (50, 300)), Theme.UNITS_AND_PROCESSES,
        ("viral_vector_aav", "viral_vector_lentivirus", "cell_therapy_autologous"),
    ),
    "cell_therapy_autologous": Profile(("T_cell", "T_cell", "HSC", "MSC"), (1, 4)),
    "cell_therapy_allogeneic": Profile(("MSC", "MSC", "HSC", "T_cell"), (1, 3)),
    "tissue_engineered": Profile(("MSC", "primary_cells"), (1, 3)),
    "extracellular_vesicles": Profile(("MSC", "HEK293"), (1, 2), ((5, 20),)),
    "live_biotherapeutic": Profile(("gut_bacteria",), (1, 4), ((100, 500), (300, 3000)), Theme.PRODUCTION_SYSTEMS),
    "bacteriophage": Profile(("E_coli",), (1, 4), ((10, 50),), Theme.PRODUCTION_SYSTEMS),
    "nanomedicine": Profile((), (1, 4), (), Theme.UNITS_AND_PROCESSES, ("recombinant_protein",)),
    "fill_finish": Profile((), (1, 5), (), Theme.UNITS_AND_PROCESSES, (ANY,)),
    "cell_virus_banking": Profile(
        (), (1, 2), (), Theme.UNITS_AND_PROCESSES,
        ("monoclonal_antibody", "viral_vector_aav", "viral_vector_lentivirus", "viral_vector_other"),
    ),
}  # fmt: skip

CONDITIONS = (
    "an analytical method for potency is transferred first",
    "the cell bank is released before the campaign",
    "the batch record is shortened to two shifts",
    "a dedicated purification column is supplied",
)
