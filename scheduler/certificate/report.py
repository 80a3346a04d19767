"""The certificate as data, and as the file ``creneau-certificate/1``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from scheduler.fields import decode, encode, require

FORMAT = "creneau-certificate/1"
HOLDS, FAILS, NOT_CHECKED = "holds", "fails", "not_checked"
VERDICTS = (HOLDS, FAILS, NOT_CHECKED)


@dataclass(frozen=True, slots=True)
class Text:
    """One statement in English and in French."""

    en: str
    fr: str

    def within(self, language: str) -> str:
        """Return the statement in ``en`` or ``fr``."""
        return self.fr if language == "fr" else self.en


@dataclass(frozen=True, slots=True)
class Change:
    """An objective's value as the plan stands, and what it would be."""

    objective: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Counterexample:
    """What shows that a property fails: whom and which windows it concerns, and what to try there.

    Attributes
    ----------
    option, start, end : int, optional
        The place that could be taken, ``[start, end)`` on the option of that index; without an option it is the
        place that a booking had.
    effect : tuple of Change
        What taking it would change in the objectives, in their order; none where nothing can be taken.
    """

    text: Text
    demands: tuple[str, ...] = ()
    bookings: tuple[str, ...] = ()
    surges: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    option: int | None = None
    start: int | None = None
    end: int | None = None
    effect: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """One property: what it says, how it was checked, what was left unchecked, and the verdict.

    Attributes
    ----------
    summary : Text
        What was found, or why nothing was checked.
    counts : mapping
        How many were looked at, by what they are.
    counterexamples : tuple of Counterexample
        All of them where the verdict is ``fails``, at most one for each demand, booking or surge.
    """

    name: str
    verdict: str
    title: Text
    definition: Text
    method: Text
    not_covered: Text
    summary: Text
    counts: Mapping[str, int] = field(default_factory=dict)
    counterexamples: tuple[Counterexample, ...] = ()

    def __post_init__(self) -> None:
        require(self.verdict in VERDICTS, "verdict", f"must be one of {', '.join(VERDICTS)}")


@dataclass(frozen=True, slots=True)
class CertifiedLevel:
    """A level of the solution; `gap` is |bound - value| / max(1, |value|), `trivial_bound` needs no solving."""

    objective: str
    value: int
    bound: int
    trivial_bound: int
    gap: float
    proven: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What became of the demands of one group: how many, of whom, with what weight.

    `eligible` are those with an option. `median_delay_days` is over the placed ones, from the earliest delivery that
    any of a demand's options allows; not given where none is placed.
    """

    name: str
    parties: int
    parties_served: int
    demands: int
    eligible: int
    placed: int
    weight: int
    weight_placed: int
    median_delay_days: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome by one attribute: ``tier``, ``region`` or ``size``; without groups it was not given."""

    by: str
    groups: tuple[Group, ...] | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """What holds for a plan, and what does not.

    `verdict` is ``fails`` if any property fails; `status` and `engine` are the solution's; days count from `origin`.
    `seconds`, `samples` and `seed` are what the sampling was given.
    """

    verdict: str
    status: str
    engine: str
    origin: date
    note: Text
    properties: tuple[Property, ...]
    levels: tuple[CertifiedLevel, ...]
    outcomes: tuple[Outcome, ...]
    seconds: float
    samples: int
    seed: int

    @classmethod
    def from_json(cls, text: str | bytes) -> Certificate:
        """Read a certificate file.

        Raises
        ------
        FieldError
            The file is malformed; the error names the path of the field and the rule.
        """
        return decode(cls, text, FORMAT)

    def to_json(self) -> str:
        """Write a certificate file; reading it back gives an equal certificate."""
        return encode(self, FORMAT)

    def property(self, name: str) -> Property:
        """Return the property of that name."""
        return next(item for item in self.properties if item.name == name)
