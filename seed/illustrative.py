"""Figures that the reference data leave out, by modality: illustrative until a CDMO declares its own.

Source: `seed/data/README.md`, section 3 (release testing), section 6 (litres to doses). Prices and transfer times
have no public source at all, and serve to make scenarios of a plausible order of size.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from app.core.vocabulary import GmpPhase


class Figures(NamedTuple):
    """What a line takes for one modality.

    Attributes
    ----------
    release_days
        From the end of production to the release of a lot. Section 3: 5 to 8 weeks for proteins and vectors, 4 to 6
        for plasmid and mRNA, 7 to 10 days for autologous cells, 3 to 4 weeks for live biotherapeutics.
    transfer_days
        Technology transfer of a product that the site does not know yet.
    price_eur
        Price of a batch at `reference_volume_l`; it grows with the square root of the volume.
    reference_volume_l
        Working volume at which price and yield are given, or for which they stand where a line has none.
    yield_per_batch, yield_unit
        What a batch yields at `reference_volume_l`, in proportion to the volume; section 6. None for a service
        that yields nothing of its own.
    containment
        What working with the modality calls for, and so what a line for it is taken to have.
    engineering_batch
        Whether a line asks for an engineering batch before the first GMP one of a new product.
    """

    release_days: int
    transfer_days: int
    price_eur: int
    reference_volume_l: float
    yield_per_batch: float | None
    yield_unit: str | None
    containment: tuple[str, ...] = ()
    engineering_batch: bool = False


FIGURES = {
    "monoclonal_antibody": Figures(42, 90, 1_400_000, 2000, 4_200, "g", engineering_batch=True),
    "recombinant_protein": Figures(42, 60, 450_000, 300, 240, "g"),
    "polyclonal_antibody": Figures(42, 90, 900_000, 1000, 1_000, "g"),
    "adc": Figures(42, 75, 650_000, 50, 300, "g", ("cytotoxic",), engineering_batch=True),
    "viral_vector_aav": Figures(49, 90, 1_100_000, 200, 6e15, "vg", ("gmo", "bsl_2"), engineering_batch=True),
    "viral_vector_lentivirus": Figures(49, 90, 900_000, 200, 7.5e11, "TU", ("gmo", "bsl_2"), engineering_batch=True),
    "viral_vector_other": Figures(49, 75, 750_000, 200, 500_000, "doses", ("gmo", "bsl_2")),
    "oncolytic_virus": Figures(49, 75, 800_000, 200, 100_000, "doses", ("gmo", "bsl_2")),
    "vaccine_viral": Figures(49, 75, 700_000, 200, 500_000, "doses", ("bsl_2",)),
    "mrna_lnp": Figures(35, 60, 600_000, 10, 830_000, "doses"),
    "plasmid_dna": Figures(35, 45, 220_000, 100, 25, "g", ("gmo",)),
    "cell_therapy_autologous": Figures(9, 90, 70_000, 1, 1, "doses", ("gmo",)),
    "cell_therapy_allogeneic": Figures(28, 75, 260_000, 10, 1e10, "cells"),
    "tissue_engineered": Figures(14, 75, 90_000, 1, 1, "doses"),
    "extracellular_vesicles": Figures(42, 60, 300_000, 10, 500, "doses"),
    "live_biotherapeutic": Figures(25, 60, 280_000, 300, 6_000, "doses", ("spore_forming",)),
    "bacteriophage": Figures(35, 45, 180_000, 20, 20_000, "doses"),
    "nanomedicine": Figures(35, 60, 250_000, 10, 1_000, "doses"),
    "fill_finish": Figures(28, 45, 160_000, 10, 10_000, "doses"),
    "cell_virus_banking": Figures(49, 30, 140_000, 1, None, None, ("gmo", "bsl_2")),
    "qc_testing": Figures(0, 30, 60_000, 1, None, None),
    "lipid_excipient": Figures(28, 90, 500_000, 100, 20_000, "g"),
}

COMMERCIAL_FILLING_DOSES = 200_000
"""Doses of a batch on a filling line that works at commercial scale."""


def price_cents(modality: str, volume_l: float | None) -> int:
    """The illustrative price of a batch, in cents, to the thousand euros."""
    figures = FIGURES[modality]
    scale = (volume_l or figures.reference_volume_l) / figures.reference_volume_l
    return max(1, round(figures.price_eur * math.sqrt(scale) / 1000)) * 1000 * 100


def yield_per_batch(modality: str, volume_l: float | None, phases: tuple[str, ...] | list[str]) -> float | None:
    """The illustrative yield of a batch, in the modality's unit; None for a service that yields nothing."""
    figures = FIGURES[modality]
    if figures.yield_per_batch is None:
        return None
    if modality == "fill_finish" and GmpPhase.COMMERCIAL in phases:
        return COMMERCIAL_FILLING_DOSES
    scale = (volume_l or figures.reference_volume_l) / figures.reference_volume_l
    return float(f"{figures.yield_per_batch * scale:.3g}")


def transfer_days(modalities: tuple[str, ...]) -> int:
    """The illustrative time of a technology transfer to a line: that of its most demanding modality."""
    return max(FIGURES[modality].transfer_days for modality in modalities)


def containment(modalities: tuple[str, ...]) -> list[str]:
    """What a line for these modalities is taken to contain."""
    return sorted({need for modality in modalities for need in FIGURES[modality].containment})


def engineering_batch(modalities: tuple[str, ...], phases: tuple[str, ...]) -> bool:
    """Whether a line asks for an engineering batch; none for material that is not GMP at all."""
    return phases != (GmpPhase.TOX,) and any(FIGURES[modality].engineering_batch for modality in modalities)
