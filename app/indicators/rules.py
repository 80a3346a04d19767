"""What of a table of figures may be published, so that no organisation's own figures follow from it. Pure.

A table is one total and its parts: a nation and its regions. A figure is safe if nobody has a share in it, or at least
five organisations have. Whoever reads the total and some parts can work out the difference, and nothing else. So parts
are kept back, the smallest first, until that difference is safe too and is of more than one part: then whatever can be
computed from what is published is as safe as what is published, and no part that is kept back can be computed at all.

Source: Hundepool et al., Statistical Disclosure Control (Wiley, 2012), chapter 4: threshold, secondary suppression.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

LEAST_ORGANISATIONS = 5
"""Of fewer, one that knows its own share could come too near to the others'."""

Organisations = frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Figure:
    """A sum and who has a share in it.

    Attributes
    ----------
    shares
        Organisations of each kind that is to be protected, such as makers and start-ups: of each there are enough.
    """

    value: int
    shares: tuple[Organisations, ...]

    @property
    def is_safe(self) -> bool:
        """Whether it may be told as far as it alone goes."""
        return all(not one or len(one) >= LEAST_ORGANISATIONS for one in self.shares)

    @property
    def is_nobodys(self) -> bool:
        """Whether nobody has a share in it: it is zero."""
        return not any(self.shares)

    def __add__(self, other: "Figure") -> "Figure":
        shares = tuple(one | another for one, another in zip(self.shares, other.shares, strict=True))
        return Figure(self.value + other.value, shares)


Cell = Mapping[str, Figure]
"""The figures of one part, or of the whole, by name."""

Told = Mapping[str, int] | None
"""What of a cell is told: figures by name, those left out being kept back; None: nothing at all."""


@dataclass(frozen=True, slots=True)
class Table:
    """A total and its parts as they may be published."""

    total: Told
    parts: Mapping[str, Told]


def published(parts: Mapping[str, Cell], details: Sequence[Sequence[str]]) -> Table:
    """Return what may be published of parts and of their total.

    Parameters
    ----------
    details
        Names of figures, all of them first, then fewer: the first ones whose total is safe are told, of all parts
        alike.
    """
    total = added(parts.values())
    for names in details:
        if _is_safe(total, names):
            break
    else:
        return Table(None, dict.fromkeys(parts))
    kept_back = _kept_back(parts, names)
    return Table(
        _told(total, names), {name: None if name in kept_back else _told(cell, names) for name, cell in parts.items()}
    )


def _kept_back(parts: Mapping[str, Cell], names: Sequence[str]) -> set[str]:
    """Return the parts that are not safe, and so many others that what they are together is."""
    kept = {name for name, cell in parts.items() if not _is_safe(cell, names)}
    others = [name for name, cell in parts.items() if name not in kept and not _is_nobodys(cell, names)]
    others.sort(key=lambda name: (_weight(parts[name], names), name), reverse=True)
    while kept and not (len(kept) > 1 and _is_safe(added(parts[name] for name in kept), names)):
        kept.add(others.pop())  # all together are the total, which is safe, and more than one: see the tests
    return kept


def added(cells: Iterable[Cell]) -> Cell:
    """Return the sum of cells, figure by figure."""
    total: dict[str, Figure] = {}
    for cell in cells:
        for name, figure in cell.items():
            total[name] = total[name] + figure if name in total else figure
    return total


def _is_safe(cell: Cell, names: Sequence[str]) -> bool:
    return all(cell[name].is_safe for name in names if name in cell)


def _is_nobodys(cell: Cell, names: Sequence[str]) -> bool:
    return all(cell[name].is_nobodys for name in names)


def _weight(cell: Cell, names: Sequence[str]) -> int:
    return sum(cell[name].value for name in names)


def _told(cell: Cell, names: Sequence[str]) -> Mapping[str, int]:
    return {name: cell[name].value for name in names if name in cell}
