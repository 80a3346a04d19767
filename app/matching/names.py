"""What the coded values of a reason are called, in English and in French.

Only of closed vocabularies. Modalities and platforms are data that grows without a release, and stand in a sentence as
the catalogue codes them.
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.matching.outcome import ReasonCode


class Sentence(NamedTuple):
    """The same words in two languages; in braces stands what is filled in."""

    en: str
    fr: str


PHASES: Mapping[str, Sentence] = {
    "tox": Sentence("toxicology", "toxicologie"),
    "phase_1": Sentence("phase 1", "phase 1"),
    "phase_2": Sentence("phase 2", "phase 2"),
    "phase_3": Sentence("phase 3", "phase 3"),
    "commercial": Sentence("commercial supply", "fourniture commerciale"),
}
CONTAINMENTS: Mapping[str, Sentence] = {
    "bsl_1": Sentence("biosafety level 1", "niveau de confinement 1"),
    "bsl_2": Sentence("biosafety level 2", "niveau de confinement 2"),
    "bsl_3": Sentence("biosafety level 3", "niveau de confinement 3"),
    "bsl_4": Sentence("biosafety level 4", "niveau de confinement 4"),
    "gmo": Sentence("genetically modified organisms", "organismes génétiquement modifiés"),
    "cytotoxic": Sentence("cytotoxic products", "produits cytotoxiques"),
    "spore_forming": Sentence("spore-forming organisms", "organismes sporulés"),
}
PLATFORMS: Mapping[str, Sentence] = {"none": Sentence("none", "aucune")}
REFUSALS: Mapping[str, Sentence] = {
    "scale": Sentence("scale", "échelle"),
    "platform": Sentence("platform", "plateforme"),
    "containment": Sentence("containment", "confinement"),
    "equipment": Sentence("equipment", "équipement"),
    "analytics": Sentence("analytics", "analyses"),
    "raw_material": Sentence("raw materials", "matières premières"),
    "regulatory": Sentence("regulation", "réglementation"),
    "capacity": Sentence("capacity", "capacité"),
    "other": Sentence("another reason", "autre motif"),
}

NAMES: Mapping[ReasonCode, Mapping[str, Sentence]] = {
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
