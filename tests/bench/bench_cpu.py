"""What a request takes of the processors, by process: figures that other work on the machine changes little.

Wall clock tells how the parts wait for each other, and how busy the machine is; time on a processor tells what each
part costs. The service and the bare app take turns, since how fast a processor is changes within seconds.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from statistics import median

import psutil
from rich.table import Table

from tests.bench.bench_api import (
    CONNECTIONS,
    WARMING_CALLS,
    Served,
    SideBySide,
    holds,
    inserts,
    searches,
    selects,
    side_by_side,
)
from tests.bench.data import BenchData
from tests.bench.load import Call, drive

CALLS_OF_BARE = 3
"""How many times as many the bare app is sent: it takes so little that a round would be too short to be measured."""

Calls = Callable[[BenchData, int], Iterator[Call]]
WORKS: dict[str, tuple[Calls, Calls]] = {
    "hold": (holds, inserts),
    "search": (searches, lambda _, count: selects(count)),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a processor for one request, user and system time.

    Attributes
    ----------
    database
        Of the server and all that it has started, such as what writes its log.
    """

    app: float
    database: float

    @property
    def total(self) -> float:
        """Of both: what two processors share, if neither waits for the other."""
        return self.app + self.database


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind of work, by the service and by the bare app, in as many rounds."""

    work: str
    service: tuple[Cost, ...]
    bare: tuple[Cost, ...]

    def shares(self, cost: Callable[[Cost], float]) -> list[float]:
        """Return what the bare app takes as a share of what the service takes, round by round, the least first."""
        return sorted(cost(bare) / cost(service) for service, bare in zip(self.service, self.bare, strict=True))


def seconds_of(pid: int) -> float:
    """Return the time that a process and all below it have had on a processor; one that has ended counts no more."""
    process = psutil.Process(pid)
    spent = 0.0
    for one in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            spent += times.user + times.system
    return spent


async def _cost(served: Served, database_pid: int, calls: Iterator[Call], count: int) -> Cost:
    before = seconds_of(served.pid), seconds_of(database_pid)
    load = await drive(served.port, islice(calls, count), connections=CONNECTIONS)
    after = seconds_of(served.pid), seconds_of(database_pid)
    if load.first_refusal:
        raise RuntimeError(f"a call was refused: {load.first_refusal}")
    app, database = ((end - begin) * 1000 / count for begin, end in zip(before, after, strict=True))
    return Cost(app, database)


async def _compare(work: str, sides: SideBySide, database_pid: int, count: int, rounds: int) -> Compared:
    ours, theirs = WORKS[work]
    own = ours(sides.data, WARMING_CALLS + count * rounds)
    others = theirs(sides.data, WARMING_CALLS + count * rounds * CALLS_OF_BARE)
    await _cost(sides.service, database_pid, own, WARMING_CALLS)
    await _cost(sides.bare, database_pid, others, WARMING_CALLS)
    service, bare = [], []
    for _ in range(rounds):
        service.append(await _cost(sides.service, database_pid, own, count))
        bare.append(await _cost(sides.bare, database_pid, others, count * CALLS_OF_BARE))
    return Compared(work, tuple(service), tuple(bare))


def run(works: Sequence[str], count: int, rounds: int) -> list[Compared]:
    """Measure these kinds of work, on a server of its own, and stop everything.

    Raises
    ------
    RuntimeError
        If a server of somebody else's is named, whose processes are not ours to look at; or if a call is refused.
    """
    with side_by_side() as sides:
        if sides.database_pid is None:
            raise RuntimeError("the time of a server that is not ours cannot be told: unset its address")
        return [asyncio.run(_compare(work, sides, sides.database_pid, count, rounds)) for work in works]


def table(found: Sequence[Compared]) -> Table:
    """Return the costs as people read them: the median of the rounds, and of the shares."""
    made = Table(title=f"Milliseconds of a processor a request, {CONNECTIONS} connections, {len(found[0].bare)} rounds")
    for heading in ("work", "by", "app", "PostgreSQL", "both", "bare app's share: app", "PostgreSQL", "both"):
        made.add_column(heading, justify="left" if heading in {"work", "by"} else "right")
    parts: list[Callable[[Cost], float]] = [lambda c: c.app, lambda c: c.database, lambda c: c.total]
    for one in found:
        shares = [one.shares(part) for part in parts]
        told = [f"{median(share):.2f} ({share[0]:.2f} to {share[-1]:.2f})" for share in shares]
        made.add_row(one.work, "service", *(f"{median(map(part, one.service)):.3f}" for part in parts), *told)
        made.add_row("", "bare", *(f"{median(map(part, one.bare)):.3f}" for part in parts))
    return made
