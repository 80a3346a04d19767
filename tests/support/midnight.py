"""Tests that reckon from today, and the midnight between what they set up and what they look at."""

import asyncio
from datetime import datetime, time, timedelta

from app.core.clock import SITE_ZONE, now, today

LONGEST_TEST = timedelta(seconds=60)
LEEWAY_SECONDS = 1.0
"""A sleep goes by another clock than the day does."""


async def away_from_midnight() -> None:
    """Wait until the day at the sites does not end before the test."""
    tomorrow = datetime.combine(today() + timedelta(days=1), time(), SITE_ZONE)
    left = tomorrow - now()
    if left < LONGEST_TEST:
        await asyncio.sleep(left.total_seconds() + LEEWAY_SECONDS)
