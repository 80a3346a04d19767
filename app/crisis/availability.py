"""Which units an active crisis counts on: those of which the coordinator says that they are out of service, or back.

Pure.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from app.core.errors import FieldFault
from app.crisis.plan_schemas import ReplanCommand
from app.crisis.service import refuse


@dataclass(frozen=True, slots=True)
class Named:
    """One name in a request: the field, what it names, what to say if that is unknown, and the units it stands for."""

    pointer: str
    what: str
    unknown: str
    units: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Said:
    """The names of what offers nothing any more, and of what offers something again."""

    gone: tuple[Named, ...]
    back: tuple[Named, ...]

    @property
    def unavailable(self) -> tuple[UUID, ...]:
        """The units that offer nothing any more."""
        return _units(self.gone)

    @property
    def available(self) -> tuple[UUID, ...]:
        """The units that offer something again."""
        return _units(self.back)


def said_of_units(command: ReplanCommand, owners: Mapping[UUID, UUID]) -> Said:
    """Return what is said of units, those of a CDMO that is named among them.

    Parameters
    ----------
    owners
        The organisation of every unit that is named, or whose organisation is.

    Raises
    ------
    Invalid
        If a unit is unknown or is said to be both, or an organisation has none; the fault names the field.
    """
    said = Said(tuple(_named(command, "unavailable", owners)), tuple(_named(command, "available", owners)))
    faults = [FieldFault(one.pointer, one.unknown) for one in [*said.gone, *said.back] if not one.units]
    gone = set(said.unavailable)
    faults += [
        FieldFault(one.pointer, f"{one.what} is said to be unavailable too") for one in said.back if one.units & gone
    ]
    refuse(faults)
    return said


def require_out_of_service(said: Said, out: Collection[UUID]) -> None:
    """Let pass only what brings back units that are out of service, of a CDMO at least one.

    Raises
    ------
    Invalid
        For anything else: nobody has said that it was gone.
    """
    told = "nothing of it is out of service in this crisis"
    refuse([FieldFault(one.pointer, f"{one.what}: {told}") for one in said.back if one.units.isdisjoint(out)])


def _named(command: ReplanCommand, which: str, owners: Mapping[UUID, UUID]) -> Iterator[Named]:
    for number, unit_id in enumerate(getattr(command, f"{which}_unit_ids")):
        own, what = frozenset({unit_id} & owners.keys()), f"unit {unit_id}"
        yield Named(f"/{which}_unit_ids/{number}", what, f"there is no {what}", own)
    for number, organisation_id in enumerate(getattr(command, f"{which}_organisation_ids")):
        own, what = frozenset(key for key, one in owners.items() if one == organisation_id), f"CDMO {organisation_id}"
        yield Named(f"/{which}_organisation_ids/{number}", what, f"organisation {organisation_id} has no unit", own)


def _units(named: Iterable[Named]) -> tuple[UUID, ...]:
    return tuple(sorted({unit_id for one in named for unit_id in one.units}))
