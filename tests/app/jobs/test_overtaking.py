"""Of two attempts at one job, one has its effect: a worker that died or wakes up late changes nothing."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.constraints import constraint_of
from app.jobs.errors import AttemptOvertaken
from app.jobs.models import JobAttempt
from app.jobs.running import Handler, JobContext
from tests.app.jobs.conftest import Bench, begun, do_at_once, effect, fails

pytestmark = pytest.mark.database


async def test_a_worker_that_died_is_followed_by_the_next_attempt(bench: Bench) -> None:
    subject = await bench.enqueued()
    first = await begun(bench, subject)
    await bench.perform(subject)
    assert await bench.outcomes(subject) == ["lost", "done"]
    assert await bench.effects(subject) == ["2"]
    assert first.attempt == 1


async def test_a_worker_that_wakes_up_late_changes_nothing(bench: Bench) -> None:
    """Neither while the next attempt runs, nor when that one has ended."""
    subject = await bench.enqueued()
    late = await begun(bench, subject)

    async def overtakes(job: JobContext) -> None:
        for way in (late.transaction, late.last_transaction):
            with pytest.raises(AttemptOvertaken):
                async with way() as session:
                    await effect(session, late)
        await do_at_once(job)

    await bench.perform(subject, overtakes)
    with pytest.raises(AttemptOvertaken):
        async with late.last_transaction() as session:
            await effect(session, late)
    assert await bench.effects(subject) == ["2"]
    assert await bench.outcomes(subject) == ["lost", "done"]


@pytest.mark.parametrize("handler", [fails, do_at_once])
async def test_an_overtaken_attempt_leaves_its_job_to_the_other_however_it_ends(bench: Bench, handler: Handler) -> None:
    """Were its end written by the job's number alone, the job would leave its new worker's hands."""
    subject = await bench.enqueued()
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def late(job: JobContext) -> None:
        entered.set()
        await go_on.wait()
        await handler(job)

    first = await bench.deliver(subject)
    slow = asyncio.create_task(bench.runner(late).perform(first))
    await entered.wait()
    current = await begun(bench, subject)
    go_on.set()
    await slow
    assert (await bench.statuses(subject), await bench.outcomes(subject)) == (["picked"], ["lost", None])
    await do_at_once(current)
    assert await bench.effects(subject) == ["2"]


async def test_a_job_cannot_be_taken_while_its_effect_is_being_written(bench: Bench) -> None:
    """The other worker waits for the commit, and then finds the job done."""
    subject = await bench.enqueued()
    writing, go_on = asyncio.Event(), asyncio.Event()

    async def writes_slowly(job: JobContext) -> None:
        async with job.last_transaction() as session:
            await effect(session, job)
            writing.set()
            await go_on.wait()

    first = await bench.deliver(subject)
    slow = asyncio.create_task(bench.runner(writes_slowly).perform(first))
    await writing.wait()
    second = await bench.deliver(subject)
    other = asyncio.create_task(bench.runner(do_at_once).perform(second))
    await asyncio.sleep(0.2)
    assert not other.done()
    go_on.set()
    await asyncio.gather(slow, other)
    assert await bench.effects(subject) == ["1"]
    assert await bench.outcomes(subject) == ["done"]


async def test_a_job_that_the_queue_has_given_to_another_is_not_begun(bench: Bench) -> None:
    subject = await bench.enqueued()
    old = await bench.deliver(subject)
    await bench.deliver(subject)
    await bench.runner(do_at_once).perform(old)
    assert (await bench.outcomes(subject), await bench.effects(subject)) == ([], [])


async def test_a_job_has_one_open_attempt_at_most(bench: Bench) -> None:
    subject = await bench.enqueued()
    first = await begun(bench, subject)
    async with bench.sessions() as session:
        row = await session.get_one(JobAttempt, await session.scalar(text("SELECT id FROM job_attempts")))
        session.add(JobAttempt(**row.model_dump(exclude={"id", "attempt"}), attempt=first.attempt + 1))
        with pytest.raises(DBAPIError) as refused:
            await session.flush()
    assert constraint_of(refused.value) == "uq_job_attempts_job_id_open"
