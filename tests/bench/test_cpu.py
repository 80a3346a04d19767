"""The costs of requests: time of a process and of all below it, and what one app takes as a share of another."""

import subprocess
import sys

import psutil
import pytest
from rich.console import Console

from tests.bench import bench_cpu
from tests.bench.bench_cpu import Compared, Cost

BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); time.sleep(60)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"


def test_the_time_of_a_process_is_that_of_all_below_it_too() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            [child] = psutil.Process(process.pid).children()
            assert bench_cpu.seconds_of(process.pid) >= 0.29
            child.kill()
        finally:
            process.kill()


def test_shares_are_told_round_by_round_with_their_median() -> None:
    compared = Compared("hold", (Cost(1, 1), Cost(2, 2), Cost(4, 4)), (Cost(0.5, 0.1), Cost(0.5, 0.2), Cost(0.5, 0.3)))
    assert compared.shares(lambda cost: cost.app) == [0.125, 0.25, 0.5]
    assert compared.shares(lambda cost: cost.total) == pytest.approx([0.1, 0.175, 0.3])
    console = Console(width=200)
    with console.capture() as shown:
        console.print(bench_cpu.table([compared]))
    assert "0.25 (0.12 to 0.50)" in shown.get()
