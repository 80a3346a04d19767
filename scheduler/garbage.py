"""How often a process that works on a problem looks for garbage."""

from __future__ import annotations

import gc

NEW_OBJECTS = 200_000


def expect_many() -> None:
    """Look for garbage after so many new objects, not every 700: those of a problem all stay, looked at in vain.

    To read a problem, or to get one from another process, then takes about two thirds of the time.
    """
    gc.set_threshold(NEW_OBJECTS)
