"""Closed vocabularies that several capabilities share."""

from enum import StrEnum


class Language(StrEnum):
    """The languages that pages and mails speak."""

    EN = "en"
    FR = "fr"


class GmpPhase(StrEnum):
    """The stage of development that a lot is made for; `tox` covers non-GMP material."""

    TOX = "tox"
    PHASE_1 = "phase_1"
    PHASE_2 = "phase_2"
    PHASE_3 = "phase_3"
    COMMERCIAL = "commercial"


class Reserve(StrEnum):
    """Whom a slot is kept for: anyone, French start-ups, or a health crisis."""

    OPEN = "open"
    STARTUP = "startup"
    CRISIS = "crisis"


class Basis(StrEnum):
    """Where a figure comes from; an illustrative one is never shown as the CDMO's own."""

    DECLARED = "declared"
    SOURCED = "sourced"
    ILLUSTRATIVE = "illustrative"


class Confidence(StrEnum):
    """How far a catalogue row can be trusted."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    ILLUSTRATIVE = "illustrative"


class Origin(StrEnum):
    """Whether a row is about the real world, or was generated for a scenario."""

    REAL = "real"
    SCENARIO = "scenario"

    @classmethod
    def of(cls, *sources: "Origin") -> "Origin":
        """Return the origin of what was made from these: generated as soon as one of them is."""
        return cls.SCENARIO if cls.SCENARIO in sources else cls.REAL


class Containment(StrEnum):
    """What working with a product calls for; a biosafety level includes those below it.

    Source: Directive 2000/54/EC (biological agents, levels 2 to 4); Directive 2009/41/EC (GMO).
    """

    BSL_1 = "bsl_1"
    BSL_2 = "bsl_2"
    BSL_3 = "bsl_3"
    BSL_4 = "bsl_4"
    GMO = "gmo"
    CYTOTOXIC = "cytotoxic"
    SPORE_FORMING = "spore_forming"


class QuantityUnit(StrEnum):
    """What a quantity, or the yield of a batch, is counted in: grams, vector genomes, transducing units and so on."""

    G = "g"
    VG = "vg"
    TU = "TU"
    CELLS = "cells"
    DOSES = "doses"
