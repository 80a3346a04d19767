"""Whether reserve agreements are kept, and what was charged for that, over HTTP."""

from uuid import UUID

from app.bookings import readiness
from app.bookings.readiness_schemas import ComplianceRead, QuarterRead
from app.core.http import DbSession
from app.core.routing import ApiRouter
from app.identity.dependencies import CurrentActor

router = ApiRouter(prefix="/v1/agreements", tags=["capacity"])


@router.get("/{agreement_id}/compliance", summary="Promised against published")
async def get_compliance(session: DbSession, actor: CurrentActor, agreement_id: UUID) -> ComplianceRead:
    """Batch-days promised against those of published slots, by calendar quarter cut to the agreement.

    A part of a quarter promises in proportion, rounded up. A day of a published slot of the reserve is one
    batch-day; slots that name another agreement do not count, and those that name none count towards the oldest that
    they fit. A day counts if its slot was made by then; a slot that was released before that was never reserved. What
    is withdrawn or cut off counts no more, but for past days: under a readiness fee they are recorded day by day.

    Once a quarter is over, or the agreement if that comes first, its readiness fee is charged, in proportion to the
    promised batch-days that were recorded, and to the days that count: those covered, from the day on which the
    agreement was written down. It stays as it was charged.
    """
    found = await readiness.compliance_charged(session, actor, agreement_id)
    return ComplianceRead(
        agreement_id=agreement_id,
        promised_batch_days=sum(kept.promised_batch_days for kept, _ in found),
        published_batch_days=sum(kept.published_batch_days for kept, _ in found),
        quarters=[
            QuarterRead(
                start=kept.span.start_on,
                end=kept.span.end_on,
                promised_batch_days=kept.promised_batch_days,
                published_batch_days=kept.published_batch_days,
                is_met=kept.is_met,
                readiness_charged_cents=charged,
            )
            for kept, charged in found
        ],
    )
