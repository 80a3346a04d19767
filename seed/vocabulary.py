"""Vocabularies of the reference data: what a cell of the tables may hold."""

from __future__ import annotations

from typing import NamedTuple


class ModalityName(NamedTuple):
    """A modality: its code, its names, and whether it is a product or a service."""

    code: str
    name_en: str
    name_fr: str
    is_product: bool = True


MODALITIES = (
    ModalityName("monoclonal_antibody", "Monoclonal antibody", "Anticorps monoclonal"),
    ModalityName("recombinant_protein", "Recombinant protein", "Protéine recombinante"),
    ModalityName("polyclonal_antibody", "Polyclonal antibody", "Anticorps polyclonal"),
    ModalityName("adc", "Antibody-drug conjugate", "Anticorps conjugué"),
    ModalityName("viral_vector_aav", "Adeno-associated viral vector", "Vecteur viral AAV"),
    ModalityName("viral_vector_lentivirus", "Lentiviral vector", "Vecteur lentiviral"),
    ModalityName("viral_vector_other", "Other viral vector", "Autre vecteur viral"),
    ModalityName("oncolytic_virus", "Oncolytic virus", "Virus oncolytique"),
    ModalityName("vaccine_viral", "Viral vaccine", "Vaccin viral"),
    ModalityName("mrna_lnp", "mRNA in lipid nanoparticles", "ARN messager en nanoparticules lipidiques"),
    ModalityName("plasmid_dna", "Plasmid DNA", "ADN plasmidique"),
    ModalityName("cell_therapy_autologous", "Autologous cell therapy", "Thérapie cellulaire autologue"),
    ModalityName("cell_therapy_allogeneic", "Allogeneic cell therapy", "Thérapie cellulaire allogénique"),
    ModalityName("tissue_engineered", "Tissue-engineered product", "Produit d'ingénierie tissulaire"),
    ModalityName("extracellular_vesicles", "Extracellular vesicles", "Vésicules extracellulaires"),
    ModalityName("live_biotherapeutic", "Live biotherapeutic", "Biothérapeutique vivant"),
    ModalityName("bacteriophage", "Bacteriophage", "Bactériophage"),
    ModalityName("nanomedicine", "Nanomedicine", "Nanomédicament"),
    ModalityName("fill_finish", "Fill and finish", "Répartition aseptique et conditionnement", is_product=False),
    ModalityName("cell_virus_banking", "Cell and virus banking", "Banques cellulaires et virales", is_product=False),
    ModalityName("qc_testing", "Quality control testing", "Contrôle qualité", is_product=False),
    ModalityName("lipid_excipient", "Lipid excipient", "Excipient lipidique", is_product=False),
)

MODALITY_CODES = frozenset(name.code for name in MODALITIES)

PLATFORMS = frozenset(
    {
        "CHO", "HEK293", "Vero", "avian_cells", "Sf9", "E_coli", "yeast", "microalgae", "cell_free", "gut_bacteria",
        "T_cell", "HSC", "MSC", "iPSC", "dendritic_cell", "primary_cells", "none",
    }
)  # fmt: skip

LINE_PLATFORMS = PLATFORMS | {"unknown"}
"""`unknown`: nobody said which; such a line is not eligible for anything that asks for one."""

PHASES_BASES = frozenset({"line name", "inherited from site"})

SOURCED_FIELDS = {
    "working_volume_l": "working_volume_l",
    "batches_in_parallel": "batches_in_parallel",
    "batch_duration_days": "first_batch_days",
    "cadence_days": "cadence_days",
    "changeover_days": "changeover_days",
    "technology": "technology",
    "culture_mode": "culture_mode",
    "existence": "existence",
    "throughput": "throughput",
}
"""What may be sourced, by its name in the table, with the name it has in the catalogue."""
