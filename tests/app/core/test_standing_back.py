"""Processes that stand back let others go first, and so do all that they start."""

import os
import subprocess
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.allocation.engine import Engine, Limits
from app.core import standing_back
from app.core.standing_back import LAST, give_way, stand_back
from app.crisis.planning import DRILL_SOLVER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other means")

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper() -> Iterator[int]:
    """Give a process that leads a session of its own, and does nothing."""
    with subprocess.Popen(SLEEP, start_new_session=True) as process:
        yield process.pid
        process.kill()


def in_a_thread(act: object) -> None:
    """Do something whose mark stays with the thread that did it."""
    thread = threading.Thread(target=act)  # type: ignore[arg-type]
    thread.start()
    thread.join()


def slice_ns(pid: int) -> int | None:
    """Return the slice of a process, where the kernel tells it."""
    file = Path(f"/proc/{pid}/sched")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((int(line.split(":")[1]) for line in lines if line.startswith("se.slice")), None)


def test_one_that_gives_way_keeps_its_share_and_lets_whoever_wakes_up_go_first(sleeper: int) -> None:
    before = slice_ns(sleeper)
    give_way(sleeper)
    assert os.sched_getscheduler(sleeper) == os.SCHED_BATCH
    assert os.getpriority(os.PRIO_PROCESS, sleeper) == os.getpriority(os.PRIO_PROCESS, 0)
    if before is not None and tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 12):
        assert (slice_ns(sleeper) or 0) == standing_back.SLICE_NS > before


def test_so_do_those_that_it_starts() -> None:
    found: list[int] = []

    def start() -> None:
        give_way()
        with subprocess.Popen(SLEEP) as process:
            found.append(os.sched_getscheduler(process.pid))
            process.kill()

    in_a_thread(start)
    assert found == [os.SCHED_BATCH]


def test_where_the_system_has_no_such_call_nothing_changes(sleeper: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_back, "_SCHED_SETATTR", {})
    give_way(sleeper)
    assert os.sched_getscheduler(sleeper) == os.SCHED_OTHER


def test_one_that_is_served_last_has_its_core_only_as_long_as_nobody_wants_it(sleeper: int) -> None:
    stand_back(sleeper, LAST)
    assert os.sched_getscheduler(sleeper) == os.SCHED_IDLE
    assert os.getpriority(os.PRIO_PROCESS, sleeper) == LAST
    session = Path(f"/proc/{sleeper}/autogroup")
    told = session.read_text() if session.exists() else ""
    assert not told or told.split()[-1] == str(LAST)


def test_one_that_stands_back_a_little_is_not_served_last(sleeper: int) -> None:
    stand_back(sleeper, 5)
    assert os.sched_getscheduler(sleeper) == os.SCHED_BATCH
    assert os.getpriority(os.PRIO_PROCESS, sleeper) == 5


def test_a_process_that_is_gone_is_let_go() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    with pytest.raises(ProcessLookupError):
        os.getpriority(os.PRIO_PROCESS, process.pid)
    stand_back(process.pid, LAST)
    give_way(process.pid)


async def test_the_engine_of_a_drill_is_served_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    async def look(self: Engine, process: Process, *_: object, **__: object) -> None:
        seen.append(os.sched_getscheduler(process.pid))
        await process.wait()

    monkeypatch.setattr(Engine, "_watch", look)
    niceness = int(DRILL_SOLVER["niceness"])
    engine = Engine(tmp_path, Limits(8 * 1024**3, niceness=niceness))
    await engine.run("solve", "--help", seconds=60)
    assert seen == [os.SCHED_IDLE]
