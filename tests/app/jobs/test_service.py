"""What people do with parked jobs, each decision with its audit record."""

from uuid import UUID

import pytest
from sqlalchemy import text

from app.audit.author import Author
from app.core.database import transaction
from app.core.errors import NotFound
from app.core.jobs import JobState, enqueue
from app.jobs.errors import JobNotParked, JobWaitsAlready
from app.jobs.running import JobContext
from app.jobs.service import drop_job, get_job, list_jobs, retry_all, retry_job
from tests.app.jobs.conftest import Bench

pytestmark = pytest.mark.database

AUTHOR = Author.of_job("test")


async def fails(job: JobContext) -> None:
    raise ValueError


async def parked(bench: Bench) -> tuple[int, UUID]:
    subject = await bench.enqueued()
    return (await bench.perform(subject, fails, tries=1)).job_id, subject


async def trail(bench: Bench) -> list[tuple[object, ...]]:
    async with bench.sessions() as session:
        rows = await session.execute(
            text(
                "SELECT action, job, before->>'outcome', after->>'outcome', after->>'job_id', reason_text"
                " FROM audit_records WHERE object_type = 'job_attempts' ORDER BY id"
            )
        )
        return [tuple(row) for row in rows]


async def test_jobs_are_listed_with_where_they_stand(bench: Bench) -> None:
    waits, done = await bench.enqueued(), await bench.enqueued()
    await bench.perform(done)
    parked_id, _ = await parked(bench)
    dropped_id, _ = await parked(bench)
    async with transaction(bench.sessions) as session:
        await drop_job(session, AUTHOR, dropped_id, "needless")
    async with bench.sessions() as session:
        listed = await list_jobs(session)
        assert [job.state for job in listed] == [JobState.PARKED, JobState.WAITING, JobState.DROPPED, JobState.DONE]
        assert [(job.attempt, job.subject_id) for job in listed][1::2] == [(0, waits), (1, done)]
        assert [job.error and job.error["class"] for job in listed] == ["ValueError", None, "ValueError", None]
        assert [job.id for job in await list_jobs(session, state=JobState.PARKED)] == [parked_id]
        assert [job.id for job in await list_jobs(session, limit=1)] == [parked_id]
        with pytest.raises(NotFound, match="no job 999999"):
            await get_job(session, 999_999)


async def test_a_parked_job_is_tried_again_with_all_its_tries(bench: Bench) -> None:
    job_id, subject = await parked(bench)
    async with transaction(bench.sessions) as session:
        assert (await retry_job(session, AUTHOR, job_id)).state is JobState.WAITING
    for outcome in ("failed", "parked"):
        await bench.perform(subject, fails, tries=2)
        assert (await bench.outcomes(subject))[-1] == outcome
    async with transaction(bench.sessions) as session:
        await retry_job(session, AUTHOR, job_id)
    await bench.perform(subject)
    assert await bench.outcomes(subject) == ["retried", "failed", "retried", "done"]
    assert await bench.effects(subject) == ["4"]
    assert await trail(bench) == [("job.retried", "test", "parked", "retried", str(job_id), None)] * 2


async def test_all_parked_jobs_of_a_kind_are_tried_again_but_those_that_wait_anew(bench: Bench) -> None:
    (_, first), (_, second), (anew_id, anew) = [await parked(bench) for _ in range(3)]
    async with transaction(bench.sessions) as session:
        await enqueue(session, bench.name, anew)
    async with transaction(bench.sessions) as session:
        assert await retry_all(session, AUTHOR, "other") == 0
        assert await retry_all(session, AUTHOR, bench.name) == 2
        assert (await get_job(session, anew_id))[0].state is JobState.PARKED
    for subject in (first, second):
        assert await bench.statuses(subject) == ["queued"]
    assert [one[0] for one in await trail(bench)] == ["job.retried"] * 2


async def test_a_dropped_job_is_gone_for_good(bench: Bench) -> None:
    job_id, subject = await parked(bench)
    async with transaction(bench.sessions) as session:
        assert (await drop_job(session, AUTHOR, job_id, "needless")).state is JobState.DROPPED
    assert await bench.statuses(subject) == []
    async with transaction(bench.sessions) as session:
        with pytest.raises(JobNotParked, match="dropped"):
            await retry_job(session, AUTHOR, job_id)
    assert await trail(bench) == [("job.dropped", "test", "parked", "dropped", str(job_id), "needless")]


async def test_only_a_parked_job_is_decided_on(bench: Bench) -> None:
    subject = await bench.enqueued()
    async with transaction(bench.sessions) as session:
        (job,) = await list_jobs(session)
        with pytest.raises(JobNotParked, match="waiting"):
            await retry_job(session, AUTHOR, job.id)
        with pytest.raises(JobNotParked):
            await drop_job(session, AUTHOR, job.id, "needless")
        with pytest.raises(NotFound):
            await drop_job(session, AUTHOR, 999_999, "needless")
    assert (await bench.statuses(subject), await trail(bench)) == (["queued"], [])


async def test_a_parked_job_gives_way_to_the_same_one_enqueued_since(bench: Bench) -> None:
    job_id, subject = await parked(bench)
    async with transaction(bench.sessions) as session:
        await enqueue(session, bench.name, subject)
    async with transaction(bench.sessions) as session:
        with pytest.raises(JobWaitsAlready, match="drop this one"):
            await retry_job(session, AUTHOR, job_id)
