"""Stopping `up`: by Ctrl-C, by SIGTERM, by a closed terminal, by the death of its parent."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app.core.tether import signal_at_parents_death

DIE_WITH_PARENT = "CRENEAU_DIE_WITH_PARENT"
_STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Somebody asked this process to stop; a KeyboardInterrupt, which asyncio lets through."""


@contextmanager
def stopping_signals() -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first signal that asks to stop, and ignore all later ones.

    A shell script starts what it puts in the background with SIGINT ignored: the handler is set all the same.
    SIGHUP stays ignored where it is, as under nohup.
    """
    chosen = [
        number for number in _STOPPING_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    ]

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in chosen:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.signal(number, stop) for number in chosen}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class ParentWatch:
    """Ties this process to its parent where the environment asks for it (``CRENEAU_DIE_WITH_PARENT=1``).

    The kernel sends SIGTERM where it can; `gone` serves where it cannot.
    """

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._asked = os.environ.pop(DIE_WITH_PARENT, "") not in {"", "0"}
        if self._asked:
            signal_at_parents_death(signal.SIGTERM)

    @property
    def gone(self) -> bool:
        """Whether the parent is dead, and this process is to follow it."""
        return self._asked and os.getppid() != self._parent
