"""Sweeps: by one worker at a time, until nothing is left, and still done when that worker dies or fails."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.clock import now
from app.core.database import SessionFactory, transaction
from app.core.model import new_id
from app.core.settings import get_settings
from app.jobs import repository, service
from app.jobs.models import JobAttempt, Outcome
from app.jobs.sweeping import Sweep, Sweeper
from tests.app.jobs.conftest import Bench
from tests.support.explain import plans_of, settle

pytestmark = pytest.mark.database


def sweeper(sessions: SessionFactory, sweep: Sweep, every: float = 3_600.0, name: str = "test") -> Sweeper:
    return Sweeper(sessions, {name: sweep}, lambda _: every, asyncio.Event())


class Heap:
    """So many things to do, some at a time."""

    def __init__(self, left: int) -> None:
        self.left, self.turns = left, 0

    async def sweep(self, _: AsyncSession) -> int:
        self.turns += 1
        some = min(self.left, 10)
        self.left -= some
        return some


async def test_a_sweep_goes_on_until_nothing_is_left_and_then_it_is_nobodys_turn(sessions: SessionFactory) -> None:
    heap = Heap(25)
    await sweeper(sessions, heap.sweep).sweep()
    assert (heap.left, heap.turns) == (0, 4)
    await sweeper(sessions, heap.sweep).sweep()
    assert heap.turns == 4


async def test_a_sweep_is_due_again_after_its_time(sessions: SessionFactory) -> None:
    heap = Heap(0)
    for _ in range(2):
        await sweeper(sessions, heap.sweep, every=0.05).sweep()
        await asyncio.sleep(0.1)
    assert heap.turns == 2


async def test_a_sweep_of_one_moment_sees_nothing_that_others_do_meanwhile(sessions: SessionFactory) -> None:
    seen = []

    async def sweep(session: AsyncSession) -> int:
        for _ in range(2):
            async with transaction(sessions) as other:
                await other.execute(
                    text("INSERT INTO sweep_turns (name, due_at) VALUES (:name, now())"), {"name": str(new_id())}
                )
            seen.append(await session.scalar(text("SELECT count(*) FROM sweep_turns")))
        return 0

    for of_one_moment in (frozenset[str](), frozenset({"test"})):
        await replace(sweeper(sessions, sweep, every=0.0), of_one_moment=of_one_moment).sweep()
    assert (seen[1] - seen[0], seen[3] - seen[2]) == (1, 0)


async def test_of_many_workers_one_sweeps_and_none_waits_for_it(sessions: SessionFactory) -> None:
    at_it, most, turns, may_end = 0, 0, 0, asyncio.Event()

    async def sweep(session: AsyncSession) -> int:
        nonlocal at_it, most, turns
        at_it, turns = at_it + 1, turns + 1
        most = max(most, at_it)
        await may_end.wait()
        at_it -= 1
        return 0

    turning = [asyncio.create_task(sweeper(sessions, sweep).sweep()) for _ in range(8)]
    async with asyncio.timeout(30):
        while sum(one.done() for one in turning) < len(turning) - 1:  # noqa: ASYNC110 - any seven of them
            await asyncio.sleep(0.02)
    may_end.set()
    await asyncio.gather(*turning)
    assert (most, turns) == (1, 1)


async def test_what_a_worker_leaves_when_it_dies_is_swept_by_another(sessions: SessionFactory) -> None:
    at_it = asyncio.Event()

    async def never_ends(session: AsyncSession) -> int:
        at_it.set()
        await asyncio.Event().wait()
        return 0

    dying, heap = asyncio.create_task(sweeper(sessions, never_ends).sweep()), Heap(5)
    await at_it.wait()
    await sweeper(sessions, heap.sweep).sweep()
    assert heap.turns == 0
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    await sweeper(sessions, heap.sweep).sweep()
    assert (heap.left, heap.turns) == (0, 2)


async def broken(session: AsyncSession) -> int:
    raise ValueError


async def refused(session: AsyncSession) -> int:
    await session.execute(text("SELECT no_such_function()"))
    return 1


@pytest.mark.parametrize("fails", [broken, refused])
async def test_a_sweep_that_fails_is_put_off_and_the_others_are_done(
    sessions: SessionFactory, fails: Callable[[AsyncSession], Awaitable[int]]
) -> None:
    heap = Heap(5)
    made = Sweeper(sessions, {"fails": fails, "works": heap.sweep}, lambda _: 60.0, asyncio.Event())
    await made.sweep()
    assert heap.left == 0
    async with sessions() as session:
        due = await session.scalar(text("SELECT count(*) FROM sweep_turns WHERE due_at <= now()"))
    assert due == 0


async def test_what_is_old_is_removed_but_not_of_jobs_in_the_queue(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(job: object) -> None:
        raise ValueError

    monkeypatch.setattr(service, "REMOVED_AT_ONCE", 2)
    old, fresh, parked = [await bench.enqueued() for _ in range(5)], await bench.enqueued(), await bench.enqueued()
    for subject in (*old, fresh):
        await bench.perform(subject)
    await bench.perform(parked, fails, tries=1)
    past = {"past": timedelta(days=get_settings().job_retention_days, minutes=1), "fresh": fresh}
    async with transaction(bench.sessions) as session:
        await session.execute(
            text(
                "UPDATE job_attempts SET finished_at = finished_at - CAST(:past AS interval) WHERE subject_id <> :fresh"
            ),
            past,
        )
        await session.execute(
            text(
                "INSERT INTO jobs.pgqueuer_log (created, job_id, status, priority, entrypoint)"
                " VALUES (now() - CAST(:past AS interval), 1, 'picked', 0, 'test')"
            ),
            {"past": past["past"]},
        )
    await sweeper(bench.sessions, service.remove_old).sweep()
    assert [await bench.outcomes(subject) for subject in old] == [[]] * 5
    assert (await bench.outcomes(fresh), await bench.outcomes(parked)) == (["done"], ["parked"])
    async with bench.sessions() as session:
        log = "SELECT count(*) FILTER (WHERE created < now() - interval '1 day'), count(*) FROM jobs.pgqueuer_log"
        assert tuple((await session.execute(text(log))).one()) == (0, 7)


async def test_what_each_job_asks_of_the_ledger_reads_no_whole_table(
    owner: AsyncEngine, sessions: SessionFactory
) -> None:
    attempts = [
        {
            "id": new_id(),
            "job_id": number // 2,
            "attempt": 1 + number % 2,
            "kind": "test",
            "subject_id": new_id(),
            "worker": "w",
            "started_at": now(),
            "finished_at": now() - timedelta(hours=number),
            "outcome": Outcome.DONE,
        }
        for number in range(6_000)
    ]
    lines = (
        "INSERT INTO jobs.pgqueuer_log (created, job_id, status, priority, entrypoint)"
        " SELECT now() - make_interval(hours => line), line, 'picked', 0, 'test' FROM generate_series(1, 6000) line"
    )
    async with owner.begin() as connection:
        await connection.execute(insert(JobAttempt), attempts)
        await connection.execute(text(lines))
    await settle(owner)
    async with sessions() as session:
        plans = [
            *await plans_of(session, lambda: repository.last_attempt(session, 700)),
            *await plans_of(session, lambda: repository.open_attempt(session, 700, 1)),
            *await plans_of(session, lambda: repository.tries_of(session, 700)),
            *await plans_of(
                session, lambda: repository.remove_old_attempts(session, now() - timedelta(hours=5_900), 99)
            ),
            *await plans_of(session, lambda: repository.remove_old_log(session, now() - timedelta(hours=5_900), 99)),
        ]
    assert len(plans) == 5
    for plan in plans:
        assert "Seq Scan on job_attempts" not in plan, plan
        assert "Seq Scan on pgqueuer_log" not in plan, plan
    assert "ix_job_attempts_finished_at" in plans[-2]
    assert "pgqueuer_log_created" in plans[-1]
