"""A job has its effect once, whatever becomes of its workers, and one that fails for good is parked."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import transaction
from app.core.jobs import JobState, enqueue, job_counts
from app.core.model import new_id
from app.jobs import running
from app.jobs.errors import JobInterrupted
from app.jobs.running import JobContext
from app.jobs.service import get_job
from tests.app.jobs.conftest import Bench, begun, do_at_once, fails
from tests.support.jobs import deliver

pytestmark = pytest.mark.database


async def test_a_job_is_enqueued_with_its_transaction_or_not_at_all_and_once(bench: Bench) -> None:
    subject = new_id()
    async with bench.sessions() as session:
        await enqueue(session, bench.name, subject)
        await session.rollback()
    assert await bench.statuses(subject) == []
    async with transaction(bench.sessions) as session:
        await enqueue(session, bench.name, subject)
        await enqueue(session, bench.name, subject)
    async with transaction(bench.sessions) as session:
        await enqueue(session, bench.name, subject)
    assert await bench.statuses(subject) == ["queued"]


async def test_effect_and_end_are_one(bench: Bench) -> None:
    subject = await bench.enqueued()
    await bench.perform(subject)
    assert (await bench.effects(subject), await bench.outcomes(subject), await bench.statuses(subject)) == (
        ["1"],
        ["done"],
        [],
    )


async def test_a_handler_that_writes_nothing_last_ends_its_job_all_the_same(bench: Bench) -> None:
    async def only_looks(job: JobContext) -> None:
        async with job.transaction() as session:
            await session.execute(text("SELECT 1"))

    subject = await bench.enqueued()
    await bench.perform(subject, only_looks)
    assert (await bench.outcomes(subject), await bench.statuses(subject)) == (["done"], [])


async def test_a_job_that_fails_is_tried_again_and_then_parked_with_its_error(bench: Bench) -> None:
    subject = await bench.enqueued()
    for number, (outcome, status) in enumerate([("failed", "queued"), ("failed", "queued"), ("parked", "failed")], 1):
        delivery = await bench.perform(subject, fails)
        assert (await bench.outcomes(subject))[-1] == outcome
        assert await bench.statuses(subject) == [status], number
    assert await bench.effects(subject) == []
    async with bench.sessions() as session:
        job, attempts = await get_job(session, delivery.job_id)
    assert (job.state, job.attempt) == (JobState.PARKED, 3)
    assert [attempt.error and attempt.error["message"] for attempt in attempts] == [
        "attempt 1",
        "attempt 2",
        "attempt 3",
    ]
    assert job.error is not None
    assert (job.error["class"], job.error["trace"][-1].split(" in ")[1]) == ("ValueError", "fails")


async def test_a_failed_job_waits_before_it_is_tried_again(bench: Bench) -> None:
    subject = await bench.enqueued()
    bench.settings = bench.settings.model_copy(update={"job_backoff_seconds": 100.0})
    await bench.perform(subject, fails)
    async with bench.sessions() as session:
        wait = await session.scalar(text("SELECT extract(epoch FROM execute_after - now()) FROM jobs.pgqueuer"))
        counts = await job_counts(session)
    assert 95 < float(wait or 0) <= 120
    assert (counts.of(JobState.WAITING), counts.longest_wait_s) == (1, 0)


async def test_what_is_enqueued_while_a_job_runs_is_done_after_it(bench: Bench) -> None:
    """It may be about what the running job has not seen; but the two do not run at once."""
    subject = await bench.enqueued()
    again = asyncio.Event()

    async def enqueues_again(job: JobContext) -> None:
        for _ in range(2):
            async with transaction(bench.sessions) as session:
                await enqueue(session, bench.name, subject)
        assert await bench.statuses(subject) == ["picked", "queued"]
        second = await deliver(bench.sessions, bench.name, subject, status="queued")
        await bench.runner(do_at_once).perform(second)
        assert await bench.effects(subject) == []
        again.set()
        await do_at_once(job)

    await bench.perform(subject, enqueues_again)
    assert again.is_set()
    assert (await bench.statuses(subject), await bench.effects(subject)) == (["queued"], ["1"])
    async with transaction(bench.sessions) as session:
        await enqueue(session, bench.name, subject)
    assert await bench.statuses(subject) == ["queued"]
    await bench.perform(subject)
    assert (await bench.statuses(subject), await bench.effects(subject)) == ([], ["1", "1"])


async def test_a_job_that_waits_to_be_tried_again_is_not_doubled(bench: Bench) -> None:
    subject = await bench.enqueued()
    await bench.perform(subject, fails)
    async with transaction(bench.sessions) as session:
        await enqueue(session, bench.name, subject)
    assert await bench.statuses(subject) == ["queued"]


async def test_a_job_that_kills_its_workers_is_parked_and_its_kind_is_told(bench: Bench) -> None:
    told: list[tuple[UUID, int]] = []

    async def given_up(session: AsyncSession, subject_id: UUID, tries: int) -> None:
        told.append((subject_id, tries))

    subject = await bench.enqueued()
    for _ in range(3):
        await begun(bench, subject)
    await bench.perform(subject, given_up=given_up)
    assert await bench.outcomes(subject) == ["lost", "lost", "parked"]
    assert (await bench.statuses(subject), await bench.effects(subject)) == (["failed"], [])
    assert told == [(subject, 3)]
    async with bench.sessions() as session:
        assert (
            await session.scalar(text("SELECT error->>'class' FROM job_attempts WHERE attempt = 3"))
        ) == "WorkerDied"


async def test_a_job_is_parked_also_when_its_kind_cannot_be_told(bench: Bench) -> None:
    async def breaks(session: AsyncSession, subject_id: UUID, tries: int) -> None:
        await session.execute(text("SELECT no_such_function()"))

    subject = await bench.enqueued()
    await bench.perform(subject, fails, tries=1, given_up=breaks)
    assert (await bench.outcomes(subject), await bench.statuses(subject)) == (["parked"], ["failed"])


async def test_a_worker_that_stops_gives_its_job_back_untried(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LAST_MOMENTS_SECONDS", 0.1)

    async def gives_up(job: JobContext) -> None:
        job.stop.set()
        raise JobInterrupted

    async def hears_nothing(job: JobContext) -> None:
        job.stop.set()
        await asyncio.Event().wait()

    subject = await bench.enqueued()
    for handler in (gives_up, hears_nothing) * 3:
        bench.stop = asyncio.Event()
        await bench.perform(subject, handler)
        assert await bench.statuses(subject) == ["queued"]
    bench.stop = asyncio.Event()
    await bench.perform(subject)
    assert await bench.outcomes(subject) == ["given_back"] * 6 + ["done"]
    assert await bench.effects(subject) == ["7"]


async def test_a_handler_that_hangs_has_failed(bench: Bench) -> None:
    cancelled: list[bool] = []

    async def hangs(job: JobContext) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    subject = await bench.enqueued()
    await bench.perform(subject, hangs, seconds=0.05)
    assert (await bench.outcomes(subject), cancelled) == (["failed"], [True])


async def test_jobs_are_counted_by_kind_and_state(bench: Bench) -> None:
    async with bench.sessions() as session:
        assert await job_counts(session) == ({}, 0.0)
    waiting, parked, silent = [await bench.enqueued() for _ in range(3)]
    await bench.perform(parked, fails, tries=1)
    await begun(bench, silent)
    await bench.perform(await bench.enqueued())
    async with transaction(bench.sessions) as session:
        await session.execute(text("UPDATE jobs.pgqueuer SET execute_after = now() - interval '90 s'"))
    async with bench.sessions() as session:
        counts = await job_counts(session)
    assert counts.counts == {("test", state): 1 for state in (JobState.WAITING, JobState.RUNNING, JobState.PARKED)}
    assert 90 <= counts.longest_wait_s < 120
    assert await bench.statuses(waiting) == ["queued"]
