"""Signals that ask to stop, at moments in which they could get lost."""

import signal
import subprocess
import sys

import pytest

from app.commands.interrupts import Stopped, stopping_signals

AT_THE_FIRST_IMPORT = """
import signal, sys

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "typer":
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["creneau", sys.argv[1], "--help"]
from app.cli import main
main()
"""
"""A command that its script has put in the background, interrupted while it imports what it needs."""


@pytest.mark.parametrize(
    ("command", "ending"), [("up", -signal.SIGINT), ("worker", -signal.SIGINT), ("serve", -signal.SIGINT), ("jobs", 0)]
)
def test_what_lasts_heeds_an_interrupt_before_it_imports_what_it_needs(command: str, ending: int) -> None:
    program = [sys.executable, "-c", AT_THE_FIRST_IMPORT, command]
    assert subprocess.run(program, capture_output=True, check=False).returncode == ending


class InterruptedAtItsEnd:
    """At its end a signal comes, and Python drops what that raises."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_noticed_at_the_next_check() -> None:
    with stopping_signals() as stop:
        stop.check()
        thing = InterruptedAtItsEnd()
        del thing  # what the signal raises here is dropped, and the block goes on
        with pytest.raises(Stopped):
            stop.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_break_into_the_stopping(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopping_signals():
        with pytest.raises(Stopped):
            signal.raise_signal(number)
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(number) == before
