"""Why a request is where a plan has it: asked of the engine once, kept, and told to each as they may know."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import names_repository, repository, statements_repository
from app.allocation.errors import WithoutPlan
from app.allocation.models import RunExplanation
from app.allocation.planner import match_policy, told
from app.allocation.policy import RoundPolicy
from app.allocation.relaxing import Wanted, relaxed_options
from app.allocation.run_access import READERS
from app.allocation.scope import supply_in_scope
from app.allocation.statements import Case, Desk, asked
from app.allocation.statements_repository import PlanFiles
from app.audit.service import record
from app.capacity.occupancy import span_of
from app.core.database import SessionFactory, transaction
from app.core.errors import NotFound
from app.core.tenancy import current, go_across
from app.identity.actor import Actor
from app.identity.models import Role
from app.matching.outcome import Reason, ReasonCode, Value
from app.matching.wording import sentence
from app.requests.facts import request_facts
from app.requests.service import get_request

EXPLAIN_SECONDS = 4.0
LOADING_SECONDS = 16.0
BESIDE = "beside.json"
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

PLAIN = {
    "modality": {
        "en": "No slot of this round is on a line that makes this modality.",
        "fr": "Aucun créneau de cette campagne d'attribution n'est sur une ligne qui produit cette modalité.",
    },
    "horizon": {
        "en": "No campaign could start within the dates of this round.",
        "fr": "Aucune campagne ne pourrait commencer dans les dates de cette campagne d'attribution.",
    },
}
"""Reasons that stand against no line in particular, in words."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An explanation as one reader may know it, with the names behind its identifiers."""

    document: Document
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose request is asked about in which plan, and the party that reads; None for who may see all."""

    run_id: UUID
    round_id: UUID
    request_id: UUID
    plan_sha256: str
    reader: str | None


async def explain(sessions: SessionFactory, desk: Desk, actor: Actor, run_id: UUID, request_id: UUID) -> Told:
    """Return why a request is where a run's plan has it, or nowhere: at once if it has been asked before.

    The coordinator may ask about every request. A start-up may ask about its own, by the address that it is told with
    the outcome of the round: others are shown to it by their weight alone.

    Raises
    ------
    NotFound
        If there is no such run or request, or it is another's.
    WithoutPlan
        If the run has no plan.
    StatementFailed
        If the engine does not come to an answer in time.
    """
    async with transaction(sessions) as session:
        if not current().across:
            await _require_seen(session, actor, run_id, request_id)
            await go_across(session)
        case = await _authorised(session, actor, run_id, request_id)
        kept = await statements_repository.get_explanation(session, run_id, request_id, case.plan_sha256)
        files = await _files(session, case) if kept is None else None
    if files is not None:
        kept = await _made(desk, case, files)
        async with transaction(sessions) as session:
            if await statements_repository.keep_explanation(session, kept):
                await record(session, actor, "explanation.kept", kept)
    assert kept is not None  # noqa: S101 - it was kept, or has just been made
    async with transaction(sessions) as session:
        names = await _names(session, case, kept.document)
    withheld = dict.fromkeys(_fixed(kept.document))
    return Told(await asyncio.to_thread(told, kept.document, {**withheld, **names}, case.reader), names)


async def _require_seen(session: AsyncSession, actor: Actor, run_id: UUID, request_id: UUID) -> None:
    """Let pass only a request that the actor can see; of any other's, the run is not said to be there either."""
    try:
        await get_request(session, actor, request_id)
    except NotFound:
        raise NotFound.of("run", run_id) from None


async def _authorised(session: AsyncSession, actor: Actor, run_id: UUID, request_id: UUID) -> _Asked:
    run = await statements_repository.planned(session, run_id)
    owner_id = await statements_repository.owner_in_run(session, run_id, request_id)
    if run is None:
        raise NotFound.of("run", run_id)
    reads_all = actor.role in READERS[run.kind]
    reads_own = actor.role is Role.STARTUP_MEMBER and owner_id == actor.organisation_id and run.plan_sha256 is not None
    if not reads_all and not reads_own:
        raise NotFound.of("run", run_id)
    if run.round_id is None or owner_id is None:
        raise NotFound.of("request", request_id)
    if run.plan_sha256 is None:
        raise WithoutPlan("The run has no plan in which anything could be explained.")
    reader = None if reads_all else str(owner_id)
    return _Asked(run_id, run.round_id, request_id, run.plan_sha256, reader)


@dataclass(frozen=True, slots=True)
class _Files:
    """What the engine is to read, and what the request could have if something changed, where it has no place."""

    plan: PlanFiles
    reasons: list[Document]
    wanted: Wanted | None


async def _files(session: AsyncSession, case: _Asked) -> _Files:
    """Read all that the engine needs, with nothing computed yet."""
    plan, demand = await statements_repository.plan_files(session, case.run_id), str(case.request_id)
    if plan is None or all(one["id"] != demand for one in plan.problem.get("demands", ())):
        raise NotFound.of("request", demand)
    reasons = [_reason(reason) for reason in plan.references.get("without_option", {}).get(demand, ())]
    if demand not in plan.solution.get("unplaced", ()):
        return _Files(plan, reasons, None)
    row = await repository.get_round(session, case.round_id)
    facts = await request_facts(session, [case.request_id])
    assert row is not None  # noqa: S101 - the run refers to it
    supply = await supply_in_scope(session, row, {UUID(window["id"]) for window in plan.problem["windows"]})
    policy = match_policy(RoundPolicy.model_validate(row.policy))
    return _Files(plan, reasons, Wanted(facts[case.request_id], supply, policy, span_of(row.horizon)))


def _reason(reason: Document) -> Document:
    """Return a typed reason of matching as the engine takes it: sides as texts, and in words."""
    if "asked" not in reason:
        return {**reason, "text": PLAIN[reason["code"]]}
    asked_for, offered = _side(reason["asked"]), _side(reason["offered"])
    typed = Reason(ReasonCode(reason["code"]), asked_for, offered)
    return {
        "code": reason["code"],
        "asked": _text(asked_for),
        "offered": _text(offered),
        "text": {"en": sentence(typed, "en"), "fr": sentence(typed, "fr")},
    }


def _side(stored: Any) -> Value:
    return tuple(stored) if isinstance(stored, list) else stored


def _text(side: Value) -> str | None:
    if side is None:
        return None
    return ", ".join(side) if isinstance(side, tuple) else str(side)


async def _made(desk: Desk, case: _Asked, files: _Files) -> RunExplanation:
    """Ask the engine, with no transaction open."""
    plan = files.plan
    beside: Document = {"format": "creneau-explanation-beside/1", "reasons": files.reasons}
    if files.wanted is not None:
        relaxed = await asyncio.to_thread(relaxed_options, files.wanted, plan.problem, plan.solution)
        beside["relaxed"] = relaxed
    arguments = (str(case.request_id), "--beside", BESIDE, "--seconds", str(EXPLAIN_SECONDS))
    async with desk.place() as limits:
        document = await asked(
            limits,
            Case(plan.problem, plan.solution, {BESIDE: beside}),
            "explain",
            *arguments,
            seconds=EXPLAIN_SECONDS + LOADING_SECONDS,
        )
    return RunExplanation(
        run_id=case.run_id, request_id=case.request_id, plan_sha256=plan.plan_sha256, document=document
    )


async def _names(session: AsyncSession, case: _Asked, document: Document) -> dict[str, str]:
    """Return the names behind an explanation's identifiers: of requests only those that the reader may know."""
    known = {UUID(found) for found in UUIDS.findall(str(document))}
    named = await names_repository.named_requests(session, case.round_id, known)
    places = await names_repository.named_places(session, known)
    if case.reader is None:
        requests = {str(one): f"{name.product} ({name.organisation})" for one, name in named.items()}
    else:
        own = {one: name for one, name in named.items() if str(name.organisation_id) == case.reader}
        requests = {str(one): name.product for one, name in own.items()}
    return requests | {str(one): f"{place.site}, {place.line}, {place.unit}" for one, place in places.items()}


def _fixed(document: Document) -> set[str]:
    """Return the identifiers of bookings that stay, which nobody knows by them."""
    who = [holder["who"] for statement in document["statements"] for holder in statement["data"].get("holders") or ()]
    return {one["id"] for one in who if one.get("kind") == "fixed" and one.get("id")}
