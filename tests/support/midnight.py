"""Tests that reckon from today, and the midnight between what they set up and what they look at."""

import asyncio
from datetime import datetime, time, timedelta

from app.core.clock import SITE_ZONE, now, today

LONG_ENOUGH = timedelta(seconds=60)
"""Nearly every test is over by then."""
LEEWAY_SECONDS = 1.0
"""A sleep goes by another clock than the day does."""


async def away_from_midnight() -> None:
    """Wait for the new day where the old one is about to end at the sites."""
    tomorrow = datetime.combine(today() + timedelta(days=1), time(), SITE_ZONE)
    left = tomorrow - now()
    if left < LONG_ENOUGH:
        await asyncio.sleep(left.total_seconds() + LEEWAY_SECONDS)
