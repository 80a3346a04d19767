"""Child processes that end when this one does, and their orderly end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from app.core import tether

_TETHER = str(Path(tether.__file__))
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_END_SECONDS = 30.0


def tethered(
    program: Sequence[str], *, death_signal: signal.Signals = signal.SIGKILL, ids: tuple[int, int] | None = None
) -> list[str]:
    """Return the command that runs a program tied to the life of this process's main thread."""
    command = [sys.executable, "-I", "-S", _TETHER, f"--parent={os.getpid()}", f"--signal={death_signal:d}"]
    if ids is not None:
        command += [f"--uid={ids[0]}", f"--gid={ids[1]}"]
    return [*command, "--", *program]


def start_tethered(
    program: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGKILL,
    ids: tuple[int, int] | None = None,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    output: IO[bytes] | None = None,
    folder: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that is signalled when this process dies, however it dies.

    Parameters
    ----------
    program
        Absolute path and arguments.
    death_signal
        What the program gets when this process is gone.
    ids
        User and group id to run under (needs root); None means as oneself.
    environment
        The whole environment; None means this process's.
    pass_fds
        Open files to inherit.
    output
        Where its output and errors go; None means to this process's.
    folder
        Working folder.

    Raises
    ------
    RuntimeError
        Called from another thread than the main one: the kernel watches the starting thread, and the program
        would end with it.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("tethered programs are started from the main thread")
    with _interrupts_noted() as noted:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            tethered(program, death_signal=death_signal, ids=ids),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            pass_fds=pass_fds,
            cwd=folder,
            start_new_session=True,
        )
    try:
        for number in noted:
            signal.raise_signal(number)
    except BaseException:
        end_process(process, (death_signal, _END_SECONDS))
        raise
    return process


@contextmanager
def _interrupts_noted() -> Iterator[list[int]]:
    """Note signals that would break into the start of a process, and leave it running with nobody to end it."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    # What is ignored, or ends this process at once, stays so, and is inherited.
    before = {number: handler for number in _INTERRUPTS if callable(handler := signal.getsignal(number))}
    for number in before:
        signal.signal(number, note)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_process(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> int:
    """End a child process and return its exit code; SIGKILL follows when no step was enough.

    Parameters
    ----------
    process
        A child of this process; may have ended already.
    steps
        Signals to send in turn, each with the seconds to wait for the end after it.
    """
    for number, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
    return process.wait()


@dataclass(frozen=True, slots=True)
class Child:
    """A started child and the name people know it by."""

    name: str
    process: subprocess.Popen[bytes]


class Children:
    """The children of a supervisor, in the order they were started."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def start(self, name: str, program: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Start a program under a name; it is killed if this process dies."""
        child = Child(name, start_tethered(program, environment=environment))
        self._children.append(child)
        return child

    def forget(self, child: Child) -> None:
        """Leave out a child that was meant to end, and has."""
        self._children.remove(child)

    def first_dead(self) -> Child | None:
        """A child that has ended by itself, if any."""
        return next((child for child in self._children if child.process.poll() is not None), None)

    def end_all(self, *, patience_seconds: float) -> None:
        """Ask all children to end, and kill those that have not within the patience."""
        deadline = time.monotonic() + patience_seconds
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()
