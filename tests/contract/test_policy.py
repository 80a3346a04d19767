"""Every operation there is, for every role and for nobody, on its own, on others' and on what is not there.

What the table of the policy says is what happens; what is another's cannot be told from what is not there, neither by
the answer nor by what the service asks the database.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.routing import Route

from app.bookings import direct
from app.capacity import slots
from app.core.driver import Prepared
from app.identity import dependencies
from app.identity.models import KeyScope, Role
from app.identity.policy import POLICY, Access
from tests.contract.policy.calls import CALLS, Call, calls_of
from tests.contract.policy.stage import Stage, staged
from tests.support.world import World

OPERATIONS = tuple(" ".join(key) for key in POLICY)
SAFE = {"GET", "HEAD", "OPTIONS"}
SEE_ALL = {Role.COORDINATOR, Role.ADMIN}
LIMITED = {Access.OWN, Access.PUBLIC, Access.CRISES}
PUBLIC_KINDS = {"organisation_id", "cdmo_id", "site_id", "line_id"}
"""Whoever asks may read these: that one exists is no secret, and how long it takes to refuse it tells nothing."""

ALSO = {"/readyz": (503,)}
"""What an operation may answer besides, where it is carried out: no worker is there in these tests."""

_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and the statements that it took."""

    status: int
    problem: Any
    statements: tuple[str, ...]

    @property
    def told(self) -> Any:
        """What the caller is told, but for the identifiers."""
        if not isinstance(self.problem, dict):
            return self.problem
        return _IDENTIFIER.sub("ID", str(sorted(self.problem.items())))


@dataclass(frozen=True, slots=True)
class Walker:
    """Sends what is to be tried."""

    app: FastAPI
    client: httpx.AsyncClient
    stage: Stage

    async def send(self, operation: str, call: Call, role: Role | None, **varied: UUID) -> Answered:
        """Try an operation on what is the role's own, but for the identifiers that are varied."""
        method, path = operation.split(" ")
        own = self.stage.own[role] if role else {}
        ids = {name: str(one) for name, one in {**self.stage.missing(), **self.stage.known, **own, **varied}.items()}
        options: dict[str, Any] = {"headers": dict(self.stage.keys[role]) if role else {}}
        if call.rows is not None:
            options["files"] = {"file": ("a.csv", "\n".join(call.rows(ids)).encode())}
        elif call.body is not None:
            options["json"] = call.body(ids)
        if call.content_type is not None:
            options["headers"]["Content-Type"] = call.content_type
        with _noted(self.app.state.engine) as statements:
            answer = await self.client.request(method, call.address(path, ids), **options)
        is_json = answer.headers.get("content-type", "").endswith("json")
        return Answered(answer.status_code, answer.json() if is_json else answer.text, tuple(statements))


@contextmanager
def _noted(engine: AsyncEngine) -> Iterator[list[str]]:
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


@pytest.fixture
async def walker(app: FastAPI, client: httpx.AsyncClient, world: World) -> Walker:
    return Walker(app, client, await staged(world, client))


def test_every_route_has_a_rule_and_every_rule_a_route(composed: FastAPI) -> None:
    routes = [one for one in composed.routes if isinstance(one, Route)]
    assert len(routes) == len(composed.routes)
    served = {(method, one.path_format) for one in routes for method in one.methods or ()}
    assert {key for key in served if key[0] != "HEAD"} == POLICY.keys()
    assert CALLS.keys() <= set(OPERATIONS)


def test_what_changes_anything_takes_the_scope_write(composed: FastAPI) -> None:
    described = composed.openapi()["paths"]
    for (method, path), rule in POLICY.items():
        guarded = "security" in described.get(path, {}).get(method.lower(), {})
        assert rule.scope is ((KeyScope.READ if method in SAFE else KeyScope.WRITE) if guarded else None), (
            method,
            path,
        )
        assert guarded or set(rule.access.values()) <= {Access.ANY, Access.HERE}


def _expected(access: Access, role: Role | None, call: Call, *, foreign: bool, first: bool) -> int | None:
    """Return the status of the answer about what is another's or not there; None where it is carried out."""
    if role is None and access is Access.REFUSED:
        return 401
    if access is Access.REFUSED or (access is Access.SEES and not first):
        return 403
    if foreign and access in {Access.ANY, Access.ALL}:
        return None
    return call.refusal


@pytest.mark.timeout(600)
async def test_what_is_refused(walker: Walker, owner: AsyncEngine) -> None:
    """Foreign is as missing, to the letter and to the statement; and nothing of all that leaves a trace."""
    for call in CALLS["POST /v1/bookings"]:  # the first to ask reads the directory of units for all
        await walker.send("POST /v1/bookings", call, Role.STARTUP_MEMBER, slot_id=uuid4())
    async with owner.connect() as connection:
        before = await connection.scalar(text("SELECT count(*) FROM audit_records"))
    faults = [fault for one in OPERATIONS for call in calls_of(one) for fault in await _refusals(walker, one, call)]
    assert not faults, "\n".join(faults)
    async with owner.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM audit_records")) == before


async def _refusals(walker: Walker, operation: str, call: Call) -> list[str]:
    """Return where an operation does not refuse as its rule says."""
    method, path = operation.split(" ")
    rule, faults = POLICY[method, path], []
    names = call.names(path)
    for role, access in [*rule.access.items(), (None, rule.nobody)]:
        if access is Access.REFUSED:
            own = await walker.send(operation, call, role)
            if own.status != (403 if role else 401):
                faults.append(f"{operation} by {role}: own {own.status} {own.problem}")
        for name in names:
            faults += await _varied(walker, operation, call, role, access, name, first=name == names[0])
        if access is Access.NONE and not names:
            none = await walker.send(operation, call, role)
            if none.status != 404:
                faults.append(f"{operation} by {role}: {none.status} {none.problem}")
    return faults


async def _varied(
    walker: Walker, operation: str, call: Call, role: Role | None, access: Access, name: str, *, first: bool
) -> list[str]:
    """Return where an operation tells another's from what is not there, or does not refuse it."""
    faults, stage = [], walker.stage
    missing = await walker.send(operation, call, role, **{name: stage.missing()[name]})
    wanted = _expected(access, role, call, foreign=False, first=first)
    if wanted is not None and missing.status != wanted:
        faults.append(f"{operation} by {role}: missing {name} {missing.status} for {wanted}: {missing.problem}")
    others = [stage.foreign[role][name]] if role else [stage.known.get(name, uuid4())]
    is_others = access is Access.NONE or (role in call.vacuous) or (role and name not in stage.own[role])
    if is_others:
        others.append(stage.known[name])
    for other in others:
        wanted = _expected(access, role, call, foreign=True, first=first)
        if access is Access.SEES and (role in SEE_ALL or (role is Role.AUTHORITY and "/crises" in operation)):
            wanted = 403
        if wanted is None:
            continue  # it is carried out: see below
        foreign = await walker.send(operation, call, role, **{name: other})
        if foreign.status != wanted:
            faults.append(f"{operation} by {role}: foreign {name} {foreign.status} for {wanted}: {foreign.problem}")
        if wanted == call.refusal and foreign.told != missing.told:
            faults.append(f"{operation} by {role}: foreign {foreign.problem}, missing {missing.problem}")
        if wanted == call.refusal and name not in PUBLIC_KINDS and foreign.statements != missing.statements:
            more = [one for one in foreign.statements if one not in missing.statements]
            faults.append(
                f"{operation} by {role}: {name} takes {len(foreign.statements)} statements if foreign,"
                f" {len(missing.statements)} if missing: {more}"
            )
    return faults


@pytest.mark.timeout(600)
async def test_what_is_carried_out(walker: Walker) -> None:
    """On what is one's own, each operation does what it does, or tells what stands against it; lists tell no more."""
    faults = []
    for method in ("GET", "POST", "PATCH", "DELETE"):
        for operation in OPERATIONS:
            if operation.startswith(f"{method} "):
                for call in calls_of(operation):
                    faults += await _carried(walker, operation, call)
    assert not faults, "\n".join(faults)


async def _carried(walker: Walker, operation: str, call: Call) -> list[str]:
    """Return where an operation is not carried out as its rule says."""
    method, path = operation.split(" ")
    rule, faults = POLICY[method, path], []
    for role, access in [*rule.access.items(), (None, rule.nobody)]:
        own = walker.stage.own[role] if role else walker.stage.known
        if access in {Access.REFUSED, Access.NONE} or (role in call.vacuous and call.names(path)):
            continue
        if access in LIMITED | {Access.SEES} and not own.keys() >= {*call.names(path)}:
            continue  # nothing of the kind is ever its own: tried above as what is others'
        done = await walker.send(operation, call, role)
        allowed = {403} if access is Access.SEES else {*range(200, 400), 409, *ALSO.get(path, ())}
        if done.status not in allowed:
            faults.append(f"{operation} by {role}: {done.status} {done.problem}")
        elif call.listed is not None and role is not None:
            faults += _listed(walker.stage, operation, call, role, access, str(done.problem))
    return faults


def _listed(stage: Stage, operation: str, call: Call, role: Role, access: Access, answer: str) -> list[str]:
    """Return where a list leaves out what is a role's own, or tells of what is not."""
    name = call.listed
    assert name is not None
    mine = name in stage.own[role] and role not in call.vacuous
    known, foreign = (
        str(one[name]) in answer for one in (stage.own[role] if mine else stage.known, stage.foreign[role])
    )
    wanted = (mine, access is Access.ALL)
    told = "its own" if mine else "what is others'"
    return [] if (known, foreign) == wanted else [f"{operation} by {role}: {told} {known}, foreign {foreign}: {wanted}"]


async def test_whom_the_policy_refuses_is_not_served_at_once(walker: Walker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The short way, on which no dependency is resolved, keeps to the policy too, and so looks at nothing."""

    async def never(*_given: Any, **_named: Any) -> Any:
        pytest.fail("it was tried all the same")

    monkeypatch.setattr(slots, "search_slots_at_once", never)
    monkeypatch.setattr(direct, "hold_at_once", never)
    assert (await walker.send("GET /v1/slots", Call(), Role.OBSERVER)).status == 403
    for call in CALLS["POST /v1/bookings"]:
        for role in set(Role) - {Role.STARTUP_MEMBER}:
            assert (await walker.send("POST /v1/bookings", call, role)).status == 403


async def test_an_operation_without_a_rule_is_refused_to_everybody(
    walker: Walker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "POLICY", {})
    for role in Role:
        answer = await walker.send("GET /v1/bookings", Call(), role)
        assert (answer.status, answer.problem["type"]) == (403, "urn:creneau:problem:not-allowed")


def test_the_description_says_who_may_do_what(composed: FastAPI) -> None:
    for path, operations in composed.openapi()["paths"].items():
        for method, told in operations.items():
            rule = POLICY[method.upper(), path]
            cells = {**{role.value: cell.value for role, cell in rule.access.items()}, "nobody": rule.nobody.value}
            assert (told["x-roles"], told["x-scope"]) == (cells, rule.scope and rule.scope.value)
            assert "**Who**" in told["description"]
