"""Sends what is to be tried, and notes what it took."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.driver import Prepared
from app.identity.models import Role
from tests.contract.policy.calls import Call
from tests.contract.policy.stage import Stage

_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and the statements that it took."""

    status: int
    problem: Any
    statements: tuple[str, ...]

    @property
    def type(self) -> str | None:
        """The type of the problem; None where it is none."""
        return self.problem.get("type") if isinstance(self.problem, dict) else None

    @property
    def told(self) -> str:
        """What the caller is told, but for the identifiers."""
        told = self.problem if isinstance(self.problem, str) else str(sorted(self.problem.items()))
        return _IDENTIFIER.sub("ID", told)


@dataclass(frozen=True, slots=True)
class Walker:
    """Sends what is to be tried."""

    app: FastAPI
    client: httpx.AsyncClient
    stage: Stage

    async def send(
        self,
        operation: str,
        call: Call,
        role: Role | None,
        varied: Mapping[str, UUID] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Try an operation on what is the role's own, but for the identifiers that are varied.

        Parameters
        ----------
        headers
            What is sent instead of the role's key.
        """
        method, path = operation.split(" ")
        own = self.stage.own[role] if role else {}
        ids = {
            name: str(one)
            for name, one in {**self.stage.missing(), **self.stage.known, **own, **(varied or {})}.items()
        }
        options: dict[str, Any] = {"headers": dict(headers or (self.stage.keys[role] if role else {}))}
        if call.rows is not None:
            options["files"] = {"file": ("a.csv", "\n".join(call.rows(ids)).encode())}
        elif call.body is not None:
            options["json"] = call.body(ids)
        if call.content_type is not None:
            options["headers"]["Content-Type"] = call.content_type
        with noted(self.app.state.engine) as statements:
            answer = await self.client.request(method, call.address(path, ids), **options)
        return answered(answer, statements)


def answered(answer: httpx.Response, statements: list[str]) -> Answered:
    """Return an answer with the statements that it took."""
    is_json = answer.headers.get("content-type", "").endswith("json")
    return Answered(answer.status_code, answer.json() if is_json else answer.text, tuple(statements))


@contextmanager
def noted(engine: AsyncEngine) -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile, by SQLAlchemy or past it, but for that which looks a key up."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        statements.append(statement)

    def note_prepared(self: Prepared, values: Mapping[str, Any]) -> list[Any]:
        if "secret_sha256" not in self.sql:
            statements.append(self.sql)
        return arguments(self, values)

    arguments = Prepared.arguments
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Prepared, "arguments", note_prepared)
        yield statements
    event.remove(engine.sync_engine, "before_cursor_execute", note)
