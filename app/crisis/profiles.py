"""Countermeasure profiles: what a litre or a batch gives, low, expected and high, each figure sourced or illustrative.

The figures are data, in `countermeasures.json` beside this module. A declaration may name a profile, and override what
it knows better; what it comes to is stored with the crisis, with the mark of every figure.

Source: `seed/data/README.md`, sections 3 (durations) and 6 (litres to doses), whose references the figures name.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.core.schemas import Code, Name
from app.core.vocabulary import Basis, GmpPhase
from app.crisis.declaration import Countermeasure, CountermeasureTerms, FigureMark

FILE = Path(__file__).with_name("countermeasures.json")
DOSES = ("doses_per_litre", "doses_per_batch")
DAYS = ("first_batch_days", "cadence_days", "release_days")
GIVEN = FigureMark(basis=Basis.DECLARED, note="given with the declaration")


class ProfileFigure(FigureMark):
    """One figure of a profile, with where it comes from."""

    value: int = Field(ge=0)


class ProfileDoses(BaseModel):
    """Doses from one batch, or from one litre of it."""

    model_config = ConfigDict(extra="forbid")

    low: ProfileFigure
    expected: ProfileFigure
    high: ProfileFigure


class CountermeasureProfile(BaseModel):
    """What is known of a kind of countermeasure.

    A sourced number of days stands before a line's own where the profile is used; an illustrative one is only shown.
    """

    model_config = ConfigDict(extra="forbid")

    code: Code
    name_en: str
    name_fr: str
    modality: Code
    gmp_phase: GmpPhase
    platform: str | None = None
    containment: list[str] = []
    volume_min_l: float | None = None
    doses_per_litre: ProfileDoses | None = None
    doses_per_batch: ProfileDoses | None = None
    first_batch_days: ProfileFigure
    cadence_days: ProfileFigure
    release_days: ProfileFigure

    def terms(self) -> dict[str, Any]:
        """Return the profile as the fields of a countermeasure."""
        fields: dict[str, Any] = {
            "name": self.name_en,
            "modality": self.modality,
            "gmp_phase": self.gmp_phase.value,
            "platform": self.platform,
            "containment": self.containment,
            "volume_min_l": self.volume_min_l,
        }
        for name in DOSES:
            doses: ProfileDoses | None = getattr(self, name)
            if doses is not None:
                fields[name] = {level: getattr(doses, level).value for level in ProfileDoses.model_fields}
        for name in DAYS:
            figure: ProfileFigure = getattr(self, name)
            if figure.basis is Basis.SOURCED:
                fields[name] = figure.value
        return fields

    def figures(self) -> Iterator[tuple[str, ProfileFigure]]:
        """Yield every figure with the name of its field."""
        for name in DOSES:
            doses: ProfileDoses | None = getattr(self, name)
            if doses is not None:
                yield from ((f"{name}.{level}", getattr(doses, level)) for level in ProfileDoses.model_fields)
        yield from ((name, getattr(self, name)) for name in DAYS)


class ProfiledCountermeasure(CountermeasureTerms):
    """A countermeasure by its profile; what is given beside it stands instead of the profile's."""

    profile: Code = Field(description="A code of `GET /v1/countermeasures`")
    name: Name | None = None
    gmp_phase: GmpPhase | None = None


@cache
def profiles() -> Mapping[str, CountermeasureProfile]:
    """Return the profiles by code, each figure with its references in full."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    found = [CountermeasureProfile.model_validate(one) for one in content["profiles"]]
    for profile in found:
        for _, figure in profile.figures():
            figure.references = [content["references"][code] for code in figure.references]
    return {profile.code: profile for profile in found}


def resolved(given: object) -> object:
    """Return a countermeasure with its profile filled in, and the mark of each of its figures."""
    if not isinstance(given, Mapping):
        return given
    own = {name: value for name, value in given.items() if name != "figures"}
    profile = _profile_of(own)
    if profile is None:
        return {**own, "figures": _marks(own, {})}
    whole = {**profile.terms(), **own}
    for name, other in (DOSES, DOSES[::-1]):
        if own.get(name) is not None and own.get(other) is None:
            whole[other] = None
    return {**whole, "figures": _marks(whole, dict(profile.figures()))}


def _profile_of(given: Mapping[str, Any]) -> CountermeasureProfile | None:
    code = given.get("profile")
    if not isinstance(code, str):
        return None
    profile = profiles().get(code)
    if profile is None:
        raise _fault("profile", code, f"there is no profile {code!r}: choose among {', '.join(profiles())}")
    modality = given.get("modality", profile.modality)
    if modality != profile.modality:
        raise _fault("modality", modality, f"the profile {code!r} is of {profile.modality!r}: leave one of them out")
    return profile


def _fault(field: str, value: object, rule: str) -> ValidationError:
    error = InitErrorDetails(type=PydanticCustomError("profile", "{rule}", {"rule": rule}), loc=(field,), input=value)
    return ValidationError.from_exception_data("Countermeasure", [error])


def _marks(whole: Mapping[str, Any], known: Mapping[str, ProfileFigure]) -> dict[str, Any]:
    """Return the mark of each figure in force: the profile's where the value is, else that it was declared."""
    return {
        field: (known[field] if field in known and known[field].value == value else GIVEN).model_dump(
            mode="json", include=set(FigureMark.model_fields)
        )
        for field, value in _in_force(whole)
    }


def _in_force(whole: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in DOSES:
        doses = whole.get(name)
        if isinstance(doses, Mapping):
            yield from ((f"{name}.{level}", doses[level]) for level in ProfileDoses.model_fields if level in doses)
    yield from ((name, whole[name]) for name in DAYS if whole.get(name) is not None)


DeclaredCountermeasure = Annotated[
    Countermeasure, BeforeValidator(resolved, json_schema_input_type=ProfiledCountermeasure | Countermeasure)
]
"""A countermeasure as it is declared: by a profile, by figures of its own, or both."""
