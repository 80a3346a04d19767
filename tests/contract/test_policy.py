"""Every operation there is, for every role and for nobody, on its own, on others' and on what is not there.

What the table of the policy says is what happens; what is another's cannot be told from what is not there, neither by
the answer nor by what the service asks the database.
"""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.routing import Route

from app.bookings import direct
from app.capacity import slots
from app.identity import dependencies
from app.identity.models import KeyScope, Role
from app.identity.policy import POLICY, Access
from tests.contract.policy.calls import CALLS, Call, calls_of
from tests.contract.policy.stage import Stage, staged
from tests.contract.policy.walker import Walker
from tests.support.world import World

PAGES = ("/sign-in", "/account")
"""Where pages are: `test_policy_pages.py` tries them in browsers."""

OPERATIONS = tuple(" ".join(key) for key in POLICY if not key[1].startswith(PAGES))
SAFE = {"GET", "HEAD", "OPTIONS"}
SEE_ALL = {Role.COORDINATOR, Role.ADMIN}
LIMITED = {Access.OWN, Access.PUBLIC, Access.CRISES, Access.SELF, Access.SAY}
PUBLIC_KINDS = {"organisation_id", "startup_id", "authority_id", "cdmo_id", "site_id", "line_id"}
"""Whoever asks may read these: that one exists is no secret, and how long it takes to refuse it tells nothing."""

NOT_ALLOWED = "urn:creneau:problem:not-allowed"

ALSO = {"/readyz": (503,)}
"""What an operation may answer besides, where it is carried out: no worker is there in these tests."""


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
        assert guarded or path.startswith(PAGES) or set(rule.access.values()) <= {Access.ANY, Access.HERE}


def _about_missing(access: Access, role: Role | None, call: Call, *, first: bool) -> int:
    """Return the status of the answer about what is not there."""
    if role is None and access is Access.REFUSED:
        return 401
    return 403 if access is Access.REFUSED or (access is Access.SEES and not first) else call.refusal


def _about_others(operation: str, access: Access, role: Role | None, call: Call, name: str) -> int | None:
    """Return the status of the answer about what is another's; None where it is carried out."""
    if access is Access.SEES and (role in SEE_ALL or (role is Role.AUTHORITY and "/crises" in operation)):
        return 403
    if access in {Access.ANY, Access.ALL} or (access is Access.SAY and role in SEE_ALL):
        return None
    return _about_missing(access, role, call, first=name == call.names(operation.split(" ")[1])[0])


@pytest.mark.timeout(600)
async def test_what_is_refused(walker: Walker, owner: AsyncEngine) -> None:
    """Foreign is as missing, to the letter and to the statement; and nothing of all that leaves a trace."""
    for call in CALLS["POST /v1/bookings"]:  # the first to ask reads the directory of units for all
        await walker.send("POST /v1/bookings", call, Role.STARTUP_MEMBER, {"slot_id": uuid4()})
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
            faults += await _varied(walker, operation, call, role, access, name)
        if access is Access.SAY and role is not None:
            faults += await _without_a_say(walker, operation, call, role)
        if access is Access.NONE and not names:
            none = await walker.send(operation, call, role)
            if none.status != 404:
                faults.append(f"{operation} by {role}: {none.status} {none.problem}")
    return faults


async def _varied(
    walker: Walker, operation: str, call: Call, role: Role | None, access: Access, name: str
) -> list[str]:
    """Return where an operation tells another's from what is not there, or does not refuse it."""
    faults, stage = [], walker.stage
    missing = await walker.send(operation, call, role, {name: stage.missing()[name]})
    first = name == call.names(operation.split(" ")[1])[0]
    wanted = _about_missing(access, role, call, first=first)
    if missing.status != wanted:
        faults.append(f"{operation} by {role}: missing {name} {missing.status} for {wanted}: {missing.problem}")
    others = [stage.foreign[role][name]] if role else [stage.known.get(name, uuid4())]
    is_others = access is Access.NONE or (role in call.vacuous) or (role and name not in stage.own[role])
    if is_others:
        others.append(stage.known[name])
    status = _about_others(operation, access, role, call, name)
    if status is None:
        return faults  # it is carried out: see below
    for other in others:
        foreign = await walker.send(operation, call, role, {name: other})
        if foreign.status != status:
            faults.append(f"{operation} by {role}: foreign {name} {foreign.status} for {status}: {foreign.problem}")
        if status == call.refusal and foreign.told != missing.told:
            faults.append(f"{operation} by {role}: foreign {foreign.problem}, missing {missing.problem}")
        if status == call.refusal and name not in PUBLIC_KINDS and foreign.statements != missing.statements:
            more = [one for one in foreign.statements if one not in missing.statements]
            faults.append(
                f"{operation} by {role}: {name} takes {len(foreign.statements)} statements if foreign,"
                f" {len(missing.statements)} if missing: {more}"
            )
    return faults


async def _without_a_say(walker: Walker, operation: str, call: Call, role: Role) -> list[str]:
    """Return where an operation does not refuse what a role sees and has no say about, or lets a program have one."""
    faults, seen = [], walker.stage.seen[role]
    for name in call.names(operation.split(" ")[1]):
        if name not in seen:
            continue
        refused = await walker.send(operation, call, role, {name: seen[name]})
        if (refused.status, refused.type) != (403, NOT_ALLOWED):
            faults.append(f"{operation} by {role}: seen {name} {refused.status} {refused.problem}")
    program = await walker.send(operation, call, role, headers=walker.stage.programs[role])
    if (program.status, program.type) != (403, "urn:creneau:problem:person-required"):
        faults.append(f"{operation} by a program as {role}: {program.status} {program.problem}")
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
        assert (answer.status, answer.type) == (403, NOT_ALLOWED)


def test_the_description_says_who_may_do_what(composed: FastAPI) -> None:
    for path, operations in composed.openapi()["paths"].items():
        for method, told in operations.items():
            rule = POLICY[method.upper(), path]
            cells = {**{role.value: cell.value for role, cell in rule.access.items()}, "nobody": rule.nobody.value}
            assert (told["x-roles"], told["x-scope"]) == (cells, rule.scope and rule.scope.value)
            assert "**Who**" in told["description"]
