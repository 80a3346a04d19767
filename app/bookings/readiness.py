"""Charging readiness fees: each quarter of a reserve agreement once, when it is over."""

from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings import ledger
from app.bookings import readiness_repository as repository
from app.bookings.models import Charge, ChargeKind
from app.bookings.readiness_rules import ReadinessFee, readiness_fee
from app.capacity.agreement_rules import QuarterCompliance, quarter_of
from app.capacity.models import Agreement
from app.capacity.readiness import compliance_of, quarters_recorded
from app.core.clock import today
from app.core.savepoints import each_apart
from app.identity.actor import Actor


async def charge_readiness(session: AsyncSession, author: Author, *, most: int = 100) -> int:
    """Charge the funders of quarters that are over, each once, and return how many were charged.

    No agreement is begun once so many are charged.

    Owed to the CDMO, in proportion to what was recorded of its promise day by day (`readiness_fee`). What happens to
    the agreement or its slots afterwards changes nothing. A quarter of which nothing was earned is charged nothing, and
    is settled by that; one of which no day counts is not charged at all.

    A sweep calls it in a transaction of its own until it returns 0; whatever calls it at the same time, or again, finds
    nothing to charge. An agreement that fails keeps no other from being charged.
    """

    async def charge(found: tuple[UUID, list[date]]) -> int:
        agreement_id, quarters = found
        agreement = await session.get_one(Agreement, agreement_id)
        kept = await quarters_recorded(session, agreement)
        fees = (readiness_fee(agreement.readiness_fee_cents, kept[quarter]) for quarter in quarters)
        return len(await ledger.charge_quarters(session, author, [_charge(agreement, fee) for fee in fees]))

    due = await repository.quarters_due(session, today())
    return await each_apart(session, "readiness_not_charged", due, charge, most=most)


def _charge(agreement: Agreement, fee: ReadinessFee) -> Charge:
    assert agreement.funder_id is not None  # noqa: S101 - a constraint: whoever has a fee has one
    return Charge(
        organisation_id=agreement.funder_id,
        counterparty_id=agreement.organisation_id,
        agreement_id=agreement.id,
        quarter_on=fee.quarter_on,
        kind=ChargeKind.READINESS_FEE,
        amount_cents=fee.amount_cents,
        detail=fee.figures.model_dump(mode="json"),
    )


async def compliance_charged(
    session: AsyncSession, actor: Actor, agreement_id: UUID
) -> list[tuple[QuarterCompliance, int | None]]:
    """Return promised against published batch-days, quarter by quarter, with what was charged for it, in cents.

    Raises
    ------
    NotFound
        If there is no such agreement, or it is another's.
    """
    kept = await compliance_of(session, actor, agreement_id)
    charged = await repository.charged_quarters(session, agreement_id)
    return [(one, charged.get(quarter_of(one.span.start_on).start_on)) for one in kept]
