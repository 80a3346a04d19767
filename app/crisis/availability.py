"""Which units an active crisis counts on: those of which the coordinator says that they are out of service, or back.

Pure.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from app.capacity.supply import UnitFacts
from app.core.errors import FieldFault, Invalid
from app.crisis.schemas import ReplanCommand


@dataclass(frozen=True, slots=True)
class Said:
    """Units that are said to offer nothing any more, and units that are said to offer something again."""

    unavailable: frozenset[UUID]
    available: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class _Named:
    """One name in a request: the field, what it names, what to say if that is unknown, and the units it stands for."""

    pointer: str
    what: str
    unknown: str
    units: frozenset[UUID]


def said_of_units(command: ReplanCommand, units: Mapping[UUID, UnitFacts]) -> Said:
    """Return what is said of units, those of a CDMO that is named among them.

    Raises
    ------
    Invalid
        If a unit is unknown or is said to be both, or an organisation has none; the fault names the field.
    """
    gone, back = list(_named(command, "unavailable", units)), list(_named(command, "available", units))
    faults = [FieldFault(one.pointer, one.unknown) for one in [*gone, *back] if not one.units]
    unavailable = frozenset(unit_id for one in gone for unit_id in one.units)
    faults += [
        FieldFault(one.pointer, f"{one.what} is said to be unavailable too") for one in back if one.units & unavailable
    ]
    _refuse(faults)
    return Said(unavailable, frozenset(unit_id for one in back for unit_id in one.units))


def require_out_of_service(command: ReplanCommand, units: Mapping[UUID, UnitFacts], out: Collection[UUID]) -> None:
    """Let pass only what brings back units that are out of service, of a CDMO at least one.

    Raises
    ------
    Invalid
        For anything else: nobody has said that it was gone.
    """
    _refuse(
        [
            FieldFault(one.pointer, f"of {one.what} nothing is out of service in this crisis")
            for one in _named(command, "available", units)
            if one.units.isdisjoint(out)
        ]
    )


def _named(command: ReplanCommand, which: str, units: Mapping[UUID, UnitFacts]) -> Iterator[_Named]:
    for number, unit_id in enumerate(getattr(command, f"{which}_unit_ids")):
        yield _Named(
            f"/{which}_unit_ids/{number}",
            f"unit {unit_id}",
            f"there is no unit {unit_id}",
            frozenset({unit_id} & units.keys()),
        )
    for number, organisation_id in enumerate(getattr(command, f"{which}_organisation_ids")):
        own = frozenset(key for key, unit in units.items() if unit.organisation_id == organisation_id)
        what = f"organisation {organisation_id}"
        yield _Named(f"/{which}_organisation_ids/{number}", what, f"{what} has no unit", own)


def _refuse(faults: list[FieldFault]) -> None:
    if faults:
        raise Invalid("; ".join(fault.detail for fault in faults), faults=faults)
