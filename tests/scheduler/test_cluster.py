"""A Dask cluster solves as one machine does, and whatever is wrong with it is told in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from threading import Timer

import pytest
from distributed import Client

from scheduler import cluster
from scheduler.cluster import ClusterExecutor, connected
from scheduler.command import main
from scheduler.problem import Problem
from scheduler.solution import Solution
from scheduler.solve import solve
from scheduler.tasks import EngineError
from scheduler.verify import violations
from tests.scheduler.clusters import LOOPBACK, STARTING_SECONDS, by_hand, local_cluster
from tests.scheduler.scenarios import national

BUDGET = 0.05
SMALL: Problem = national(20, 60, objectives=("weight:3", "parties", "delay", "rank"))
LONG: Problem = national(60, 600, objectives=("weight", "delay"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a cluster is whose two workers are threads of this process, which is enough for what is not solved."""
    with local_cluster(n_workers=2, processes=False) as made:
        yield made.scheduler_address


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    path = tmp_path / "problem.json"
    path.write_text(SMALL.to_json())
    return path


def test_a_cluster_gives_the_same_file_as_one_machine(tmp_path: Path) -> None:
    with (
        local_cluster(n_workers=2, processes=True, local_directory=str(tmp_path)) as made,
        connected(made.scheduler_address) as executor,
    ):
        assert executor.workers == 2
        there = solve(SMALL, budget=BUDGET, seed=7, executor=executor, workers=executor.workers)
    files = {solve(SMALL, budget=BUDGET, seed=7, workers=workers).to_json() for workers in (1, 2)}
    assert files == {there.to_json()}
    assert there.status == "feasible"  # the budget did cut it short


def test_the_same_call_is_made_again(address: str) -> None:
    with connected(address, is_timed=False) as executor:
        calls = [executor.submit(time.monotonic_ns) for _ in range(3)]
        assert len({call.result() for call in calls}) == 3


def test_a_large_call_is_made_without_a_word(address: str) -> None:
    with connected(address) as executor:  # warnings are errors here
        assert executor.submit(len, bytes(11_000_000)).result() == 11_000_000


def die_once(mark: Path) -> str:
    if not mark.exists():
        mark.touch()
        os._exit(1)
    return "alive"


def test_a_call_whose_worker_dies_is_made_again_but_not_for_ever(tmp_path: Path) -> None:
    with (
        local_cluster(n_workers=1, processes=True, local_directory=str(tmp_path)) as made,
        Client(made, set_as_default=False) as client,
        ClusterExecutor(client, made.scheduler_address, 1) as executor,
    ):
        assert executor.submit(die_once, tmp_path / "died").result() == "alive"
        made.scheduler.allowed_failures = 0
        with pytest.raises(EngineError, match="more memory"):
            executor.submit(os._exit, 1).result()


def test_another_engine_is_not_worked_with(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count(1)
    monkeypatch.setattr(cluster, "engine_name", lambda: f"engine/{next(numbers)}")
    told = r"the worker at tcp://\S+ has the engine engine/(\d), not engine/(?!\1)\d: install"
    with pytest.raises(EngineError, match=told), connected(address):
        pass


def test_a_worker_without_the_engine_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ModuleNotFoundError("No module named 'ortools'")

    monkeypatch.setattr(cluster, "warm_up", missing)
    told = r"the worker at tcp://\S+ does not load the engine: there, pip install '\.\[cluster\]'"
    with pytest.raises(EngineError, match=told), connected(address):
        pass


def test_another_time_matters_only_where_the_clock_does(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "clock", lambda: time.time() + 60)
    with connected(address, is_timed=False) as executor:
        assert executor.submit(abs, -1).result() == 1
    with pytest.raises(EngineError, match=r"off by (59|60)\.\d s"), connected(address):
        pass


def test_the_address_of_a_worker_is_told_apart(address: str) -> None:
    with Client(address, set_as_default=False) as client:
        worker = next(iter(client.nthreads()))
    with pytest.raises(EngineError, match="address of a Dask worker"), connected(worker):
        pass


def test_a_cluster_without_workers_is_told(
    problem: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "JOIN_SECONDS", 0.1)
    with local_cluster(n_workers=0, processes=False) as empty:
        assert main(["solve", str(problem), "--cluster", empty.scheduler_address]) == 4
    told = capsys.readouterr().err
    assert "has no workers: start some (dask worker tcp://" in told
    assert told.count("\n") == 1


def test_workers_that_are_just_starting_are_waited_for() -> None:
    with local_cluster(n_workers=0, processes=False) as empty:
        Timer(0.3, empty.scale, [2]).start()
        with connected(empty.scheduler_address, workers=2) as executor, Client(empty, set_as_default=False) as client:
            assert executor.submit(abs, -1).result() == 1
            assert len(client.nthreads()) == 2


def test_a_cluster_that_loses_its_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LOST_SECONDS", 0.5)
    with local_cluster(n_workers=1, processes=False) as made, connected(made.scheduler_address) as executor:
        call = executor.submit(time.sleep, 2)
        made.scale(0)
        with pytest.raises(EngineError, match="no worker is left"):
            call.result()


@pytest.mark.parametrize("says", [None, b"", b"SSH-2.0-OpenSSH_9.2"], ids=["closed", "mute", "other"])
def test_an_address_where_no_scheduler_answers_is_told(
    says: bytes | None, problem: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with listener(says) as port:
        assert main(["solve", str(problem), "--cluster", f"tcp://{LOOPBACK}:{port}"]) == 4
    told = capsys.readouterr().err
    assert f"no Dask scheduler answers at tcp://{LOOPBACK}:{port}: start one" in told
    assert told.count("\n") == 1


@contextmanager
def listener(says: bytes | None) -> Iterator[int]:
    """Yield a port where somebody says something to the first that connects, or where nobody listens."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server((LOOPBACK, 0)))
        port: int = server.getsockname()[1]
        if says is None:
            server.close()
        else:
            pool = stack.enter_context(ThreadPoolExecutor(1))
            first = pool.submit(server.accept)
            first.add_done_callback(lambda taken: taken.result()[0].sendall(says))
            stack.callback(lambda: first.result()[0].close())  # noqa: PLW0108 - it is not there yet
        yield port


def test_without_the_extra_its_name_is_told(
    problem: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["solve", str(problem), "--cluster", f"tcp://{LOOPBACK}:1"]) == 4
    told = capsys.readouterr().err
    assert "pip install '.[cluster]' in a clone of Créneau" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("wrong", ["127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://127.0.0.1", "tcp://:8786"])
def test_what_is_no_address_is_told(wrong: str, problem: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["solve", str(problem), "--cluster", wrong])
    assert ended.value.code == 2
    assert f"must be like tcp://127.0.0.1:8786, not {wrong}" in capsys.readouterr().err


def test_the_command_solves_on_a_cluster_made_by_hand_until_it_is_stopped_or_that_is_gone(
    problem: Path, tmp_path: Path
) -> None:
    output, long = tmp_path / "solution.json", tmp_path / "long.json"
    with by_hand(tmp_path) as (address, scheduler):
        assert main(["solve", str(problem), "-o", str(output), "--budget", str(BUDGET), "--cluster", address]) == 0
        assert output.read_text() == solve(SMALL, budget=BUDGET).to_json()

        long.write_text(LONG.to_json())
        command = [sys.executable, "-m", "scheduler", "solve", str(long), "-o", str(output), "--budget", "1000"]
        command += ["--progress", "--cluster", address]
        code, told = broken_off(command, lambda solving: solving.terminate())
        assert (code, told) == (0, ["scheduler: stopped: best plan so far written"])
        assert violations(LONG, Solution.from_json(output.read_text())) == []

        code, told = broken_off(command, lambda _: scheduler.kill())
        gone = f"{long}: the Dask scheduler at {address} is gone: start it and its workers, and solve again"
        assert (code, told) == (4, [f"scheduler: {gone}"])


def broken_off(command: Sequence[str], how: Callable[[subprocess.Popen[str]], None]) -> tuple[int, list[str]]:
    """Break off a solve soon after its first progress; return its exit code and what else it says."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as solving:
        assert solving.stderr is not None
        solving.stderr.readline()
        time.sleep(0.5)
        how(solving)
        said = solving.communicate(timeout=STARTING_SECONDS)[1]
    return solving.returncode, [line for line in said.splitlines() if not line.startswith("{")]
