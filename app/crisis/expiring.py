"""The coordinator is warned before a crisis ends by itself."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record, snapshot
from app.capacity.occupancy import span_of
from app.core.clock import today
from app.crisis import repository
from app.crisis.declaration import CrisisRules
from app.crisis.models import Crisis
from app.crisis.rules import TRANSITIONS
from app.crisis.telling_back import tell_expiring

WARNER = Author.of_job("crisis_expiry_warning")


def expires_in_days(crisis: Crisis, on: date) -> int | None:
    """Return the days that are left to a crisis, 0 on the day it is over; None once it has ended."""
    if not TRANSITIONS[crisis.status]:
        return None
    return max(0, (span_of(crisis.validity).end_on - on).days)


async def warn_of_expiry(session: AsyncSession) -> int:
    """Warn of the end of one crisis, once for each that it is given, and return 1, or 0 if there is none left.

    A sweep calls it until then; a renewal gives it another end, of which is warned in its time.
    """
    default_days = CrisisRules().expiry_warning_days
    crisis = await repository.lock_unwarned(session, today(), default_days)
    if crisis is None:
        return 0
    before = snapshot(crisis)
    crisis.warned_end_on = span_of(crisis.validity).end_on
    await record(session, WARNER, "crisis.expires_soon", crisis, before=before, reason_code="validity_ends_soon")
    await tell_expiring(session, WARNER, crisis, (crisis.warned_end_on - today()).days)
    return 1
