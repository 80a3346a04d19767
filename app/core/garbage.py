"""What Python's garbage collector leaves alone."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache

WARM_SECONDS = 30.0
"""After which a process that serves has compiled and prepared most of what it will ever send."""


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage while modules are imported, nor ever among what the process holds then.

    There is next to none, and to look for it again and again takes a quarter of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


@cache
def keep_what_was_loaded() -> None:
    """Take all that the process holds by now out of garbage collection, once.

    It stays until the end, and a full collection that walked it would halt every request in flight for as long: 170 ms
    with a benchmark's sixteen, one in a few hundred requests.
    """
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def keeping_what_serving_leaves() -> AsyncIterator[None]:
    """Once, some time into serving, take what that has left behind out of garbage collection too.

    Compiled and prepared statements and the like stay, and every full collection would walk them.
    """
    task = asyncio.create_task(_keep_once_warm())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_once_warm() -> None:
    await asyncio.sleep(WARM_SECONDS)
    gc.collect()
    gc.freeze()
