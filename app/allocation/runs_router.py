"""Runs over HTTP."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from app.allocation import certifying, explaining, run_access
from app.allocation.plan_view import RunRead, read_run
from app.allocation.replaying import replay_run
from app.allocation.run_events import run_events
from app.allocation.statement_schemas import CertificatePending, CertificateRead, ExplanationRead
from app.core.database import transaction
from app.core.http import DbSession, Sessions, address_of
from app.core.problem_docs import refused
from app.core.routing import ApiRouter
from app.core.sse import RESPONSES, event_stream, wants_events
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor, StillActing, WaitingActor

router = ApiRouter(prefix="/v1/runs", tags=["rounds"])

WITHOUT_PLAN = refused(HTTPStatus.CONFLICT)


def _address(request: Request, run_id: UUID) -> str:
    return address_of(request, f"/v1/runs/{run_id}")


async def _seen(sessions: Sessions, actor: WaitingActor, run_id: UUID) -> UUID:
    """Return the identifier of a run that the actor may see, with no transaction left open."""
    async with transaction(sessions) as session:
        await run_access.see_run(session, actor, run_id)
    return run_id


SeenRun = Annotated[UUID, Depends(_seen)]


@router.get("/{run_id}", summary="Read one run", response_model=RunRead)
async def get_run(
    *,
    request: Request,
    session: DbSession,
    sessions: Sessions,
    actor: CurrentActor,
    still_acting: StillActing,
    run_id: UUID,
) -> RunRead | Response:
    """State, progress, levels with their bounds, the plan, and what simpler rules would have reached.

    To whoever accepts `text/event-stream` it answers what `/progress` does.
    """
    run = await run_access.see_run(session, actor, run_id)
    if wants_events(request):
        return event_stream(run_events(sessions, run_id, request.app.state.is_stopping, still_acting))
    return await read_run(session, run)


@router.get("/{run_id}/progress", summary="Follow a run", responses=RESPONSES, response_class=Response)
async def follow_run(request: Request, sessions: Sessions, still_acting: StillActing, run_id: SeenRun) -> Response:
    """A stream of events: `progress` (objective, value, bound, level, seconds elapsed), then one `end`, and it closes.

    A client that is cut off comes back and is told the present state first. Once its key has ended the stream ends too.
    """
    return event_stream(run_events(sessions, run_id, request.app.state.is_stopping, still_acting))


@router.post("/{run_id}/cancel", summary="Cancel a run", responses={202: {"model": RunRead}})
async def cancel_run(
    request: Request, sessions: Sessions, actor: WaitingActor, response: Response, run_id: UUID
) -> RunRead:
    """End a run now; it keeps the best plan found so far, checked, if there is one.

    The plan that a cancelled run kept can be adjusted and published like another. 202 if the end takes longer than a
    few seconds: it comes all the same.
    """
    await run_access.give_up_run(sessions, actor, run_id)
    async with transaction(sessions) as session:
        run = await run_access.see_run(session, actor, run_id)
        if run.finished_at is None:
            response.status_code = 202
            response.headers["Location"] = _address(request, run_id)
            response.headers["Retry-After"] = "1"
        return await read_run(session, run)


@router.post("/{run_id}/replay", status_code=202, summary="Replay a run", dependencies=[ONCE_IF_ASKED])
async def replay(
    request: Request, session: DbSession, actor: CurrentActor, response: Response, run_id: UUID
) -> RunRead:
    """Solve the same problem again with the same seed and budget; the new run, in `Location`, tells if it is equal.

    Nothing follows from a replay: it changes no round and no crisis, and cannot be published.
    """
    run = await replay_run(session, actor, run_id)
    response.headers["Location"] = _address(request, run.id)
    return await read_run(session, run)


@router.get("/{run_id}/explanations/{request_id}", summary="Explain a request's place", responses=WITHOUT_PLAN)
async def explain(
    request: Request, sessions: Sessions, actor: WaitingActor, run_id: UUID, request_id: UUID
) -> ExplanationRead:
    """Why a request has no place, or not a better one: what holds each, what it would cost others, the nearest change.

    The coordinator may ask about any request, a start-up about its own; others are shown to it by their weight alone.
    The first answer about a plan takes some seconds.
    """
    told = await explaining.explain(sessions, request.app.state.desk, actor, run_id, request_id)
    return ExplanationRead(**told.document, run_id=run_id, request_id=request_id, names=dict(told.names))


@router.get(
    "/{run_id}/certificate", summary="Certify a plan", responses={**WITHOUT_PLAN, 202: {"model": CertificatePending}}
)
async def certify(
    session: DbSession, actor: CurrentActor, response: Response, run_id: UUID
) -> CertificateRead | CertificatePending:
    """What holds of the plan as it stands: eligible, feasible, no waste, no justified envy, bounds, who was served.

    202 until it is made, which takes up to a minute after it is first asked for.
    """
    certificate = await certifying.get_certificate(session, actor, run_id)
    if certificate is None:
        response.status_code = 202
        response.headers["Retry-After"] = "2"
        return CertificatePending(run_id=run_id)
    return CertificateRead(**certificate, run_id=run_id)
