"""`creneau jobs`: seen and decided on from the command line, for people and for programs."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.cli import main
from app.core.database import make_engine, make_session_factory, transaction
from app.core.jobs import enqueue
from app.core.model import new_id
from app.core.settings import Settings
from app.jobs.running import JobContext, Kind
from tests.support.jobs import perform

pytestmark = pytest.mark.database

Creneau = Callable[..., tuple[int, str, str]]


async def fails(job: JobContext) -> None:
    raise RuntimeError("[red] is no colour of crn_hunter2")


@pytest.fixture
def parked(settings: Settings, empty: Callable[[], None]) -> Iterator[int]:
    """The number of a parked job, beside one that waits."""

    async def prepare() -> int:
        assert settings.database_url is not None
        engine = make_engine(settings.database_url, settings)
        sessions = make_session_factory(engine)
        subject = new_id()

        async def both(session: AsyncSession) -> None:
            for one in (subject, new_id()):
                await enqueue(session, "test", one)

        async with transaction(sessions) as session:
            await both(session)
        delivery = await perform(sessions, "test", subject, settings, {"test": Kind(fails, tries=1)})
        await engine.dispose()
        return int(delivery.job_id)

    yield asyncio.run(prepare())
    empty()


@pytest.fixture
def creneau(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Creneau:
    """Runs the command line on the worker's database."""
    assert settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["creneau", "jobs", *words])
        capsys.readouterr()  # what the worker has logged
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def documents(answer: tuple[int, str, str]) -> Any:
    assert answer[0] == 0, answer
    return json.loads(answer[1])


def test_jobs_are_listed_the_parked_ones_first(creneau: Creneau, parked: int) -> None:
    for words in ((), ("list",)):
        code, output, _ = creneau(*words)
        first, second = output.splitlines()[1:]
        assert code == 0
        assert first.split()[:2] == [str(parked), "test"]
        assert "parked" in first
        assert "RuntimeError: [red] is no colour of [hidden]" in first
        assert "waiting" in second
    listed = documents(creneau("--json"))
    assert listed == documents(creneau("list", "--json"))
    assert [(job["state"], job["attempt"]) for job in listed] == [("parked", 1), ("waiting", 0)]
    assert documents(creneau("list", "--state", "running", "--json")) == []
    assert "no such jobs" in creneau("list", "--state", "running")[1]


def test_a_job_is_shown_with_its_attempts(creneau: Creneau, parked: int) -> None:
    code, output, _ = creneau("show", str(parked))
    assert code == 0
    assert f"Job {parked}: test of " in output
    assert "Attempt 1, " in output
    assert " in fails" in output
    (attempt,) = documents(creneau("show", str(parked), "--json"))["attempts"]
    assert (attempt["attempt"], attempt["outcome"], attempt["error"]["class"]) == (1, "parked", "RuntimeError")


def test_a_job_is_put_back_once(creneau: Creneau, parked: int) -> None:
    assert creneau("retry", str(parked))[:2] == (0, f"Job {parked} is waiting.\n")
    code, _, errors = creneau("retry", str(parked))
    assert (code, errors) == (1, f"creneau: Job {parked} is waiting, not parked.\n")


def test_all_parked_jobs_of_a_kind_are_put_back_at_once(creneau: Creneau, parked: int) -> None:
    assert creneau("retry", "--kind", "letter")[:2] == (0, "0 of kind letter are waiting again.\n")
    assert documents(creneau("retry", "--kind", "test", "--json")) == {"kind": "test", "retried": 1}
    assert documents(creneau("show", str(parked), "--json"))["state"] == "waiting"
    for words in ((), (str(parked), "--kind", "test")):
        code, _, errors = creneau("retry", *words)
        assert (code, errors.startswith("creneau: say which: ")) == (1, True)


def test_a_job_is_dropped_for_a_reason(creneau: Creneau, parked: int) -> None:
    assert creneau("drop", str(parked))[0] == 2
    assert creneau("drop", str(parked), "--reason", " ")[0] == 1
    assert documents(creneau("drop", str(parked), "--reason", "needless", "--json"))["state"] == "dropped"
    assert documents(creneau("show", str(parked), "--json"))["state"] == "dropped"


def test_an_unknown_job_is_said_in_one_line(creneau: Creneau, parked: int) -> None:
    code, _, errors = creneau("show", str(parked + 100))
    assert code == 1
    assert errors.startswith(f"creneau: There is no job {parked + 100}")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("command", ["list", "show", "retry", "drop"])
def test_each_command_explains_itself_with_an_example(creneau: Creneau, command: str) -> None:
    code, output, _ = creneau(command, "--help")
    assert code == 0
    assert f"Example: creneau jobs {command}" in output
