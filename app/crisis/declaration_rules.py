"""What the fields of a declaration must hold between them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Protocol

from app.capacity.supply import Span
from app.core.errors import FieldFault
from app.crisis.declaration import CrisisTarget
from app.crisis.models import CrisisMode, PowerKind
from app.crisis.power_scope import uncovered


class DeclaredPower(Protocol):
    """One power as it is declared, in force over [start, end)."""

    kind: PowerKind
    act_reference: str
    start: date
    end: date


class Declaration(Protocol):
    """What is declared, as far as its rules look at it."""

    mode: CrisisMode
    scenario: str | None
    start: date
    end: date

    @property
    def powers(self) -> Sequence[DeclaredPower]:
        """What it rests on, at least one."""

    @property
    def targets(self) -> Sequence[CrisisTarget]:
        """What is to be made by when, at least one."""


def declaration_faults(command: Declaration, as_of_on: date, first_on: date) -> Iterator[FieldFault]:
    """Yield each field of a declaration that contradicts another, with the rule.

    Parameters
    ----------
    first_on
        The first day that a real crisis can be planned from; a drill plays any.
    """
    if command.mode is CrisisMode.REAL and as_of_on < first_on:
        yield FieldFault("/as_of_on", f"{as_of_on} is before {first_on}: only a drill reasons from a day of the past")
    if as_of_on >= command.end:
        yield FieldFault("/as_of_on", f"{as_of_on} is not before the end of the validity, {command.end}")
    if command.scenario is not None and command.mode is CrisisMode.REAL:
        yield FieldFault("/scenario", "only a drill plays a scenario")
    yield from _power_faults(command)
    yield from target_faults(command.targets, as_of_on)


def _power_faults(command: Declaration) -> Iterator[FieldFault]:
    """Yield where the declaration goes beyond the acts that it rests on."""
    yield from coverage_faults(Span(command.start, command.end), (Span(one.start, one.end) for one in command.powers))
    seen: set[tuple[PowerKind, str]] = set()
    for number, power in enumerate(command.powers):
        if power.kind is PowerKind.EXERCISE and command.mode is CrisisMode.REAL:
            yield FieldFault(f"/powers/{number}/kind", "an exercise is no ground for a real crisis")
        if (power.kind, power.act_reference) in seen:
            yield FieldFault(f"/powers/{number}/act_reference", "the same act is given twice for the same power")
        seen.add((power.kind, power.act_reference))


def coverage_faults(validity: Span, powers: Iterable[Span]) -> Iterator[FieldFault]:
    """Yield each stretch of a validity over which none of its powers is in force."""
    for gap in uncovered(validity, powers):
        told = f"no power is in force over [{gap.start_on}, {gap.end_on}): the validity lies within its acts, all of it"
        if gap.start_on == validity.start_on:
            yield FieldFault("/start", told)
        elif gap.end_on == validity.end_on:
            yield FieldFault("/end", told)
        else:
            yield FieldFault("/powers", told)


def target_faults(targets: Sequence[CrisisTarget], as_of_on: date) -> Iterator[FieldFault]:
    """Yield where targets lie in the past, or do not add up in time."""
    for number, target in enumerate(targets):
        before = targets[number - 1] if number else None
        if target.by <= as_of_on:
            yield FieldFault(f"/targets/{number}/by", f"{target.by} is not after {as_of_on}, when planning begins")
        if before and target.by <= before.by:
            yield FieldFault(f"/targets/{number}/by", f"targets come in order of time: {target.by} after {before.by}")
        if before and target.quantity < before.quantity:
            yield FieldFault(
                f"/targets/{number}/quantity", f"targets are cumulative: {target.quantity} is below {before.quantity}"
            )
