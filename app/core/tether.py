"""Runs a program that ends when the process that started it does, however that one ended.

A script on the standard library alone (``python -I -S tether.py --parent PID --signal N -- program``). It
does what would otherwise be done between fork and exec, which is not safe in a process that has threads:
takes another account, gives signals back their default action, and asks the kernel for a signal at its
parent's death. Then it becomes the program, under the same process id. Where the kernel has no such
request (anywhere but Linux) it stays beside the program instead, and watches.

Source: prctl(2), PR_SET_PDEATHSIG: the request survives execve(2) but not a change of credentials, so
credentials change first.
"""

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import time
from types import FrameType

_PR_SET_PDEATHSIG = 1
_ORDINARY_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_WATCH_EVERY_SECONDS = 0.1


def signal_at_parents_death(number: int) -> bool:
    """Ask the kernel to send this process a signal when its parent dies; False where it cannot.

    The parent is the thread that started this process, not only its process. A caller checks afterwards
    that the parent it expects is still there: it may have died before the request.
    """
    if not sys.platform.startswith("linux"):
        return False
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    return True


def _take_account(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _watch(program: list[str], parent: int, death_signal: int) -> int:
    """Run a program as a child, pass signals on to it, and signal it once when the parent is gone."""
    child = subprocess.Popen(program, close_fds=False)  # noqa: S603 - the caller's own program

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in _ORDINARY_SIGNALS:
        signal.signal(number, pass_on)
    orphaned = False
    while (code := child.poll()) is None:
        if not orphaned and os.getppid() != parent:
            orphaned = True
            child.send_signal(death_signal)
        time.sleep(_WATCH_EVERY_SECONDS)
    return code if code >= 0 else 128 - code


def main() -> int:
    """Become the program named on the command line, tied to the parent's life."""
    parser = argparse.ArgumentParser(prog="tether")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    try:
        if options.uid is not None:
            _take_account(options.uid, options.gid)
        for number in _ORDINARY_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        if options.watch or not signal_at_parents_death(options.signal):
            return _watch(options.program, options.parent, options.signal)
        if os.getppid() != options.parent:
            return 1
        os.execv(options.program[0], options.program)  # noqa: S606 - becoming the program is the purpose
    except OSError as error:
        sys.stderr.write(f"cannot start {options.program[0]}: {error}\n")
        return 126


if __name__ == "__main__":
    sys.exit(main())
