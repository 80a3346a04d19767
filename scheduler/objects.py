"""Room for problems of millions of objects in a process that works on one."""

from __future__ import annotations

import gc

NEW_OBJECTS = 200_000


def expect_many() -> None:
    """Look for garbage after so many new objects, not every 700: those of a problem all stay, and were looked at again.

    To read a problem, or to get one from another process, then takes about two thirds of the time.
    """
    gc.set_threshold(NEW_OBJECTS)
