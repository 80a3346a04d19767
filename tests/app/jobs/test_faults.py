"""What is kept of an error: enough to find it, and nothing confidential."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.database import SessionFactory
from app.core.errors import Conflict
from app.jobs.faults import LAST_FRAMES, MOST_MESSAGE, fault_of, headline

SECRET = "6f1c9a2b7d3e4f5061728394a5b6c7d8e9f00112"


def raised(error: Exception) -> BaseException:
    """Return an error as it is caught, after it has come a long way."""

    def deeper(steps: int) -> None:
        if steps == 0:
            raise error
        deeper(steps - 1)

    with pytest.raises(type(error)) as caught:
        deeper(20)
    return caught.value


def test_an_error_says_what_and_where() -> None:
    fault = fault_of(raised(ValueError("three\nis  too many")))
    assert (fault["class"], fault["message"]) == ("ValueError", "three is too many")
    assert len(fault["trace"]) == LAST_FRAMES
    assert fault["trace"][-1].startswith("test_faults.py:")
    assert fault["trace"][-1].endswith(" in deeper")
    assert headline(fault) == "ValueError: three is too many"
    assert headline(fault_of(ValueError())) == "ValueError"
    assert headline(None) is None


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("GET postgresql://app:hunter2@db.example.org/creneau", "GET postgresql://[hidden]@db.example.org/creneau"),
        ("POST https://example.org/hook?token=hunter2 failed", "POST https://example.org/hook?[hidden] failed"),
        ("no mailbox a.martin@example.org here", "no mailbox [hidden] here"),
        ("sent Authorization: Bearer hunter2", "sent Authorization: [hidden]"),
        ("key crn_hunter2 is unknown", "key [hidden] is unknown"),
        (f"signature {SECRET} differs", "signature [hidden] differs"),
        (
            "run 0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b of 12 batches",
            "run 0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b of 12 batches",
        ),
    ],
)
def test_what_looks_like_a_secret_or_a_person_is_hidden(message: str, kept: str) -> None:
    assert fault_of(RuntimeError(message))["message"] == kept


def test_a_message_is_cut() -> None:
    assert fault_of(RuntimeError("word " * 500))["message"] == ("word " * 500)[:MOST_MESSAGE]


def test_a_refusal_of_ours_is_kept_as_it_is() -> None:
    assert fault_of(Conflict("This crisis is being planned."))["message"] == "This crisis is being planned."


def test_values_at_fault_are_left_out() -> None:
    class Form(BaseModel):
        volume_l: int

    bad: Any = {"volume_l": "hunter2"}
    with pytest.raises(ValidationError) as caught:
        Form.model_validate(bad)
    assert fault_of(caught.value)["message"] == "volume_l: int_parsing"
    group = ExceptionGroup("two", [ValueError("first"), RuntimeError("key crn_hunter2")])
    assert fault_of(group)["message"] == "ValueError: first; RuntimeError: key [hidden]"


async def test_a_refusal_of_the_database_names_its_rule_only(sessions: SessionFactory) -> None:
    # Of our own tables the server tells no values in its errors: they are under row-level security.
    statement = text("INSERT INTO told (code) VALUES (:code)")
    async with sessions() as session:
        await session.execute(text("CREATE TEMPORARY TABLE told (code text CONSTRAINT uq_told_code UNIQUE)"))
        await session.execute(statement, {"code": "hunter2"})
        with pytest.raises(DBAPIError) as caught:
            await session.execute(statement, {"code": "hunter2"})
    assert caught.value.orig is not None
    assert "hunter2" in str(getattr(caught.value.orig.__cause__, "detail", ""))
    fault = fault_of(caught.value)
    assert fault["message"] == "uq_told_code (23505)"
    assert "hunter2" not in str(fault)
