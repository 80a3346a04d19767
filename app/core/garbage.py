"""What Python's garbage collector leaves alone."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


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
