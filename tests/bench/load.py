"""A lean HTTP/1.1 load: so many connections, each sending its next request when the last is answered.

The client is part of what is measured, for both sides alike; a heavier one would flatter the slower side.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Call:
    """One request to send: method, path with query, headers and body."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the request as it goes over the wire."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of calls measured."""

    seconds: float
    latencies_ms: tuple[float, ...]
    statuses: Mapping[int, int]
    first_refusal: str | None

    @property
    def requests_per_second(self) -> float:
        """Calls answered a second, over all connections."""
        return len(self.latencies_ms) / self.seconds

    def percentile_ms(self, share: int) -> float:
        """Return the latency in milliseconds that `share` per cent of the calls did not exceed."""
        return float(np.percentile(self.latencies_ms, share))

    def __add__(self, other: "Load") -> "Load":
        """Return what both runs measured, one after the other."""
        statuses = Counter(self.statuses) + Counter(other.statuses)
        refusal = self.first_refusal or other.first_refusal
        return Load(self.seconds + other.seconds, self.latencies_ms + other.latencies_ms, statuses, refusal)

    def as_json(self) -> dict[str, Any]:
        """Return the figures for a report."""
        return {
            "requests": len(self.latencies_ms),
            "requests_per_second": round(self.requests_per_second, 1),
            "p50_ms": round(self.percentile_ms(50), 2),
            "p99_ms": round(self.percentile_ms(99), 2),
            "statuses": dict(self.statuses),
        }


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return status and body of the next answer on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return status, await reader.readexactly(int(line[15:]))
    raise RuntimeError(f"an answer without a length: {head!r}")


async def drive(port: int, calls: Iterator[Call], *, connections: int, rate: float | None = None) -> Load:
    """Send all calls to 127.0.0.1 over so many connections, and measure each.

    With a `rate`, so many are due each second, and a call's latency counts from when it was due: one that waits for a
    connection because others take long is as late as it looks to its caller.
    """
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    refusals: list[str] = []

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for call in calls:
            started = time.perf_counter()
            if rate is not None:
                started = began + next(numbers) / rate
                await asyncio.sleep(max(0.0, started - time.perf_counter()))
            writer.write(call.encode())
            status, body = await _answer(reader)
            latencies.append((time.perf_counter() - started) * 1000)
            statuses[status] += 1
            if status >= 400 and not refusals:
                refusals.append(body.decode(errors="replace"))
        writer.close()
        await writer.wait_closed()

    numbers = count()
    began = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    seconds = time.perf_counter() - began
    return Load(seconds, tuple(latencies), statuses, refusals[0] if refusals else None)
