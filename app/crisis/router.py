"""Crises over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from app.allocation.plan_view import RunRead, read_run
from app.core.http import DbSession, Paging, address_of, next_url, problem
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.crisis import (
    activation,
    amendment_activation,
    ending,
    first_refusal,
    notices,
    orders,
    planning,
    reading,
    replanning,
    service,
    signing,
    trade_off,
    withdrawing,
)
from app.crisis.errors import PlanOutdated
from app.crisis.order_schemas import (
    CounterCommand,
    DisplacementRead,
    NoticeFilter,
    NoticeRead,
    OrderRead,
    WithdrawCommand,
)
from app.crisis.plan_schemas import PlanCommand, PlanRead, ReplanCommand, SignCommand, TradeOff
from app.crisis.schemas import CrisisCreate, CrisisFilter, CrisisNotice, CrisisRead, CrisisUpdate, StandDownCommand
from app.identity.dependencies import ONCE, ONCE_IF_ASKED, CurrentActor

router = ApiRouter(prefix="/v1/crises", tags=["crises"])


@router.post("", status_code=201, summary="Declare a crisis or a drill", dependencies=[ONCE_IF_ASKED])
async def declare_crisis(session: DbSession, actor: CurrentActor, command: CrisisCreate) -> CrisisRead:
    """The coordinator declares what is to be made by when, on which powers, and until when the declaration holds."""
    return await reading.read_crisis(session, await service.declare_crisis(session, actor, command))


@router.get("", summary="List crises")
async def list_crises(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[CrisisFilter, Query()]
) -> Page[CrisisRead | CrisisNotice]:
    """All crises for the coordinator and the authority.

    For a CDMO, a notice of those that sent it an order; for a start-up, of the real ones in which its lots give way.
    """
    rows, cursor = await service.list_crises(session, actor, query)
    return Page(items=await reading.show_crises(session, actor, rows), next=next_url(request, cursor))


@router.get("/{crisis_id}", summary="Read one crisis")
async def get_crisis(session: DbSession, actor: CurrentActor, crisis_id: UUID) -> CrisisRead | CrisisNotice:
    """One crisis; a CDMO with an order sees its title, countermeasure and validity, and so does who gives way to it."""
    row = await service.get_crisis(session, actor, crisis_id)
    return (await reading.show_crises(session, actor, [row]))[0]


@router.patch("/{crisis_id}", summary="Change a declaration", dependencies=[if_match("crisis_id")])
async def update_crisis(session: DbSession, actor: CurrentActor, crisis_id: UUID, command: CrisisUpdate) -> CrisisRead:
    """The coordinator changes what is only declared; what is left out stays."""
    return await reading.read_crisis(session, await service.update_crisis(session, actor, crisis_id, command))


@router.post("/{crisis_id}/plan", status_code=202, summary="Plan a crisis", dependencies=[ONCE_IF_ASKED])
async def plan_crisis(
    *,
    request: Request,
    response: Response,
    session: DbSession,
    actor: CurrentActor,
    crisis_id: UUID,
    command: PlanCommand | None = None,
) -> RunRead:
    """Plan tier by tier, in the background: the answer names the run, and `/plans` lists the plan when it is made.

    From now on until the run has ended, no slot that it may draw on takes another booking. From then on until a plan is
    activated, or the crisis ends, no slot does in which a campaign could run or a lot in its way could stand or move,
    whether the plan uses it or not. If one of their calendars changes all the same (a batch starts, a hold
    runs out), the run fails, and says so. A drill keeps nobody from booking.
    """
    run = await planning.request_plan(session, actor, crisis_id, command or PlanCommand())
    response.headers["Location"] = address_of(request, f"/v1/runs/{run.id}")
    return await read_run(session, run)


@router.get("/{crisis_id}/plans", summary="List the plans of a crisis")
async def list_plans(
    request: Request, session: DbSession, actor: CurrentActor, crisis_id: UUID, paging: Paging
) -> Page[PlanRead]:
    """Every plan with its body: campaigns, doses by date and against targets, who gives way, costs, and the hash."""
    rows, cursor = await reading.list_plans(session, actor, crisis_id, paging)
    return Page(items=rows, next=next_url(request, cursor))


@router.get("/{crisis_id}/trade-off", summary="Compare the plans to choose from")
async def show_trade_off(session: DbSession, actor: CurrentActor, crisis_id: UUID) -> TradeOff:
    """What each plan asks of bookings and costs, and its doses for each target: low, expected and high.

    They are the proposed plan, the one that displaces least, the one with most doses by the first date, the cheapest,
    and the points between; the run named makes all but the first.
    """
    return await trade_off.show_trade_off(session, actor, crisis_id)


@router.post("/{crisis_id}/sign", summary="Sign a plan", dependencies=[ONCE_IF_ASKED])
async def sign_plan(session: DbSession, actor: CurrentActor, crisis_id: UUID, command: SignCommand) -> PlanRead:
    """The coordinator and the authority, two different people, sign the same hash of the same plan.

    While plans to choose from are still being made beside it the answer is 409 `still-being-compared`: wait for the
    run, or have the coordinator cancel it. Where no time was given for them, or it was cut short, `minimality` says so.
    """
    return await reading.read_plan(session, await signing.sign_plan(session, actor, crisis_id, command))


@router.post(
    "/{crisis_id}/activate",
    summary="Activate a signed plan",
    response_model=CrisisRead,
    dependencies=[ONCE, if_match("crisis_id")],
)
async def activate(request: Request, session: DbSession, actor: CurrentActor, crisis_id: UUID) -> CrisisRead | Response:
    """All orders, holds and displacements are written in one transaction, or nothing.

    If a calendar in scope has changed since the plan was made the answer is 409, and the crisis is back in planning.
    Of an active crisis it is the amendment that is activated, and nothing but what it changes is written; one that is
    out of date is superseded, and the crisis stays active.
    """
    done = await amendment_activation.activate(session, actor, crisis_id)
    if isinstance(done, activation.Outdated):
        # Answered, not raised: what it says of the plan is to be committed.
        what = f"Calendars have changed in {len(done.unit_ids)} places" if done.unit_ids else "Orders have changed"
        if done.is_late:
            what = "Campaigns should have started, or lots that give way have too little notice,"
        outdated = PlanOutdated(
            f"{what} since the plan was made: plan again.",
            facts={"unit_ids": list(done.unit_ids), "crisis_status": done.crisis_status.value},
        )
        return problem(outdated, instance=request.url.path)
    return await reading.read_crisis(session, done)


@router.post("/{crisis_id}/replan", status_code=202, summary="Plan an active crisis anew", dependencies=[ONCE_IF_ASKED])
async def replan(
    *,
    request: Request,
    response: Response,
    session: DbSession,
    actor: CurrentActor,
    crisis_id: UUID,
    command: ReplanCommand | None = None,
) -> RunRead:
    """Plan what is missing of the targets, in the background: what is ordered stays unless it cannot.

    The run ends with an amendment among `/plans`, which says how many orders it changes. Where somebody gives way,
    `grounds` follow beside it: why it is these bookings, and what one fewer would cost. It is signed and activated as
    the plan was; the crisis stays active. Until then the slots that it needs take no other booking, nor, until the run
    has ended, those that it may need. If what is ordered meets every target, the answer is 409 `nothing-to-replan`.
    """
    run = await replanning.request_replan(session, actor, crisis_id, command or ReplanCommand())
    response.headers["Location"] = address_of(request, f"/v1/runs/{run.id}")
    return await read_run(session, run)


@router.get("/{crisis_id}/orders", summary="List orders")
async def list_orders(
    request: Request, session: DbSession, actor: CurrentActor, crisis_id: UUID, paging: Paging
) -> Page[OrderRead]:
    """The orders of a crisis; a CDMO sees its own."""
    rows, cursor = await orders.list_orders(session, actor, crisis_id, paging)
    return Page(items=[reading.read_order(*row) for row in rows], next=next_url(request, cursor))


@router.post(
    "/{crisis_id}/orders/{order_id}/accept", summary="Accept an order", dependencies=[ONCE, if_match("order_id")]
)
async def accept_order(session: DbSession, actor: CurrentActor, crisis_id: UUID, order_id: UUID) -> OrderRead:
    """Its CDMO accepts: its displacements take effect now, never before, and its campaign is confirmed."""
    order = await orders.accept_order(session, actor, crisis_id, order_id)
    return reading.read_order(*await orders.with_displacements(session, order))


@router.post(
    "/{crisis_id}/orders/{order_id}/counter", summary="Counter an order", dependencies=[ONCE, if_match("order_id")]
)
async def counter_order(
    session: DbSession, actor: CurrentActor, crisis_id: UUID, order_id: UUID, command: CounterCommand
) -> OrderRead:
    """Its CDMO names the earliest day it could start: the place is freed, and nobody gives way to the order."""
    order = await orders.counter_order(session, actor, crisis_id, order_id, command)
    return reading.read_order(*await orders.with_displacements(session, order))


@router.post(
    "/{crisis_id}/orders/{order_id}/withdraw",
    summary="Withdraw from an accepted order",
    dependencies=[ONCE, if_match("order_id")],
)
async def withdraw_order(
    session: DbSession, actor: CurrentActor, crisis_id: UUID, order_id: UUID, command: WithdrawCommand
) -> OrderRead:
    """Its CDMO drops out before the campaign starts: its days are free, and who gave way to it stays moved."""
    order = await withdrawing.withdraw_order(session, actor, crisis_id, order_id, command)
    return reading.read_order(*await orders.with_displacements(session, order))


@router.get("/{crisis_id}/displacements", summary="List displacements")
async def list_displacements(
    request: Request, session: DbSession, actor: CurrentActor, crisis_id: UUID, paging: Paging
) -> Page[DisplacementRead]:
    """Who gives way, to where, and what is owed for it; a start-up sees its own bookings' alone."""
    rows, cursor = await reading.list_displacements(session, actor, crisis_id, paging)
    return Page(items=[DisplacementRead.model_validate(row) for row in rows], next=next_url(request, cursor))


@router.post(
    "/{crisis_id}/displacements/{displacement_id}/accept",
    summary="Take the place held for a lot that gives way",
    dependencies=[ONCE, if_match("displacement_id")],
)
async def accept_place(
    session: DbSession, actor: CurrentActor, crisis_id: UUID, displacement_id: UUID
) -> DisplacementRead:
    """Its owner takes the place: a booking as soon as the lot has given way, never before."""
    row = await first_refusal.accept_place(session, actor, crisis_id, displacement_id)
    return DisplacementRead.model_validate(row)


@router.post(
    "/{crisis_id}/displacements/{displacement_id}/decline",
    summary="Give up the place held for a lot that gives way",
    dependencies=[ONCE, if_match("displacement_id")],
)
async def decline_place(
    session: DbSession, actor: CurrentActor, crisis_id: UUID, displacement_id: UUID
) -> DisplacementRead:
    """Its owner does not want the place: it is free for others, and what is owed is what a lot without a place is."""
    row = await first_refusal.decline_place(session, actor, crisis_id, displacement_id)
    return DisplacementRead.model_validate(row)


@router.get("/{crisis_id}/notices", summary="List notices")
async def list_notices(
    request: Request,
    session: DbSession,
    actor: CurrentActor,
    crisis_id: UUID,
    query: Annotated[NoticeFilter, Query()],
) -> Page[NoticeRead]:
    """What a crisis has told whom, and how it can be contested: each its own; a drill's, to those alone who run it."""
    rows, cursor = await notices.list_notices(session, actor, crisis_id, query)
    return Page(items=await reading.show_notices(session, rows), next=next_url(request, cursor))


@router.post("/{crisis_id}/stand-down", summary="End a crisis", dependencies=[ONCE, if_match("crisis_id")])
async def stand_down(
    session: DbSession, actor: CurrentActor, crisis_id: UUID, command: StandDownCommand | None = None
) -> CrisisRead:
    """Unstarted campaigns are released, pending displacements dropped, and what was held still is free again.

    Runs that still plan for it are cancelled.
    """
    reason_code = (command or StandDownCommand()).reason_code
    return await reading.read_crisis(session, await ending.stand_down(session, actor, crisis_id, reason_code))
