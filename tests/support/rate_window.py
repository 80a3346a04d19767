"""Tests that count requests, and the window in which the service counts them."""

import asyncio
import time

from app.core.rate_limit import WINDOW_SECONDS
from tests.support.midnight import LEEWAY_SECONDS

LONGEST_TEST_SECONDS = 5


async def early_in_a_window() -> None:
    """Wait until the window does not end before the test: from its end on, what was counted in it counts for less."""
    left = WINDOW_SECONDS - time.time() % WINDOW_SECONDS
    if left < LONGEST_TEST_SECONDS:
        await asyncio.sleep(left + LEEWAY_SECONDS)
