"""What Python's garbage collector leaves alone."""

import gc
from functools import cache


@cache
def keep_what_was_loaded() -> None:
    """Take all that the process holds by now out of garbage collection, once.

    It stays until the end, and a full collection that walked it would halt every request in flight for as long: 170 ms
    with a benchmark's sixteen, one in a few hundred requests.
    """
    gc.collect()
    gc.freeze()
