"""Adding and changing sites and lines: their maker does, or the coordinator."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, record_all, snapshot
from app.catalogue import repository
from app.catalogue.models import LineModality, ProductionLine, Site, Unit
from app.catalogue.rules import MAKERS, basis_of_change, rebased
from app.catalogue.schemas import LineCreate, LineFigures, LineUpdate, SiteCreate, SiteUpdate, TermsBody
from app.catalogue.service import get_line, get_site, require_modalities
from app.core.errors import Invalid, NotFound
from app.core.preconditions import lock_seen
from app.core.vocabulary import Basis, Confidence
from app.identity.actor import Actor
from app.identity.models import Role

WRITERS = (Role.CDMO_PLANNER, Role.COORDINATOR, Role.ADMIN)


async def create_site(session: AsyncSession, actor: Actor, command: SiteCreate) -> Site:
    """Add a site.

    Raises
    ------
    NotFound
        If its organisation is another's, or none.
    Invalid
        If the organisation runs no sites, the name is taken, or a modality is unknown.
    """
    actor.require(*WRITERS)
    organisation_id = command.organisation_id or actor.organisation_id
    owner = (await repository.organisations_by_id(session, [organisation_id])).get(organisation_id)
    if owner is None or not actor.sees(organisation_id):
        raise NotFound.of("organisation", organisation_id)
    if owner.kind not in MAKERS:
        raise Invalid.field("organisation_id", "Only a CDMO or an integrator has sites: name one.")
    if await repository.site_name_is_taken(session, command.name):
        raise Invalid.field("name", f"A site is already called {command.name!r}.")
    await require_modalities(session, command.modalities, "/modalities/{}")
    confidence = _confidence(actor, organisation_id)
    values = command.model_dump(exclude={"organisation_id"})
    site = Site(**values, organisation_id=organisation_id, confidence=confidence)
    session.add(site)
    await record(session, actor, "site.created", site)
    return site


def _confidence(actor: Actor, owner_id: UUID) -> Confidence:
    """Return how far a new row can be trusted: a maker's word on itself is the best there is."""
    return Confidence.HIGH if actor.organisation_id == owner_id else Confidence.MEDIUM


async def update_site(session: AsyncSession, actor: Actor, site_id: UUID, command: SiteUpdate) -> Site:
    """Change a site; what is left out stays.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    Invalid
        If a modality is unknown.
    """
    actor.require(*WRITERS)
    site, owner = await get_site(session, site_id)
    if not actor.sees(owner.id):
        raise NotFound.of("site", site_id)
    await lock_seen(session, site)
    await require_modalities(session, command.modalities or [], "/modalities/{}")
    changes = command.model_dump(exclude_unset=True)
    if changes:
        before = snapshot(site)
        site.sqlmodel_update(changes)
        await record(session, actor, "site.updated", site, before=before)
    return site


async def create_line(session: AsyncSession, actor: Actor, command: LineCreate) -> ProductionLine:
    """Add a line with its units and terms.

    Raises
    ------
    NotFound
        If the site is another's, or none.
    Invalid
        If the name is taken, two units share one, or a modality is unknown or foreign to the line; or somebody else
        than its CDMO says what that owes when it cancels.
    """
    actor.require(*WRITERS)
    site, owner = await get_site(session, command.site_id)
    if not actor.sees(owner.id):
        raise NotFound.of("site", command.site_id)
    if await repository.line_name_is_taken(session, site.id, command.name):
        raise Invalid.field("name", f"A line of this site is already called {command.name!r}.")
    if len(set(command.units)) < len(command.units):
        raise Invalid.field("units", "Two units have the same name.")
    _require_own_word(actor, owner.id, command, owed_percent=0)
    await _check_modalities(session, command.modalities, command.terms)
    figures = _figures(command)
    basis = _basis(actor, owner.id, command)
    sourced, declared = rebased([], [], figures.keys(), basis)
    line = ProductionLine(
        **figures,
        site_id=site.id,
        sourced_fields=sourced,
        declared_fields=declared,
        confidence=_confidence(actor, owner.id),
    )
    session.add(line)
    await record(session, actor, "line.created", line)
    units = [Unit(line_id=line.id, name=name) for name in command.units]
    session.add_all(units)
    await record_all(session, actor, "unit.created", units)
    await _put_terms(session, actor, line, command.terms, basis)
    return line


async def update_line(session: AsyncSession, actor: Actor, line_id: UUID, command: LineUpdate) -> ProductionLine:
    """Change a line; what is left out stays, and what is written stands on the writer's word.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    Invalid
        If a modality is unknown, or terms are for one that the line does not make; or somebody else than its CDMO says
        what that owes when it cancels.
    """
    actor.require(*WRITERS)
    view = await get_line(session, line_id)
    line, owner_id = view.line, view.organisation.id
    if not actor.sees(owner_id):
        raise NotFound.of("line", line_id)
    await lock_seen(session, line)
    _require_own_word(actor, owner_id, command, owed_percent=line.cdmo_cancellation_percent)
    await _check_modalities(session, command.modalities or line.modalities, command.terms)
    figures = _figures(command)
    basis = _basis(actor, owner_id, command)
    if figures:
        before = snapshot(line)
        line.sqlmodel_update(figures)
        line.sourced_fields, line.declared_fields = rebased(line.sourced_fields, line.declared_fields, figures, basis)
        await record(session, actor, "line.updated", line, before=before)
    await _put_terms(session, actor, line, command.terms, basis)
    return line


def _figures(command: LineFigures) -> dict[str, Any]:
    """Return the columns of a line that a command writes."""
    return command.model_dump(exclude_unset=True, exclude={"site_id", "units", "terms"})


def _require_own_word(actor: Actor, owner_id: UUID, command: LineFigures, *, owed_percent: int) -> None:
    """Let nobody but a CDMO itself change what it owes: others may write its figures, and send that back as it is."""
    given = command.cdmo_cancellation_percent
    if given not in {None, owed_percent} and actor.organisation_id != owner_id:
        told = f"What a CDMO owes when it cancels is for itself to accept: leave it out, or at {owed_percent}."
        raise Invalid.field("cdmo_cancellation_percent", told, cdmo_cancellation_percent=owed_percent)


def _basis(actor: Actor, owner_id: UUID, command: LineFigures) -> Basis:
    return basis_of_change(by_owner=actor.organisation_id == owner_id, source_given=bool(command.source))


async def _check_modalities(session: AsyncSession, made: list[str], terms: list[TermsBody]) -> None:
    await require_modalities(session, made, "/modalities/{}")
    for position, one in enumerate(terms):
        if one.modality not in made:
            detail = f"The line does not make {one.modality!r}: add it to its modalities."
            raise Invalid.field(f"/terms/{position}/modality", detail)


async def _put_terms(
    session: AsyncSession, actor: Actor, line: ProductionLine, terms: list[TermsBody], basis: Basis
) -> None:
    """Replace the terms of the modalities given; those of the others stay as they are."""
    existing = {one.modality: one for one in (await repository.terms_of_lines(session, [line.id]))[line.id]}
    for command in terms:
        row = existing.get(command.modality)
        if row is None:
            row = LineModality(line_id=line.id, basis=basis, **command.model_dump())
            session.add(row)
            await record(session, actor, "line_terms.created", row)
        else:
            before = snapshot(row)
            row.sqlmodel_update(command.model_dump() | {"basis": basis})
            await record(session, actor, "line_terms.updated", row, before=before)
