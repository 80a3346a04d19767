"""Where tasks run: in this process, or in a pool of processes that end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from multiprocessing.connection import Connection, wait
from multiprocessing.queues import Queue
from typing import ParamSpec, Self, TypeVar

from scheduler.engines import warm_up
from scheduler.garbage import expect_many
from scheduler.news import Channel, InlineNews, News, QueuedNews, tell_to
from scheduler.tasks import EngineError

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """Runs each call at once, in the caller's process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run the call and return its outcome as a finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future carries whatever the call raises
            future.set_exception(error)
        return future


class SolverPool:
    """An executor of its own for one solve: this process for one worker, else a pool of that many.

    The pool's processes are forked from a clean one, so that threads of the caller do not matter, and end when
    the caller's process ends, however it ends. They load the solver while the caller prepares the tasks.

    Parameters
    ----------
    workers : int
        How many tasks run at a time.
    can_be_left : bool
        Whether tasks may have to be given up while they run, which takes a process of their own even for one.
    """

    def __init__(self, workers: int, *, can_be_left: bool = False) -> None:
        self.executor: Executor
        self.news: Channel
        self._loading: list[Future[None]] = []
        self._leash: Connection | None = None
        if workers <= 1 and not can_be_left:
            self.executor, self.news = InlineExecutor(), InlineNews()
            return
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if context.get_start_method() == "forkserver":
            context.set_forkserver_preload(["scheduler.engines.search"])
        held, self._leash = context.Pipe(duplex=False)
        queue: Queue[News] = context.Queue()
        self.news = QueuedNews(queue)
        self.executor = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(held, queue))
        self._loading = [self.executor.submit(warm_up) for _ in range(workers)]

    def wait_until_loaded(self) -> None:
        """Return when every process has the solver.

        Raises
        ------
        EngineError
            The processes do not start.
        """
        if not self._loading:
            warm_up()
            return
        try:
            for loaded in self._loading:
                loaded.result()
        except BrokenExecutor as error:
            raise EngineError(
                "the worker processes did not start: they import the caller's main module, which must be a file "
                'that does its work under `if __name__ == "__main__"`'
            ) from error

    def leave(self) -> None:
        """End the processes with whatever they are busy with; the tasks fail."""
        if self._leash is None:
            return
        self._leash.close()
        # One that ends in the middle of handing over a result leaves half of it. Whoever reads that would wait for the
        # rest as long as there is a writer, and the executor itself keeps one.
        results = getattr(self.executor, "_result_queue", None)
        if results is not None:
            results._writer.close()  # noqa: SLF001 - nothing public ends the waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if isinstance(self.news, InlineNews):
            tell_to(None)
        if kind is not None:
            self.leave()
        self.executor.shutdown(cancel_futures=True)
        self.leave()


def _begin(leash: Connection, queue: Queue[News]) -> None:
    # What nobody reads any more must not keep the process from its end.
    queue.cancel_join_thread()
    expect_many()
    tell_to(queue.put)
    _end_with_parent(leash)


def _end_with_parent(leash: Connection) -> None:
    # An interrupt of the terminal reaches every process; the caller's decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel, leash])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
