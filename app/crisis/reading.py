"""Crises, plans, orders and displacements as each actor may see them."""

from collections.abc import Collection, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.occupancy import span_of
from app.core.clock import today
from app.core.paging import PageQuery
from app.crisis import repository, runs_repository
from app.crisis.declaration import Countermeasure, CrisisRules, CrisisScope, CrisisTarget
from app.crisis.expiring import expires_in_days
from app.crisis.minimality import known_of
from app.crisis.models import Crisis, CrisisOrder, CrisisPlan, CrisisPower, CrisisSignature, Displacement, PlanLabel
from app.crisis.notice_models import Notice
from app.crisis.notice_text import notice_text
from app.crisis.order_schemas import NoticeMailed, NoticeRead, NoticeText, OrderDisplacement, OrderRead, RestorationRead
from app.crisis.paging import page_for
from app.crisis.plan_schemas import PlanRead, SignatureRead
from app.crisis.restoring_models import Restoration
from app.crisis.schemas import CrisisNotice, CrisisRead, PowerRead
from app.crisis.service import SEES_ALL, get_whole_crisis
from app.identity.actor import Actor
from app.letters.models import LetterKind
from app.letters.service import Mailed, how_mailed


async def show_crises(session: AsyncSession, actor: Actor, rows: Sequence[Crisis]) -> list[CrisisRead | CrisisNotice]:
    """Return crises as an actor may see them: whole, or as those learn of it whom it concerns."""
    if actor.role not in SEES_ALL:
        return [_notice(row) for row in rows]
    powers = await repository.powers_of(session, [row.id for row in rows])
    return [_whole(row, powers[row.id]) for row in rows]


async def read_crisis(session: AsyncSession, row: Crisis) -> CrisisRead:
    """Return one crisis, whole."""
    return _whole(row, (await repository.powers_of(session, [row.id]))[row.id])


def _notice(row: Crisis) -> CrisisNotice:
    days = span_of(row.validity)
    return CrisisNotice(
        id=row.id,
        title=row.title,
        mode=row.mode,
        start=days.start_on,
        end=days.end_on,
        countermeasure=Countermeasure.model_validate(row.countermeasure),
    )


def _whole(row: Crisis, powers: Sequence[CrisisPower]) -> CrisisRead:
    return CrisisRead(
        **dict(_notice(row)),
        status=row.status,
        expires_in_days=expires_in_days(row, today()),
        scenario=row.scenario,
        as_of_on=row.as_of_on,
        powers=[_power(power) for power in powers],
        scope=CrisisScope.model_validate(row.scope),
        targets=[CrisisTarget.model_validate(target) for target in row.targets],
        rules=CrisisRules.model_validate(row.rules),
        ended_reason_code=row.ended_reason_code,
        created_at=row.created_at,
        version=row.version,
    )


def _power(power: CrisisPower) -> PowerRead:
    days = span_of(power.validity)
    return PowerRead(
        kind=power.kind,
        act_reference=power.act_reference,
        signatory=power.signatory,
        scope=CrisisScope.model_validate(power.scope),
        start=days.start_on,
        end=days.end_on,
    )


async def list_plans(
    session: AsyncSession, actor: Actor, crisis_id: UUID, paging: PageQuery
) -> tuple[list[PlanRead], str | None]:
    """Return one page of the plans of a crisis, to the coordinator and the authority."""
    await get_whole_crisis(session, actor, crisis_id)
    rows, cursor = await repository.page_plans(session, crisis_id, paging)
    signatures = await repository.signatures_of(session, [row.id for row in rows])
    beside = await runs_repository.runs_beside_plans(session, crisis_id)
    return [_plan(row, signatures[row.id], beside) for row in rows], cursor


async def read_plan(session: AsyncSession, row: CrisisPlan) -> PlanRead:
    """Return one plan with its signatures."""
    signatures = (await repository.signatures_of(session, [row.id]))[row.id]
    return _plan(row, signatures, await runs_repository.runs_beside_plans(session, row.crisis_id))


def _plan(row: CrisisPlan, signatures: Sequence[CrisisSignature], beside: Collection[UUID]) -> PlanRead:
    return PlanRead(
        id=row.id,
        crisis_id=row.crisis_id,
        run_id=row.run_id,
        amends_id=row.amends_id,
        tier=row.tier,
        status=row.status,
        labels=[PlanLabel(label) for label in row.labels],
        plan_hash=row.plan_hash,
        minimality=known_of(row.body, row.grounds, is_under_way=row.run_id in beside),
        body=row.body,
        grounds=row.grounds,
        signatures=[SignatureRead.model_validate(signature) for signature in signatures],
        created_at=row.created_at,
        version=row.version,
    )


def read_order(row: CrisisOrder, displacements: Sequence[Displacement]) -> OrderRead:
    """Return one order with what must give way to it; where that goes is not its CDMO's concern."""
    days = span_of(row.period)
    return OrderRead(
        **row.model_dump(exclude={"period", "plan_id", "created_at"}),
        start=days.start_on,
        end=days.end_on,
        displacements=[
            OrderDisplacement(booking_id=one.booking_id, kind=one.kind, status=one.status) for one in displacements
        ],
    )


async def show_notices(session: AsyncSession, rows: Sequence[Notice]) -> list[NoticeRead]:
    """Return notices with their texts in both languages, and how far each was told by mail."""
    mailed = await how_mailed(session, LetterKind.NOTICE, [row.id for row in rows])
    return [_read_notice(row, mailed.get(row.id)) for row in rows]


def _read_notice(row: Notice, mailed: Mailed | None) -> NoticeRead:
    text = notice_text(row.kind, row.facts, row.reason_code, row.respond_by_at)
    told = NoticeText(en=text.en, fr=text.fr)
    counts = NoticeMailed(**mailed._asdict()) if mailed else None
    return NoticeRead(**row.model_dump(), text=told, mailed=counts)


def read_restoration(row: Restoration) -> RestorationRead:
    """Return one place that is offered back."""
    days = span_of(row.period)
    return RestorationRead(**row.model_dump(exclude={"period"}), start=days.start_on, end=days.end_on)


async def list_displacements(
    session: AsyncSession, actor: Actor, crisis_id: UUID, paging: PageQuery
) -> tuple[list[Displacement], str | None]:
    """Return one page of displacements, to an owner those of its bookings; as `page_for` has it."""
    page = partial(repository.page_displacements, session, crisis_id, paging)
    return await page_for(session, actor, crisis_id, paging, page)
