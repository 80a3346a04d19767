"""Declaring crises, changing what is declared, and who sees what of them."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, record_all, snapshot
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.core.errors import FieldFault, Invalid, NotFound, StateConflict
from app.core.model import period
from app.core.preconditions import require_seen
from app.core.tenancy import across_organisations, keep_to_drills
from app.crisis import repository
from app.crisis.concern_repository import crises_concerning
from app.crisis.declaration import Countermeasure, CrisisScope
from app.crisis.declaration_rules import declaration_faults
from app.crisis.errors import CrisisExpired
from app.crisis.models import Crisis, CrisisMode, CrisisPower, CrisisStatus
from app.crisis.rules import TRANSITIONS
from app.crisis.schemas import CrisisCreate, CrisisFilter, CrisisUpdate, PowerBody
from app.identity.actor import Actor
from app.identity.models import Role

SEES_ALL = frozenset({Role.COORDINATOR, Role.AUTHORITY, Role.ADMIN})


async def declare_crisis(session: AsyncSession, actor: Actor, command: CrisisCreate) -> Crisis:
    """Declare a crisis or a drill; the coordinator does.

    Raises
    ------
    Invalid
        With every field that breaks a rule: dates, powers, targets, an unknown modality or site.
    """
    actor.require(Role.COORDINATOR)
    as_of_on = command.as_of_on or today()
    await _check(session, command, as_of_on, today())
    if command.mode is CrisisMode.DRILL:
        await keep_to_drills(session)
    crisis = Crisis(
        declared_by_id=actor.person_id, mode=command.mode, scenario=command.scenario, **_columns(command, as_of_on)
    )
    session.add(crisis)
    await record(session, actor, "crisis.declared", crisis)
    await add_powers(session, actor, crisis.id, command.powers)
    return crisis


async def update_crisis(session: AsyncSession, actor: Actor, crisis_id: UUID, command: CrisisUpdate) -> Crisis:
    """Change a crisis that is only declared; what is left out stays.

    Raises
    ------
    StateConflict
        If it is planned already, or being planned.
    Invalid
        If the declaration as changed would break a rule.
    """
    actor.require(Role.COORDINATOR)
    crisis = await locked_crisis(session, crisis_id)
    require_status(crisis, {CrisisStatus.DECLARED}, "be changed")
    if await repository.active_run(session, crisis_id):
        raise StateConflict("This crisis is being planned: wait for the run, or cancel it.")
    whole = await _whole(session, crisis, command)
    as_of_on = whole.as_of_on or crisis.as_of_on
    # A day that has passed since it was declared stays: planning reasons from today then.
    await _check(session, whole, as_of_on, as_of_on if as_of_on == crisis.as_of_on else today())
    before = snapshot(crisis)
    changed = _columns(whole, as_of_on)
    if command.countermeasure is None:
        del changed["countermeasure"]  # as it was resolved then, whatever its profile says today
    for name, value in changed.items():
        setattr(crisis, name, value)
    await record(session, actor, "crisis.updated", crisis, before=before)
    if command.powers is not None:
        await _withdraw_powers(session, actor, crisis.id)
        await add_powers(session, actor, crisis.id, command.powers)
    return crisis


async def _whole(session: AsyncSession, crisis: Crisis, command: CrisisUpdate) -> CrisisCreate:
    """Return the declaration as it would be after a change, whole."""
    powers = (await repository.powers_of(session, [crisis.id]))[crisis.id]
    state: dict[str, Any] = {
        "title": crisis.title,
        "mode": crisis.mode,
        "scenario": crisis.scenario,
        "start": crisis.validity.lower,
        "end": crisis.validity.upper,
        "as_of_on": crisis.as_of_on,
        "scope": crisis.scope,
        "countermeasure": {**crisis.countermeasure, "profile": None},
        "targets": crisis.targets,
        "rules": crisis.rules,
        "powers": [
            {
                "kind": power.kind,
                "act_reference": power.act_reference,
                "signatory": power.signatory,
                "scope": power.scope,
                "start": power.validity.lower,
                "end": power.validity.upper,
            }
            for power in powers
        ],
    }
    changed = state | command.model_dump(exclude_unset=True)
    if changed["end"] <= changed["start"]:
        raise Invalid.field("end", f"end ({changed['end']}) must be after start ({changed['start']})")
    return CrisisCreate.model_validate(changed)


def _columns(command: CrisisCreate, as_of_on: date) -> dict[str, Any]:
    """Return a declaration as the columns of the table."""
    return {
        "title": command.title,
        "validity": period(command.start, command.end),
        "as_of_on": as_of_on,
        "scope": command.scope.model_dump(mode="json"),
        "countermeasure": command.countermeasure.model_dump(mode="json"),
        "targets": [target.model_dump(mode="json") for target in command.targets],
        "rules": command.rules.model_dump(mode="json"),
    }


async def add_powers(session: AsyncSession, actor: Actor, crisis_id: UUID, powers: Collection[PowerBody]) -> None:
    """Add powers to a crisis, each with its record."""
    for power in powers:
        row = CrisisPower(
            crisis_id=crisis_id,
            kind=power.kind,
            act_reference=power.act_reference,
            signatory=power.signatory,
            scope=power.scope.model_dump(mode="json"),
            validity=power.period,
        )
        session.add(row)
        await record(session, actor, "crisis_power.declared", row)


async def _withdraw_powers(session: AsyncSession, actor: Actor, crisis_id: UUID) -> None:
    powers = (await repository.powers_of(session, [crisis_id]))[crisis_id]
    await record_all(session, actor, "crisis_power.withdrawn", powers, gone=True)
    await repository.remove_powers(session, crisis_id)


async def _check(session: AsyncSession, command: CrisisCreate, as_of_on: date, first_on: date) -> None:
    faults = list(declaration_faults(command, as_of_on, first_on))
    faults += await _unknown(session, command.countermeasure)
    faults += await unknown_in_scope(session, "/scope", command.scope)
    for number, power in enumerate(command.powers):
        faults += await unknown_in_scope(session, f"/powers/{number}/scope", power.scope)
    refuse(faults)


def refuse(faults: Sequence[FieldFault]) -> None:
    """Let pass only what is without fault.

    Raises
    ------
    Invalid
        With every fault.
    """
    if faults:
        told = "; ".join(f"{fault.pointer[1:]}: {fault.detail}" for fault in faults)
        raise Invalid(told, faults=faults)


async def _unknown(session: AsyncSession, made: Countermeasure) -> list[FieldFault]:
    """Return what a countermeasure names that the catalogue does not hold."""
    faults = []
    if not await repository.modality_exists(session, made.modality):
        faults.append(FieldFault("/countermeasure/modality", f"there is no modality {made.modality!r}"))
    return faults + await _unknown_sites(session, "/countermeasure/prequalified_site_ids", made.prequalified_site_ids)


async def unknown_in_scope(session: AsyncSession, pointer: str, scope: CrisisScope) -> list[FieldFault]:
    """Return what a scope names that the catalogue does not hold."""
    faults = [
        FieldFault(f"{pointer}/modalities/{number}", f"there is no modality {code!r}")
        for number, code in enumerate(scope.modalities)
        if not await repository.modality_exists(session, code)
    ]
    faults += await _unknown_sites(session, f"{pointer}/site_ids", scope.site_ids)
    faults += await _unknown_sites(session, f"{pointer}/excluded_site_ids", scope.excluded_site_ids)
    unknown = await repository.unknown_organisations(session, scope.excluded_organisation_ids)
    return faults + [
        FieldFault(f"{pointer}/excluded_organisation_ids/{number}", f"there is no organisation {one}")
        for number, one in enumerate(scope.excluded_organisation_ids)
        if one in unknown
    ]


async def _unknown_sites(session: AsyncSession, pointer: str, site_ids: Sequence[UUID]) -> list[FieldFault]:
    unknown = await repository.unknown_sites(session, site_ids)
    return [
        FieldFault(f"{pointer}/{number}", f"there is no site {site_id}")
        for number, site_id in enumerate(site_ids)
        if site_id in unknown
    ]


async def locked_crisis(session: AsyncSession, crisis_id: UUID) -> Crisis:
    """Return a crisis to act on, locked until the transaction ends.

    Raises
    ------
    NotFound
        If there is none.
    CrisisExpired
        If its validity has ended: nothing more can rest on it.
    """
    crisis = await repository.lock_crisis(session, crisis_id)
    if crisis is None:
        raise NotFound.of("crisis", crisis_id)
    require_seen(session, crisis)
    ended_on = span_of(crisis.validity).end_on
    if TRANSITIONS[crisis.status] and today() >= ended_on:
        raise CrisisExpired(f"The declaration was valid until {ended_on}: declare anew if the crisis lasts.")
    return crisis


def require_status(crisis: Crisis, allowed: Collection[CrisisStatus], what: str) -> None:
    """Let pass only a crisis in one of these statuses.

    Raises
    ------
    StateConflict
        In any other; its facts name both.
    """
    if crisis.status not in allowed:
        raise StateConflict(
            f"A crisis that is {crisis.status.value} cannot {what}.",
            facts={"crisis_status": crisis.status.value, "allowed": sorted(allowed)},
        )


async def change_status(
    session: AsyncSession, author: Author, crisis: Crisis, status: CrisisStatus, *, reason_code: str | None = None
) -> None:
    """Take a locked crisis to another status: the one place where it changes.

    Raises
    ------
    StateConflict
        If the table of transitions does not hold this one.
    """
    if status not in TRANSITIONS[crisis.status]:
        raise StateConflict(
            f"A crisis that is {crisis.status.value} cannot become {status.value}.",
            facts={"crisis_status": crisis.status.value, "allowed": sorted(TRANSITIONS[crisis.status])},
        )
    before = snapshot(crisis)
    crisis.status = status
    if not TRANSITIONS[status]:
        crisis.ended_reason_code = reason_code
    await record(session, author, f"crisis.{status.value}", crisis, before=before, reason_code=reason_code)


async def list_crises(session: AsyncSession, actor: Actor, query: CrisisFilter) -> tuple[list[Crisis], str | None]:
    """Return one page of the crises that an actor may see: all, or those that concern its organisation."""
    if actor.role in SEES_ALL:
        return await repository.page_crises(session, query)
    concerning = await crises_concerning(session, actor.organisation_id)
    async with across_organisations(session):
        return await repository.page_crises(session, query, concerning)


async def get_crisis(session: AsyncSession, actor: Actor, crisis_id: UUID) -> Crisis:
    """Return one crisis that an actor may see.

    Raises
    ------
    NotFound
        If there is none, or it concerns others.
    """
    crisis = None
    if actor.role in SEES_ALL:
        crisis = await repository.get_crisis(session, crisis_id)
    elif crisis_id in await crises_concerning(session, actor.organisation_id):
        async with across_organisations(session):
            crisis = await repository.get_crisis(session, crisis_id)
    if crisis is None:
        raise NotFound.of("crisis", crisis_id)
    return crisis


async def get_whole_crisis(session: AsyncSession, actor: Actor, crisis_id: UUID) -> Crisis:
    """Return one crisis to who may see all of it: plans, signatures, all orders; `NotFound` for anybody else."""
    if actor.role not in SEES_ALL:
        raise NotFound.of("crisis", crisis_id)
    return await get_crisis(session, actor, crisis_id)
