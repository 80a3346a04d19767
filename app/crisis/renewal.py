"""Renewing a crisis before it ends: a later end, on acts that are in force until then."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.core.errors import FieldFault
from app.core.model import period
from app.crisis import repository
from app.crisis.declaration_rules import coverage_faults
from app.crisis.models import Crisis, CrisisMode, CrisisPower, PowerKind
from app.crisis.rules import TRANSITIONS
from app.crisis.schemas import MOST_POWERS, PowerBody, RenewCommand
from app.crisis.service import add_powers, locked_crisis, refuse, require_status, unknown_in_scope
from app.identity.actor import Actor
from app.identity.models import Role

ONGOING = frozenset(status for status, after in TRANSITIONS.items() if after)


async def renew(session: AsyncSession, actor: Actor, crisis_id: UUID, command: RenewCommand) -> Crisis:
    """Let a crisis that has not ended last longer: its orders and plans go on.

    So do the places held for those who give way, which run out with the time to take them.

    The act that allows it is a new power, one renewed, or one that was in force for longer than the crisis all along.

    Raises
    ------
    StateConflict
        If it has ended.
    CrisisExpired
        If its validity is over: what has ended by itself is declared anew.
    Invalid
        If the end is not later, or the acts do not cover every day until then.
    """
    actor.require(Role.COORDINATOR)
    crisis = await locked_crisis(session, crisis_id)
    require_status(crisis, ONGOING, "be renewed")
    powers = (await repository.powers_of(session, [crisis.id]))[crisis.id]
    faults = list(_faults(crisis, powers, command))
    for number, power in enumerate(command.powers):
        faults += await unknown_in_scope(session, f"/powers/{number}/scope", power.scope)
    refuse(faults)
    known = {(power.kind, power.act_reference): power for power in powers}
    for given in command.powers:
        if renewed := known.get((given.kind, given.act_reference)):
            await _renew_power(session, actor, renewed, given)
        else:
            await add_powers(session, actor, crisis.id, [given])
    before = snapshot(crisis)
    crisis.validity = period(span_of(crisis.validity).start_on, command.end)
    await record(session, actor, "crisis.renewed", crisis, before=before)
    return crisis


def _faults(crisis: Crisis, powers: Sequence[CrisisPower], command: RenewCommand) -> Iterator[FieldFault]:
    """Yield each field of a renewal that breaks a rule."""
    validity = span_of(crisis.validity)
    if command.end <= validity.end_on:
        yield FieldFault("/end", f"the crisis is valid until {validity.end_on} as it is: a renewal ends later")
        return
    known = {(power.kind, power.act_reference): power for power in powers}
    keys = [(given.kind, given.act_reference) for given in command.powers]
    for number, (key, given) in enumerate(zip(keys, command.powers, strict=True)):
        if key in keys[:number]:
            yield FieldFault(f"/powers/{number}/act_reference", "the same act is given twice for the same power")
        if given.kind is PowerKind.EXERCISE and crisis.mode is CrisisMode.REAL:
            yield FieldFault(f"/powers/{number}/kind", "an exercise is no ground for a real crisis")
        if key in known:
            yield from _renewed_power_faults(f"/powers/{number}", known[key], given)
    if len(known.keys() | set(keys)) > MOST_POWERS:
        yield FieldFault("/powers", f"a crisis rests on {MOST_POWERS} powers at the most")
    spans = [span_of(power.validity) for power in powers] + [Span(given.start, given.end) for given in command.powers]
    yield from coverage_faults(Span(validity.start_on, command.end), spans)


def _renewed_power_faults(pointer: str, power: CrisisPower, given: PowerBody) -> Iterator[FieldFault]:
    """Yield what keeps a power from being one that was declared, renewed: the same act, for longer, without a gap."""
    days = span_of(power.validity)
    if given.end <= days.end_on:
        yield FieldFault(f"{pointer}/end", f"this act is in force until {days.end_on} already: renewed, it ends later")
    if given.start < days.start_on:
        yield FieldFault(f"{pointer}/start", f"this act is in force from {days.start_on}: it begins no earlier")
    if given.start > days.end_on:
        yield FieldFault(f"{pointer}/start", f"this act was in force until {days.end_on}: give another act for a gap")
    if given.scope.model_dump(mode="json") != power.scope:
        yield FieldFault(f"{pointer}/scope", "an act is renewed in the scope that it has: give another act for another")


async def _renew_power(session: AsyncSession, actor: Actor, power: CrisisPower, given: PowerBody) -> None:
    before = snapshot(power)
    power.validity = period(span_of(power.validity).start_on, given.end)
    power.signatory = given.signatory
    await record(session, actor, "crisis_power.renewed", power, before=before)
