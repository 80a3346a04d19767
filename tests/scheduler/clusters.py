"""Dask clusters on loopback, for tests and benchmarks; nothing of them is left afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from distributed import Client, LocalCluster

LOOPBACK = "127.0.0.1"
STARTING_SECONDS = 60


def local_cluster(**how: object) -> LocalCluster:
    """Return a cluster whose Dask scheduler is in this process, with workers of one thread each."""
    anywhere = f"{LOOPBACK}:0"
    return LocalCluster(
        host=LOOPBACK,
        protocol="tcp",
        threads_per_worker=1,
        dashboard_address=anywhere,
        worker_dashboard_address=anywhere,
        silence_logs="CRITICAL",
        **how,
    )


@contextmanager
def by_hand(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a Dask scheduler and a worker with their own commands; yield the address and the scheduler's process."""
    dask, file = str(Path(sys.executable).with_name("dask")), folder / "scheduler.json"
    here = ["--host", LOOPBACK, "--dashboard-address", f"{LOOPBACK}:0", "--scheduler-file", str(file)]
    of_workers = ["--nthreads", "1", "--local-directory", str(folder)]
    commands = [[dask, "scheduler", *here, "--port", "0"], [dask, "worker", *here, *of_workers]]
    with ExitStack() as started, (folder / "dask.log").open("wb") as log:
        both = []
        for command in commands:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            started.callback(process.wait)
            started.callback(os.killpg, process.pid, signal.SIGKILL)
            both.append(process)
        deadline = time.monotonic() + STARTING_SECONDS
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert file.exists(), (folder / "dask.log").read_text()
        with Client(scheduler_file=str(file), timeout=STARTING_SECONDS, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=STARTING_SECONDS)
            address = str(client.scheduler.address)
        yield address, both[0]
