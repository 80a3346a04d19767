"""The one place where "now" is read, so that a decision can be replayed as of its own date."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SITE_ZONE = ZoneInfo("Europe/Paris")


def now() -> datetime:
    """Return the present instant, in UTC, in microseconds as PostgreSQL stores it."""
    return datetime.now(UTC)


def today() -> date:
    """Return the present day at the sites; production periods are whole days there."""
    return day_of(now())


def day_of(instant: datetime) -> date:
    """Return the day at the sites on which an instant falls."""
    return instant.astimezone(SITE_ZONE).date()
