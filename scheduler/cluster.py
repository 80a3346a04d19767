"""Tasks on the machines of a Dask cluster, through the standard executor interface.

The cluster's scheduler and its workers run the same engine as the caller. Without a budget the workers' clocks agree
with the caller's as well, for a task carries the second by which it must be over. Both are looked at before the first
task. Under a budget no clock matters: the plan is that of one machine, if the processors are of one kind.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from scheduler.engines import engine_name, warm_up
from scheduler.tasks import EngineError

if TYPE_CHECKING:
    from distributed import Client

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS = 3.0
JOIN_SECONDS = 5.0
POLL_SECONDS = 0.5
# A worker that dies is back within a few seconds, where something looks after it.
LOST_SECONDS = 15.0
READY_SECONDS = 30.0
MOST_APART_SECONDS = 0.5
_INSTALL = "pip install '.[cluster]' in a clone of Créneau"
LOGGERS = ("distributed", "distributed.client", "tornado.application")


class ClusterExecutor(Executor):
    """Runs each call on a worker of a cluster, so many of them at a time.

    A call whose worker dies runs again on another. No two calls are taken for the same one. They travel packed, so
    that the cluster's scheduler, through which all of them go, need not unpack a problem to hand it on.

    Attributes
    ----------
    workers : int
        How many calls run at a time; the next ones wait on this side.
    """

    def __init__(self, client: Client, address: str, workers: int) -> None:
        self.workers = workers
        self._client, self._address = client, address
        self._remote = client.get_executor(pure=False)
        self._waiting = ThreadPoolExecutor(workers, thread_name_prefix="cluster")
        self._looked_at = self._seen_at = time.monotonic()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return the outcome of a call on the cluster, an `EngineError` if the cluster fails meanwhile."""
        return self._waiting.submit(self._result, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - its base's
        """Take no more calls."""
        self._waiting.shutdown(wait, cancel_futures=cancel_futures)

    def _result(self, fn: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        from distributed import KilledWorker  # noqa: PLC0415 - of the optional extra

        self._expect_scheduler()
        future = self._remote.submit(run_packed, pickle.dumps((fn, args, kwargs)))
        while not wait([future], timeout=POLL_SECONDS).done:
            self._expect_scheduler()
            self._expect_workers()
        try:
            result: T = future.result()
        except KilledWorker as error:
            raise EngineError(
                f"workers of {self._address} died of the same task, one after another: give them more memory each"
            ) from error
        except CancelledError as error:
            raise self._gone() from error
        return result

    def _expect_scheduler(self) -> None:
        if self._client.status != "running":
            raise self._gone()

    def _expect_workers(self) -> None:
        """Look from time to time whether any worker is left: without one the cluster waits for ever."""
        now = time.monotonic()
        if now < self._looked_at + POLL_SECONDS:
            return
        self._looked_at = now
        try:
            if self._client.nthreads(callback_timeout=LOST_SECONDS):
                self._seen_at = time.monotonic()
        except OSError as error:
            raise self._gone() from error
        if now > self._seen_at + LOST_SECONDS:
            raise EngineError(f"no worker is left on the cluster at {self._address}: start some, and solve again")

    def _gone(self) -> EngineError:
        return EngineError(f"the Dask scheduler at {self._address} is gone: start it and its workers, and solve again")


def run_packed(call: bytes) -> object:
    """Make a call that was packed by `ClusterExecutor`."""
    fn, args, kwargs = pickle.loads(call)  # noqa: S301 - whoever reaches a Dask worker may run code there anyway
    return fn(*args, **kwargs)


@contextmanager
def connected(address: str, *, workers: int | None = None, is_timed: bool = True) -> Iterator[ClusterExecutor]:
    """Yield an executor on a running cluster whose workers have loaded the solver.

    Calls that still run when it is left go on until they end by themselves; those that wait are dropped.

    Parameters
    ----------
    address : str
        Of the Dask scheduler, such as ``tcp://127.0.0.1:8786``. For ``tls://`` Dask's own configuration names the
        certificates.
    workers : int, optional
        How many calls to make at a time, and how many threads to wait for, a few seconds at most; as many calls as
        there are threads if not given.
    is_timed : bool
        Whether the calls end by the clock, so that the clocks of the workers must agree with this one to
        `MOST_APART_SECONDS`.

    Raises
    ------
    EngineError
        The extra is not installed, nobody answers, there are no workers, or not such as are asked for.
    """
    try:
        import distributed  # noqa: F401, PLC0415 - an optional extra, and it takes a second
    except ImportError as error:
        raise EngineError(f"a cluster takes an extra that is not installed: {_INSTALL}") from error
    with _quiet(), _client(address) as client:
        try:
            threads = _joined_threads(client, address, workers or 1)
            _expect_same_engine(client, address)
            if is_timed:
                _expect_same_time(client)
        except OSError as error:
            raise EngineError(f"the cluster at {address} does not answer in time: look at its logs") from error
        executor = ClusterExecutor(client, address, workers or threads)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to errors of our own: Dask logs each lost connection with its traceback, and warns of large calls."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client, Security, rpc  # noqa: PLC0415 - of the optional extra

    async def role() -> str:
        # The client below would wait for ever where something accepts connections and then says nothing.
        arguments = Security().get_connection_args("client")
        async with rpc(address, timeout=CONNECT_SECONDS, connection_args=arguments) as remote:
            identity = await asyncio.wait_for(remote.identity(), CONNECT_SECONDS)
        return str(identity["type"])

    try:
        found = asyncio.run(role())
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False) if found == "Scheduler" else None
    except (ImportError, TypeError, ValueError) as error:
        raise EngineError(f"no connection to {address} can be made: {error}") from error
    except Exception as error:  # what else listens there may say anything
        raise EngineError(
            f"no Dask scheduler answers at {address}: start one (dask scheduler), or give the address that it shows"
        ) from error
    if client is None:
        raise EngineError(f"{address} is the address of a Dask {found.lower()}: give that of its scheduler")
    try:
        yield client
    finally:
        with suppress(OSError):  # It takes too long, and the cluster forgets this client all the same.
            client.close()


def _joined_threads(client: Client, address: str, wanted: int) -> int:
    """Return how many threads the workers have, once there are as many as wanted or no more come."""
    deadline = time.monotonic() + JOIN_SECONDS
    threads = 0
    while threads < wanted and time.monotonic() < deadline:
        threads = sum(client.nthreads(callback_timeout=READY_SECONDS).values())
        if threads < wanted:
            time.sleep(POLL_SECONDS)
    if not threads:
        raise EngineError(
            f"the cluster at {address} has no workers: start some (dask worker {address} --nthreads 1 --nworkers 2)"
        )
    return threads


def _expect_same_engine(client: Client, address: str) -> None:
    engines: dict[str, object] = client.run(loaded_engine, on_error="return", callback_timeout=READY_SECONDS)
    found = {f"the worker at {worker}": engine for worker, engine in engines.items()}
    scheduler = f"the Dask scheduler at {address}"
    try:
        found[scheduler] = client.run_on_scheduler(engine_name)
    except ImportError as error:
        found[scheduler] = error
    for where, engine in found.items():
        if isinstance(engine, Exception):
            raise EngineError(f"{where} does not load the engine: there, {_INSTALL} ({engine})")
        if engine != engine_name():
            raise EngineError(f"{where} has the engine {engine}, not {engine_name()}: install the same versions there")


def _expect_same_time(client: Client) -> None:
    before = time.time()
    told: dict[str, float] = client.run(clock, callback_timeout=READY_SECONDS)
    after = time.time()
    for worker, now in told.items():
        if (apart := max(before - now, now - after)) > MOST_APART_SECONDS:
            raise EngineError(
                f"the clock of the worker at {worker} is off by {apart:.1f} s: set it, or solve under a budget, "
                "which looks at no clock"
            )


async def loaded_engine() -> str:
    """Return the engine of the process that this is called in, its solver loaded."""
    await asyncio.to_thread(warm_up)  # It takes a second, and a worker that is silent for long is given up.
    return engine_name()


def clock() -> float:
    """Return the time of the machine that this is called on, in seconds since the epoch."""
    return time.time()
