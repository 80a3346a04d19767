"""How far a process stands back where others want the cores too: those who book come before whatever plans beside them.

Two things count. What share of the cores a process has is its niceness, which Linux may weigh between sessions first.
How long somebody who wakes up waits for a core that it is on is another: since Linux 6.12 a waking process goes first
where its slice is the shorter one; otherwise it waits until the one that runs has had its own, or until the next tick
of the clock, which is milliseconds at each step of a request.

Source: sched(7), sched_setattr(2), and the kernel's documentation of EEVDF.
"""

import ctypes
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

SLICE_NS = 4_000_000
"""Longer than the usual one, and no longer than a tick: beyond it somebody may have to wait for the end of it."""
LAST = 19
"""The niceness of who is served last."""

_SCHED_BATCH = 3
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""The number of the system call, which the C libraries of today's distributions do not wrap, by machine."""


class _Attributes(ctypes.Structure):
    """`struct sched_attr` as it was first: for a process that is neither real time nor has a deadline."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def give_way(pid: int = 0) -> None:
    """Let whoever wakes up take a core from a process at once; its share of the cores stays what it was.

    It holds for the main thread of the process, or with 0 for the calling thread, and for all that it starts from then
    on. Where the system cannot, nothing changes.
    """
    number = _SCHED_SETATTR.get(platform.machine()) if sys.platform == "linux" else None
    if number is None:
        return
    with suppress(OSError):
        niceness = os.getpriority(os.PRIO_PROCESS, pid)
        asked = _Attributes(ctypes.sizeof(_Attributes), _SCHED_BATCH, 0, niceness, 0, SLICE_NS, 0, 0)
        ctypes.CDLL(None).syscall(number, pid, ctypes.byref(asked), 0)


def stand_back(pid: int, niceness: int) -> None:
    """Let a process, and those it will start, have a core only as far as others leave it.

    Linux may share cores between sessions first, in which niceness counts for nothing beyond one's own: where the
    process leads a session, that stands back with it. One that is served last counts as if its core were idle: whoever
    wakes up is given that core as soon as any other.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
    with suppress(OSError):
        if os.getsid(pid) == pid:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")
    if niceness == LAST and hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
