"""Charging readiness fees: each quarter of a reserve agreement once, when it is over."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.bookings import ledger
from app.bookings import readiness_repository as repository
from app.bookings.models import Charge, ChargeKind
from app.bookings.readiness_rules import ReadinessFee, readiness_fee
from app.capacity.agreement_rules import QuarterCompliance, quarter_of
from app.capacity.agreements import compliance_of, quarters_kept
from app.capacity.models import Agreement
from app.core.clock import today
from app.identity.actor import Actor


async def charge_readiness(session: AsyncSession, author: Author, *, max_quarters: int = 100) -> int:
    """Charge the funders of so many quarters at most that are over, each once, and return how many were charged.

    Owed to the CDMO, in proportion to what it had published of its promise by then (`readiness_fee`). What happens to
    the agreement or its slots afterwards changes nothing. A quarter of which nothing was earned is charged nothing, and
    is settled by that. A sweep calls it in a transaction of its own until it returns 0; whatever calls it at the same
    time, or again, finds nothing to charge.
    """
    charges = []
    for agreement, quarters in await repository.quarters_due(session, today(), max_quarters):
        kept = {quarter_of(one.span.start_on).start_on: one for one in await quarters_kept(session, agreement)}
        fees = (readiness_fee(agreement.readiness_fee_cents, kept[quarter]) for quarter in quarters)
        charges += [_charge(agreement, fee) for fee in fees]
    return len(await ledger.charge_quarters(session, author, charges))


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
