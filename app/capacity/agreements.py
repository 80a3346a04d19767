"""Reserve agreements: who promises which capacity, who funds it, and until when."""

from contextlib import suppress
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.capacity import agreement_repository
from app.capacity.agreement_rules import end_faults
from app.capacity.agreement_schemas import AgreementCreate, AgreementFilter
from app.capacity.models import Agreement
from app.capacity.occupancy import span_of
from app.catalogue.rules import MAKERS
from app.catalogue.service import get_line, require_modalities
from app.core.clock import today
from app.core.errors import FieldFault, Invalid, NotFound, StateConflict
from app.core.model import period
from app.core.preconditions import lock_seen
from app.core.vocabulary import Reserve
from app.identity.actor import Actor
from app.identity.models import Organisation, OrganisationKind, Role
from app.identity.service import get_organisation, organisation_named

OVERSEERS = (Role.COORDINATOR, Role.ADMIN)

PARTIES = (Role.CDMO_PLANNER, Role.AUTHORITY, Role.OBSERVER)
"""Roles in the organisations that promise or fund."""


async def list_agreements(
    session: AsyncSession, actor: Actor, query: AgreementFilter
) -> tuple[list[Agreement], str | None]:
    """Return one page of agreements: all for the coordinator, for others those that they promise or fund."""
    actor.require(*PARTIES, *OVERSEERS)
    party_id = None if actor.role in OVERSEERS else actor.organisation_id
    return await agreement_repository.page_agreements(session, query, party_id=party_id)


async def get_agreement(session: AsyncSession, actor: Actor, agreement_id: UUID) -> Agreement:
    """Return one agreement, for who promises, who funds, and the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it is others'.
    """
    actor.require(*PARTIES, *OVERSEERS)
    found = await agreement_repository.find_agreement(session, agreement_id)
    if found is None or not (actor.sees(found.organisation_id) or actor.organisation_id == found.funder_id):
        raise NotFound.of("agreement", agreement_id)
    return found


async def create_agreement(session: AsyncSession, actor: Actor, command: AgreementCreate) -> Agreement:
    """Write down an agreement; the coordinator does.

    Raises
    ------
    NotFound
        If there is no such organisation, line or funder.
    Invalid
        If it is about nothing, about the open market, or about what the organisation does not have; or if who would
        owe the fee is a maker itself or a start-up, for these do not learn such figures of makers.
    """
    actor.require(*OVERSEERS)
    owner, _ = await get_organisation(session, command.organisation_id)
    await require_modalities(session, [command.modality] if command.modality else [], "/modality")
    faults = await _faults(session, command)
    funder = await _funder(session, actor, command)
    if funder is not None and funder.kind in {*MAKERS, OrganisationKind.STARTUP}:
        faults.append(FieldFault("/funder_id", "Neither a maker nor a start-up funds reserves: name who does."))
    if owner.kind not in MAKERS:
        faults.append(FieldFault("/organisation_id", "Only a CDMO or an integrator promises capacity."))
    if faults:
        raise Invalid("The agreement does not fit the organisation that promises.", faults=faults)
    row = Agreement(
        **command.model_dump(exclude={"start", "end", "funder_id"}),
        funder_id=None if funder is None else funder.id,
        period=command.period,
    )
    session.add(row)
    await record(session, actor, "agreement.created", row)
    return row


async def end_agreement(session: AsyncSession, actor: Actor, agreement_id: UUID, end: date) -> Agreement:
    """End an agreement earlier than it would; the coordinator does. Slots that name it keep it.

    Parameters
    ----------
    end
        First day that it does not cover any more; if that is so already, nothing happens.

    Raises
    ------
    NotFound
        If there is none.
    StateConflict
        If it is over.
    Invalid
        If the end is not after its start, or is past, or later than it is.
    """
    actor.require(*OVERSEERS)
    row = await lock_seen(session, await get_agreement(session, actor, agreement_id))
    covered = span_of(row.period)
    if covered.end_on <= today():
        raise StateConflict(f"It ended on {covered.end_on}.", facts={"end": covered.end_on.isoformat()})
    if faults := list(end_faults(covered, end, today())):
        raise Invalid("The agreement cannot end on that day.", faults=faults)
    if end == covered.end_on:
        return row
    before = snapshot(row)
    row.period = period(covered.start_on, end)
    await record(session, actor, "agreement.ended", row, before=before)
    return row


async def _funder(session: AsyncSession, actor: Actor, command: AgreementCreate) -> Organisation | None:
    """Return who owes the readiness fee; None where there is no fee and nobody is named.

    A start-up that is called like the funder is another.
    """
    if command.funder_id is not None:
        return (await get_organisation(session, command.funder_id))[0]
    if not command.readiness_fee_cents:
        return None
    with suppress(NotFound):
        found = await organisation_named(session, command.funder)
        if found.kind is not OrganisationKind.STARTUP:
            return found
    return (await get_organisation(session, actor.organisation_id))[0]


async def _faults(session: AsyncSession, command: AgreementCreate) -> list[FieldFault]:
    faults = []
    if command.reserve is Reserve.OPEN:
        faults.append(FieldFault("/reserve", "Nothing is reserved on the open market: `startup` or `crisis`."))
    if command.line_id is None and command.modality is None:
        faults.append(FieldFault("/line_id", "Name a line, a modality, or both."))
    if command.line_id is not None:
        view = await get_line(session, command.line_id)
        if view.organisation.id != command.organisation_id:
            faults.append(FieldFault("/line_id", "It is a line of another organisation."))
        elif command.modality is not None and command.modality not in view.line.modalities:
            faults.append(FieldFault("/modality", "The line does not make it."))
    return faults
