"""Whether reserve agreements are kept; for those with a readiness fee, as it was recorded day by day."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity import agreement_repository
from app.capacity import readiness_repository as repository
from app.capacity.agreement_rules import QuarterCompliance, compliance, promised_over, shared
from app.capacity.agreements import get_agreement
from app.capacity.models import Agreement
from app.capacity.occupancy import span_of
from app.capacity.supply import Span
from app.core.clock import today
from app.core.savepoints import each_apart
from app.core.tenancy import across_organisations
from app.core.vocabulary import Reserve
from app.identity.actor import Actor


async def record_readiness(session: AsyncSession, *, most: int = 100) -> int:
    """Record today for so many agreements with a fee at most, each once, and return for how many.

    What is published for today counts as it stands at the first sweep of the day, and nothing changes it afterwards.

    Days on which no worker swept are recorded by the next sweep, from what is published for them by then: what was
    withdrawn meanwhile is lost to its CDMO, what was published meanwhile counts from the day on which it was made. None
    is recorded from before the agreement was written down, nor from before anything was recorded at all.

    A sweep calls it in a transaction of its own until it returns 0. An agreement that fails keeps no other from being
    recorded.
    """

    async def record(found: tuple[UUID, Span]) -> int:
        await _record(session, *found)
        return 1

    due = await repository.unrecorded(session, today())
    return await each_apart(session, "readiness_not_recorded", due, record, most=most)


async def _record(session: AsyncSession, agreement_id: UUID, days: Span) -> None:
    agreement = await session.get_one(Agreement, agreement_id)
    published = await agreement_repository.published_spans(session, agreement)
    await repository.add_days(
        session,
        agreement_id,
        {day: sum(one.start_on <= day < one.end_on for one in published) for day in _each_day(days)},
    )


def _each_day(days: Span) -> list[date]:
    return [days.start_on + timedelta(days=number) for number in range(days.days)]


async def quarters_recorded(session: AsyncSession, agreement: Agreement) -> dict[date, QuarterCompliance]:
    """Return promised against recorded batch-days over the days that are recorded, by the first day of each quarter."""
    found = await repository.recorded_quarters(session, agreement.id, span_of(agreement.period))
    return {
        quarter_on: QuarterCompliance(span, promised_over(span, agreement.batch_days_per_quarter), published)
        for quarter_on, (span, published) in found.items()
    }


async def compliance_of(session: AsyncSession, actor: Actor, agreement_id: UUID) -> list[QuarterCompliance]:
    """Return promised against published batch-days, quarter by quarter.

    Days that are past count as they were recorded, where they were; all others as published now.

    Raises
    ------
    NotFound
        If there is no such agreement, or it is others'.
    """
    agreement = await get_agreement(session, actor, agreement_id)
    covered = span_of(agreement.period)
    async with across_organisations(session):  # a funder sees neither slots nor what else they count towards
        published = await agreement_repository.published_spans(session, agreement)
    past = Span(covered.start_on, min(covered.end_on, today()))
    return compliance(
        covered,
        agreement.batch_days_per_quarter,
        published,
        await repository.recorded_quarters(session, agreement_id, past),
    )


async def kept_in(session: AsyncSession, quarter: Span) -> list[tuple[Reserve, UUID, int, int]]:
    """Return reserve, maker, promised and published batch-days of every agreement over a quarter that is past."""
    found = []
    for agreement in await agreement_repository.agreements_over(session, quarter):
        covered = shared(span_of(agreement.period), quarter)
        if covered is None:
            continue
        [kept] = compliance(
            covered,
            agreement.batch_days_per_quarter,
            await agreement_repository.published_spans(session, agreement),
            await repository.recorded_quarters(session, agreement.id, covered),
        )
        found.append(
            (agreement.reserve, agreement.organisation_id, kept.promised_batch_days, kept.published_batch_days)
        )
    return found
