"""What the coded values of a reason are called, in English and in French.

Only of closed vocabularies. Modalities and platforms are data that grows without a release, and stand in a sentence as
the catalogue codes them.
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.matching.outcome import ReasonCode


class Phrase(NamedTuple):
    """The same words in two languages; in braces stands what is filled in."""

    en: str
    fr: str


PHASES: Mapping[str, Phrase] = {
    "tox": Phrase("toxicology", "toxicologie"),
    "phase_1": Phrase("phase 1", "phase 1"),
    "phase_2": Phrase("phase 2", "phase 2"),
    "phase_3": Phrase("phase 3", "phase 3"),
    "commercial": Phrase("commercial supply", "phase commerciale"),
}
CONTAINMENTS: Mapping[str, Phrase] = {
    "bsl_1": Phrase("biosafety level 1", "niveau de confinement 1"),
    "bsl_2": Phrase("biosafety level 2", "niveau de confinement 2"),
    "bsl_3": Phrase("biosafety level 3", "niveau de confinement 3"),
    "bsl_4": Phrase("biosafety level 4", "niveau de confinement 4"),
    "gmo": Phrase("genetically modified organisms", "organismes génétiquement modifiés"),
    "cytotoxic": Phrase("cytotoxic products", "produits cytotoxiques"),
    "spore_forming": Phrase("spore-forming organisms", "organismes sporulés"),
}
PLATFORMS: Mapping[str, Phrase] = {"none": Phrase("none", "aucune")}
REFUSALS: Mapping[str, Phrase] = {
    "scale": Phrase("scale", "échelle"),
    "platform": Phrase("platform", "plateforme"),
    "containment": Phrase("containment", "confinement"),
    "equipment": Phrase("equipment", "équipement"),
    "analytics": Phrase("analytics", "moyens analytiques"),
    "raw_material": Phrase("raw materials", "matières premières"),
    "regulatory": Phrase("a regulatory matter", "motif réglementaire"),
    "capacity": Phrase("capacity", "capacité"),
    "other": Phrase("another reason", "autre motif"),
}

NAMES: Mapping[ReasonCode, Mapping[str, Phrase]] = {
    ReasonCode.AUTHORISATION_PHASE: PHASES,
    ReasonCode.GMP_PHASE: PHASES,
    ReasonCode.GMP_PHASE_UNKNOWN: PHASES,
    ReasonCode.PLATFORM: PLATFORMS,
    ReasonCode.PLATFORM_UNKNOWN: PLATFORMS,
    ReasonCode.CONTAINMENT: CONTAINMENTS,
    ReasonCode.CONTAINMENT_UNKNOWN: CONTAINMENTS,
    ReasonCode.NOT_FEASIBLE: REFUSALS,
}
"""By the reason whose sides are coded so; a code without a name is shown as it is."""
