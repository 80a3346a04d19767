"""Stopping what runs until it is stopped: by Ctrl-C, by SIGTERM, by a closed terminal, by the death of its parent."""

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


def heed_interrupts() -> None:
    """Let a SIGINT interrupt this process, even where a shell script has put it in the background, which ignores it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Stop:
    """Whether somebody has asked this process to stop."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Raise what was asked for, should it have got lost.

        Python drops an exception that a signal raises while an object is being finalised or a callback runs.

        Raises
        ------
        Stopped
            If this process has been asked to stop.
        """
        if self.asked:
            raise Stopped


@contextmanager
def stopping_signals() -> Iterator[Stop]:
    """Raise `Stopped` in the main thread at the first signal that asks to stop, and ignore all later ones.

    A SIGINT is heeded even where it was ignored. SIGHUP stays ignored where it is, as under nohup.
    """
    stopping = Stop()
    chosen = [
        number for number in _STOPPING_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    ]

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in chosen:
            signal.signal(number, signal.SIG_IGN)
        stopping.asked = True
        stopping.check()

    before = {number: signal.signal(number, stop) for number in chosen}
    try:
        yield stopping
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
