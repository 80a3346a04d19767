"""What the fields of a declaration must hold between them."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Protocol

from app.core.errors import FieldFault
from app.crisis.declaration import CrisisTarget
from app.crisis.models import CrisisMode, PowerKind


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


def declaration_faults(command: Declaration, as_of_on: date) -> Iterator[FieldFault]:
    """Yield each field of a declaration that contradicts another, with the rule."""
    if as_of_on >= command.end:
        yield FieldFault("/as_of_on", f"{as_of_on} is not before the end of the validity, {command.end}")
    if command.scenario is not None and command.mode is CrisisMode.REAL:
        yield FieldFault("/scenario", "only a drill plays a scenario")
    yield from _power_faults(command)
    yield from _target_faults(command.targets, as_of_on)


def _power_faults(command: Declaration) -> Iterator[FieldFault]:
    """Yield where the declaration goes beyond the acts that it rests on."""
    if command.start < min(power.start for power in command.powers):
        yield FieldFault("/start", "the validity starts before any power is in force")
    if command.end > max(power.end for power in command.powers):
        yield FieldFault("/end", "the validity ends after the last power has ended")
    seen: set[tuple[PowerKind, str]] = set()
    for number, power in enumerate(command.powers):
        if power.kind is PowerKind.EXERCISE and command.mode is CrisisMode.REAL:
            yield FieldFault(f"/powers/{number}/kind", "an exercise is no ground for a real crisis")
        if (power.kind, power.act_reference) in seen:
            yield FieldFault(f"/powers/{number}/act_reference", "the same act is given twice for the same power")
        seen.add((power.kind, power.act_reference))


def _target_faults(targets: Sequence[CrisisTarget], as_of_on: date) -> Iterator[FieldFault]:
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
