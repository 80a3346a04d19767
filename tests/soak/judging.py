"""What minutes of load show: pure functions from what was seen to what was wrong with it."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

from tests.soak.watching import Minute

GROWTH = 1.10
"""How much more memory the last third may take than the second: what a process needs it has by then."""


def faults(minutes: Sequence[Minute], most: Mapping[str, int]) -> Iterator[str]:
    """Yield what grew, what leaked, and where the load did not go on.

    Parameters
    ----------
    most
        How many connections each pool may have, by the name under which they are opened.
    """
    for name, (second, last) in memory(minutes).items():
        if last > second * GROWTH:
            yield f"memory of {name} grew from {second:.0f} to {last:.0f} MB"
    for name, limit in most.items():
        seen = connections(minutes, name)
        if minutes and not 0 < seen <= limit:
            yield f"{seen} connections of {name}, which may have {limit}"
    for number, minute in enumerate(minutes, 1):
        yield from (f"{fault}, in minute {number}" for fault in _of(minute))


def _of(minute: Minute) -> Iterator[str]:
    if minute.rest.in_use:
        yield f"{minute.rest.in_use} connections were in use with no request in flight"
    if minute.rest.left_open:
        yield f"{minute.rest.left_open} transactions were left open"
    if not minute.rest.workers:
        yield "no worker lived"
    for client, done in enumerate(minute.done):
        if not done:
            yield f"client {client} got nothing done"


def memory(minutes: Sequence[Minute]) -> Mapping[str, tuple[float, float]]:
    """Return the median megabytes of each process in the second third of all samples, and in the last."""
    samples = [sample for minute in minutes for sample in minute.samples]
    third = len(samples) // 3
    parts = samples[third:-third], samples[-third:]
    names = samples[0].memory_mb if third else ()
    second, last = ({name: statistics.median(one.memory_mb[name] for one in part) for name in names} for part in parts)
    return {name: (second[name], last[name]) for name in names}


def connections(minutes: Sequence[Minute], name: str) -> int:
    """Return how many connections a pool had at most."""
    return max((sample.connections.get(name, 0) for minute in minutes for sample in minute.samples), default=0)
