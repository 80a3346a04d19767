"""What an explanation states: typed facts, each kind of statement with its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Who:
    """A demand, a booking, or a surge's campaign: named, or, where its `id` is withheld, by its weight only.

    `kind` is ``demand``, ``movable``, ``fixed`` or ``campaign``; fixed bookings and campaigns have no weight.
    """

    kind: str
    id: str | None = None
    party: str | None = None
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a window: `duration` days that start in ``[first, last]``; where taken, both are the start.

    `option` is the index in the list it was chosen from, with its rank; a booking's own place has neither.
    """

    window: str
    duration: int
    first: int
    last: int
    option: int | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is in the way, in ``[start, end)``; without the days where they are withheld."""

    who: Who
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A cap or a limit that leaves no room: `reached` with the subject placed, and the `most` allowed.

    The amounts are left out where they would give away prices.
    """

    name: str
    reached: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class LevelChange:
    """An objective before and after; the amounts are left out where they would give away prices.

    `best` is the best value that any plan with the subject in that place can have, as far as it is known.
    """

    objective: str
    worse: bool
    before: int | None = None
    after: int | None = None
    best: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of someone else.

    `fate` is ``unplaced``, ``placed`` (a demand that had no place), ``shifted`` (a demand that changes its place),
    ``displaced``, ``moved`` or ``restored`` (a booking back in its place), ``dropped`` or ``added`` (a campaign).
    """

    fate: str
    who: Who


@dataclass(frozen=True, slots=True)
class Nearest:
    """The least change of one kind that gives the subject a place while everyone else keeps theirs."""

    kind: str
    amount: float
    unit: str
    window: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason against every place of one kind, in the words of whoever matched the demand with the windows."""

    code: str
    asked: str | None = None
    offered: str | None = None
    place: str | None = None
    text: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The data of a statement; what does not concern it is None.

    Attributes
    ----------
    levels : tuple of LevelChange
        Every objective, in order, up to the first that changes: that one decides.
    proven : bool
        Whether no plan with the subject in that place does better on those objectives.
    objectives : tuple of str
        Those on which the plan itself is not proven to be the best.
    """

    who: Who | None = None
    place: Place | None = None
    holders: tuple[Holder, ...] | None = None
    ceilings: tuple[Ceiling, ...] | None = None
    levels: tuple[LevelChange, ...] | None = None
    changes: tuple[Change, ...] | None = None
    proven: bool | None = None
    nearest: Nearest | None = None
    refusal: Refusal | None = None
    objectives: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: what kind it is, its facts, and, once rendered, a sentence by language."""

    code: str
    data: Facts
    text: Mapping[str, str] = field(default_factory=dict)
