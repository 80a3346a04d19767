"""Taking jobs from the queue: each kind has its places, and no kind waits behind another's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.core.database import transaction
from app.core.jobs import enqueue
from app.core.model import new_id
from app.jobs import queue
from app.jobs.queue import take_jobs
from app.jobs.running import JobContext, Kind, Places, Runner
from tests.app.jobs.conftest import Bench, do_at_once

pytestmark = pytest.mark.database


class Heavy:
    """Jobs that last until they may end, and how many of them ran at once."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.at_once = self.most = self.done = 0

    async def __call__(self, _: JobContext) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.may_end.wait()
        self.at_once -= 1
        self.done += 1


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the jobs' word is in this process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def taking(bench: Bench, kinds: dict[str, Kind]) -> AsyncIterator[None]:
    task = asyncio.create_task(take_jobs(bench.settings, Runner(bench.sessions, bench.settings, kinds, bench.stop)))
    yield
    bench.stop.set()
    await task


async def enqueue_many(bench: Bench, kind: str, count: int) -> None:
    async with transaction(bench.sessions) as session:
        for _ in range(count):
            await enqueue(session, kind, new_id())


async def test_a_kind_keeps_to_its_places_and_light_jobs_do_not_wait_behind_it(bench: Bench) -> None:
    """Two kinds share two places; what was enqueued after them has places of its own."""
    heavy, light = Heavy(), Heavy()
    light.may_end.set()
    engine = Places(2)
    kinds = {"solve": Kind(heavy, engine), "certify": Kind(heavy, engine), "deliver": Kind(light, Places(1))}
    for kind, count in (("solve", 2), ("certify", 2), ("deliver", 5)):
        await enqueue_many(bench, kind, count)
    async with taking(bench, kinds):
        await until(lambda: light.done == 5)
        assert (heavy.most, heavy.done, light.most) == (2, 0, 1)
        heavy.may_end.set()
        await until(lambda: heavy.done == 4)
    assert heavy.most == 2


async def test_a_job_that_always_fails_blocks_no_other_and_is_parked(bench: Bench) -> None:
    calls = 0

    async def poison(job: JobContext) -> None:
        nonlocal calls
        calls += 1
        raise ValueError

    light = Heavy()
    light.may_end.set()
    one = Places(1)
    await enqueue_many(bench, "poison", 1)
    await enqueue_many(bench, "deliver", 3)
    async with taking(bench, {"poison": Kind(poison, one), "deliver": Kind(light, one)}):
        await until(lambda: light.done == 3 and calls == 3)
        async with asyncio.timeout(5):
            while await states(bench) != [("poison", "failed")]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert calls == bench.settings.job_attempts


async def states(bench: Bench) -> list[tuple[str, str]]:
    async with bench.sessions() as session:
        rows = await session.execute(text("SELECT entrypoint, status::text FROM jobs.pgqueuer"))
        return [(kind, status) for kind, status in rows]


async def test_the_heartbeat_of_an_overtaken_worker_keeps_nobody_from_the_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker falls asleep; the job is another holder's when it wakes up, whose silence must show."""
    monkeypatch.setattr(queue, "HEARTBEAT_TIMEOUT", timedelta(seconds=1))
    subject = await bench.enqueued()
    heavy = Heavy()
    async with taking(bench, {"test": Kind(heavy)}):
        await until(lambda: heavy.at_once)
        await bench.deliver(subject)
        async with transaction(bench.sessions) as session:
            await session.execute(
                text("UPDATE jobs.pgqueuer SET heartbeat = now() - interval '1 hour', updated = now()")
            )
            await session.execute(text("UPDATE jobs.pgqueuer SET execute_after = now() + interval '1 hour'"))
        await asyncio.sleep(1.5)
        async with bench.sessions() as session:
            old = text("SELECT heartbeat < now() - interval '30 min' FROM jobs.pgqueuer")
            assert await session.scalar(old) is True
        heavy.may_end.set()


async def test_many_jobs_are_each_done_once_by_several_workers(bench: Bench) -> None:
    subjects = [await bench.enqueued() for _ in range(30)]
    kinds = {"test": Kind(do_at_once)}
    async with taking(bench, kinds), taking(bench, kinds), taking(bench, kinds):
        async with asyncio.timeout(30):
            while await states(bench):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert [await bench.effects(subject) for subject in subjects] == [["1"]] * 30
