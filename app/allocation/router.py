"""Rounds over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, Query, Request, Response

from app.allocation import service
from app.allocation.adjusting import adjust_plan
from app.allocation.models import Round, RoundRequest
from app.allocation.plan_view import RunRead, read_run
from app.allocation.planning import solve_round
from app.allocation.publication import publish_round
from app.allocation.schemas import (
    Adjustment,
    EntryRead,
    Publish,
    PublishedRead,
    RoundCreate,
    RoundDetail,
    RoundFilter,
    RoundRead,
    RoundUpdate,
    Solve,
)
from app.core.http import DbSession, address_of, next_url
from app.core.paging import Page
from app.core.preconditions import tag_of
from app.core.routing import ApiRouter, if_match
from app.identity.actor import Actor
from app.identity.dependencies import ONCE, ONCE_IF_ASKED, CurrentActor

router = ApiRouter(prefix="/v1/rounds", tags=["rounds"])


def _columns(row: Round) -> dict[str, Any]:
    plain = row.model_dump(exclude={"horizon", "created_at", "policy_version"})
    return {**plain, "start": row.horizon.lower, "end": row.horizon.upper}


def _read(row: Round) -> RoundRead:
    return RoundRead(**_columns(row))


def _entry(entry: RoundRequest, organisation_id: UUID) -> EntryRead:
    derivation = {name: value for name, value in entry.derivation.items() if name != "outcome"}
    return EntryRead(
        request_id=entry.request_id,
        organisation_id=organisation_id,
        tier=entry.tier,
        points=entry.points,
        derivation=derivation,
        outcome=entry.derivation.get("outcome"),
    )


async def _detail(session: DbSession, actor: Actor, row: Round) -> RoundDetail:
    await session.flush()
    entries = await service.entries_of(session, actor, row.id)
    return RoundDetail(
        **_columns(row),
        entries=[_entry(*entry) for entry in entries],
        slots=await service.frozen_count(session, row.id),
        runs=[run.id for run in await service.runs_of(session, actor, row.id)],
    )


@router.post("", status_code=201, summary="Draft a round", dependencies=[ONCE_IF_ASKED])
async def create_round(session: DbSession, actor: CurrentActor, command: RoundCreate) -> RoundRead:
    """The coordinator drafts a round: its scope, the policy it decides by, and the day it reasons from."""
    return _read(await service.create_round(session, actor, command))


@router.get("", summary="List rounds")
async def list_rounds(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[RoundFilter, Query()]
) -> Page[RoundRead]:
    """Rounds in the order of their creation; drafts and cancelled ones for the coordinator alone."""
    rows, cursor = await service.list_rounds(session, actor, query, status=query.status)
    return Page(items=[_read(row) for row in rows], next=next_url(request, cursor))


@router.get("/{round_id}", summary="Read one round")
async def get_round(session: DbSession, actor: CurrentActor, round_id: UUID) -> RoundDetail:
    """A round with its requests, tier, points and outcome: all for the coordinator, its own for a start-up."""
    return await _detail(session, actor, await service.get_round(session, actor, round_id))


@router.patch("/{round_id}", summary="Change a round", dependencies=[if_match("round_id")])
async def update_round(session: DbSession, actor: CurrentActor, round_id: UUID, command: RoundUpdate) -> RoundRead:
    """A draft may change in everything, an open round in its name and times; what is left out stays."""
    return _read(await service.update_round(session, actor, round_id, command))


@router.post("/{round_id}/open", summary="Open a round", dependencies=[ONCE_IF_ASKED, if_match("round_id")])
async def open_round(session: DbSession, actor: CurrentActor, round_id: UUID) -> RoundRead:
    """From draft to open: start-ups see it, and submit."""
    return _read(await service.open_round(session, actor, round_id))


@router.post("/{round_id}/close", summary="Close a round", dependencies=[ONCE_IF_ASKED, if_match("round_id")])
async def close_round(session: DbSession, actor: CurrentActor, round_id: UUID) -> RoundDetail:
    """Hold the slots in scope still, and let every waiting request in scope take part with its tier and points."""
    return await _detail(session, actor, await service.close_round(session, actor, round_id))


@router.post("/{round_id}/solve", status_code=202, summary="Solve a round", dependencies=[ONCE_IF_ASKED])
async def solve(
    *,
    request: Request,
    session: DbSession,
    actor: CurrentActor,
    response: Response,
    round_id: UUID,
    command: Annotated[Solve | None, Body()] = None,
) -> RunRead:
    """Have a worker find the best plan; the run, in `Location`, tells how far it is and what it found."""
    run = await solve_round(session, actor, round_id, command or Solve())
    response.headers["Location"] = address_of(request, f"/v1/runs/{run.id}")
    return await read_run(session, run)


@router.post(
    "/{round_id}/adjust", summary="Change the plan by hand", dependencies=[ONCE_IF_ASKED, if_match("round_id")]
)
async def adjust(session: DbSession, actor: CurrentActor, round_id: UUID, command: Adjustment) -> RunRead:
    """Take a request out of the newest plan or put it somewhere, for a coded reason; the checker has the last word."""
    _, run = await adjust_plan(session, actor, round_id, command)
    return await read_run(session, run)


@router.post("/{round_id}/publish", summary="Publish the plan", dependencies=[ONCE, if_match("round_id")])
async def publish(
    response: Response,
    session: DbSession,
    actor: CurrentActor,
    round_id: UUID,
    command: Annotated[Publish | None, Body()] = None,
) -> PublishedRead:
    """Offer every placed request its period, unless a calendar has changed since: then 409, and solve again.

    The `ETag` is the round's.
    """
    done = await publish_round(session, actor, round_id, command.run_id if command else None)
    response.headers["ETag"] = tag_of(done.round.version)
    return PublishedRead(
        round=_read(done.round),
        run_id=done.run.id,
        offers=done.offers,
        waitlisted=done.waitlisted,
        unmet=done.unmet,
        left_out=done.left_out,
    )


@router.post("/{round_id}/cancel", summary="Cancel a round", dependencies=[ONCE_IF_ASKED, if_match("round_id")])
async def cancel_round(session: DbSession, actor: CurrentActor, round_id: UUID) -> RoundRead:
    """Give up a round that is not published: its slots are free again, its requests wait as before."""
    return _read(await service.cancel_round(session, actor, round_id))
