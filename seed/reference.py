"""Rows of the three reference tables, as typed and checked as their README describes them."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from app.catalogue.models import CultureMode, SiteKind, Technology
from app.core.vocabulary import Confidence, GmpPhase
from seed.vocabulary import LINE_PLATFORMS, MODALITY_CODES, PHASES_BASES, PLATFORMS, SOURCED_FIELDS

PHASES = frozenset(phase.value for phase in GmpPhase)


def listed(allowed: frozenset[str] | None, *, may_be_empty: bool = False) -> Callable[[str], tuple[str, ...]]:
    """A reader of a cell that holds a list separated by semicolons, without repetition.

    Parameters
    ----------
    allowed
        The vocabulary; None where any word will do.
    may_be_empty
        Whether an empty cell means an empty list.
    """

    def read(cell: str) -> tuple[str, ...]:
        items = tuple(cell.split(";")) if cell else ()
        if not items and not may_be_empty:
            raise ValueError("must not be empty")
        for position, item in enumerate(items):
            if not item or item != item.strip():
                raise ValueError("items are separated by one semicolon, without spaces")
            if allowed is not None and item not in allowed:
                raise ValueError(f"{item!r} is not one of {', '.join(sorted(allowed))}")
            if item in items[:position]:
                raise ValueError(f"{item!r} is there twice")
        return items

    return read


def word(allowed: frozenset[str]) -> Callable[[str], str]:
    """A reader of a cell that holds one word of a vocabulary."""

    def read(cell: str) -> str:
        if cell not in allowed:
            raise ValueError(f"must be one of {', '.join(sorted(allowed))}")
        return cell

    return read


def _number(cell: str) -> str:
    """Let through what a person would read as one plain number, and nothing that Python alone accepts."""
    if not cell or cell.strip("-.0123456789"):
        raise ValueError("must be a plain number")
    return cell


def _blank_is_none(cell: str) -> str | None:
    return _number(cell) if cell else None


Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
Prose = Annotated[str, Field(max_length=4000)]
Number = BeforeValidator(_number)
Days = Annotated[int, Number, Field(ge=1, le=365)]
Modalities = Annotated[tuple[str, ...], BeforeValidator(listed(MODALITY_CODES))]
Phases = Annotated[tuple[str, ...], BeforeValidator(listed(PHASES))]
PageConfidence = Literal["high", "medium", "low"]


class Row(BaseModel):
    """A row of a reference table; cells are taken as they are, without trimming."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SiteRow(Row):
    """One site of a CDMO or an industrial integrator."""

    organisation: Text
    site_name: Text
    city: Annotated[str, Field(min_length=1, max_length=120)]
    department_code: Annotated[str, Field(pattern=r"^(\d{2,3}|2[AB])$")]
    region: Annotated[str, Field(min_length=1, max_length=120)]
    latitude: Annotated[float, Number, Field(ge=-90, le=90)]
    longitude: Annotated[float, Number, Field(ge=-180, le=180)]
    kind: SiteKind
    clusters: Annotated[tuple[str, ...], BeforeValidator(listed(None))]
    modalities: Modalities
    expression_platforms: Annotated[tuple[str, ...], BeforeValidator(listed(PLATFORMS))]
    gmp_phases: Phases
    note: Prose
    source: Annotated[str, Field(min_length=1, max_length=4000)]
    confidence: PageConfidence


class LineRow(Row):
    """One production line, suite or filling line of a site."""

    site_name: Text
    line_name: Text
    modalities: Modalities
    expression_platforms: Annotated[tuple[str, ...], BeforeValidator(listed(LINE_PLATFORMS))]
    gmp_phases: Phases
    phases_basis: Annotated[str, BeforeValidator(word(PHASES_BASES))]
    working_volume_l: Annotated[Annotated[float, Field(gt=0, le=100_000)] | None, BeforeValidator(_blank_is_none)]
    batches_in_parallel: Annotated[int, Number, Field(ge=1, le=100)]
    units: Annotated[int, Number, Field(ge=1, le=100)]
    technology: Technology
    culture_mode: CultureMode
    batch_duration_days: Days
    cadence_days: Days
    changeover_days: Annotated[int, Number, Field(ge=0, le=365)]
    bookable: Annotated[str, Field(pattern=r"^(yes|yes: continuity at risk|planned: confirm commissioning|no: \S.*)$")]
    capacity_note: Prose
    sourced_fields: Annotated[tuple[str, ...], BeforeValidator(listed(frozenset(SOURCED_FIELDS), may_be_empty=True))]
    source: Annotated[str, Field(min_length=1, max_length=4000)]
    confidence: Confidence

    @model_validator(mode="after")
    def _each_unit_runs_a_whole_number_of_batches(self) -> Self:
        if self.batches_in_parallel % self.units:
            raise ValueError(
                f"batches_in_parallel, {self.batches_in_parallel}, must be a multiple of units, {self.units}"
            )
        return self


class CompanyRow(Row):
    """One company or project that needs, or may need, clinical lots."""

    organisation: Text
    city: Annotated[str, Field(min_length=1, max_length=120)]
    region: Annotated[str, Field(min_length=1, max_length=120)]
    modality: Annotated[str, BeforeValidator(word(MODALITY_CODES))]
    need_phase: Phases
    note: Prose
    source: Annotated[str, Field(min_length=1, max_length=4000)]
    confidence: PageConfidence
