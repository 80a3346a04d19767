"""Products, requests and feasibilities over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from app.core.http import DbSession, next_url
from app.core.paging import Page
from app.core.routing import ApiRouter, if_match
from app.identity.dependencies import ONCE_IF_ASKED, CurrentActor
from app.requests import feasibility, matches, products, service
from app.requests.feasibility_views import feasibility_read, feasibility_reads
from app.requests.match_schemas import Matches, Purpose
from app.requests.schemas import (
    FeasibilityAnswer,
    FeasibilityCreate,
    FeasibilityFilter,
    FeasibilityRead,
    FeasibilitySummary,
    GroundsConfirm,
    ProductCreate,
    ProductFilter,
    ProductRead,
    ProductUpdate,
    QualificationCreate,
    QualificationRead,
    RequestCreate,
    RequestFilter,
    RequestRead,
    RequestUpdate,
)

router = ApiRouter(prefix="/v1")


@router.post("/products", status_code=201, tags=["products"], summary="Add a product", dependencies=[ONCE_IF_ASKED])
async def create_product(session: DbSession, actor: CurrentActor, command: ProductCreate) -> ProductRead:
    """A start-up adds a product; its code name stays between the start-up and the coordinator."""
    return ProductRead.model_validate(await products.create_product(session, actor, command))


@router.get("/products", tags=["products"], summary="List products")
async def list_products(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[ProductFilter, Query()]
) -> Page[ProductRead]:
    """One's own products; the coordinator sees all."""
    rows, cursor = await products.list_products(session, actor, query)
    return Page(items=[ProductRead.model_validate(row) for row in rows], next=next_url(request, cursor))


@router.get("/products/{product_id}", tags=["products"], summary="Read one product")
async def get_product(session: DbSession, actor: CurrentActor, product_id: UUID) -> ProductRead:
    """One product, to its owner or the coordinator."""
    return ProductRead.model_validate(await products.get_product(session, actor, product_id))


@router.patch(
    "/products/{product_id}", tags=["products"], summary="Change a product", dependencies=[if_match("product_id")]
)
async def update_product(
    session: DbSession, actor: CurrentActor, product_id: UUID, command: ProductUpdate
) -> ProductRead:
    """What is left out stays; modality, platform and containment are settled once a request relies on them."""
    return ProductRead.model_validate(await products.update_product(session, actor, product_id, command))


@router.post(
    "/products/{product_id}/qualifications",
    status_code=201,
    tags=["products"],
    summary="Record a qualification",
    dependencies=[ONCE_IF_ASKED],
)
async def add_qualification(
    session: DbSession, actor: CurrentActor, product_id: UUID, command: QualificationCreate
) -> QualificationRead:
    """The product is established at a site: no technology transfer stands before a campaign there any more."""
    return QualificationRead.model_validate(await products.add_qualification(session, actor, product_id, command))


@router.get("/products/{product_id}/qualifications", tags=["products"], summary="List a product's qualifications")
async def list_qualifications(session: DbSession, actor: CurrentActor, product_id: UUID) -> Page[QualificationRead]:
    """Every site where the product is established; they are few, and come on one page."""
    rows = await products.list_qualifications(session, actor, product_id)
    return Page(items=[QualificationRead.model_validate(row) for row in rows])


@router.post("/requests", status_code=201, tags=["requests"], summary="Make a request", dependencies=[ONCE_IF_ASKED])
async def create_request(session: DbSession, actor: CurrentActor, command: RequestCreate) -> RequestRead:
    """A start-up drafts a request; one that no line can serve is accepted, and its matches say why."""
    return RequestRead.model_validate(await service.create_request(session, actor, command))


@router.get("/requests", tags=["requests"], summary="List requests")
async def list_requests(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[RequestFilter, Query()]
) -> Page[RequestRead]:
    """One's own requests; the coordinator sees all."""
    rows, cursor = await service.list_requests(session, actor, query)
    return Page(items=[RequestRead.model_validate(row) for row in rows], next=next_url(request, cursor))


@router.get("/requests/{request_id}", tags=["requests"], summary="Read one request")
async def get_request(session: DbSession, actor: CurrentActor, request_id: UUID) -> RequestRead:
    """One request with its tier and points and how they were derived, to its owner or the coordinator."""
    return RequestRead.model_validate(await service.get_request(session, actor, request_id))


@router.patch(
    "/requests/{request_id}", tags=["requests"], summary="Change a request", dependencies=[if_match("request_id")]
)
async def update_request(
    session: DbSession, actor: CurrentActor, request_id: UUID, command: RequestUpdate
) -> RequestRead:
    """What is left out stays; once submitted, only dates, budget, sites, options accepted and grounds may change."""
    return RequestRead.model_validate(await service.update_request(session, actor, request_id, command))


@router.post(
    "/requests/{request_id}/submit",
    tags=["requests"],
    summary="Submit a request",
    dependencies=[ONCE_IF_ASKED, if_match("request_id")],
)
async def submit_request(session: DbSession, actor: CurrentActor, request_id: UUID) -> RequestRead:
    """From now on the request waits, and rounds consider it."""
    return RequestRead.model_validate(await service.submit_request(session, actor, request_id))


@router.post(
    "/requests/{request_id}/withdraw",
    tags=["requests"],
    summary="Withdraw a request",
    dependencies=[ONCE_IF_ASKED, if_match("request_id")],
)
async def withdraw_request(session: DbSession, actor: CurrentActor, request_id: UUID) -> RequestRead:
    """For good; an offer must be declined first, and a booking cancelled."""
    return RequestRead.model_validate(await service.withdraw_request(session, actor, request_id))


@router.post(
    "/requests/{request_id}/wait",
    tags=["requests"],
    summary="Join the waiting list",
    dependencies=[ONCE_IF_ASKED, if_match("request_id")],
)
async def join_waiting_list(session: DbSession, actor: CurrentActor, request_id: UUID) -> RequestRead:
    """A submitted or unmet request waits for places that are freed: the best request that fits is offered each.

    A line that needs its CDMO's word on feasibility passes over a request until that has been asked for, and given:
    `POST /v1/feasibilities`.
    """
    return RequestRead.model_validate(await service.join_waiting_list(session, actor, request_id))


@router.post(
    "/requests/{request_id}/stop-waiting",
    tags=["requests"],
    summary="Leave the waiting list",
    dependencies=[ONCE_IF_ASKED, if_match("request_id")],
)
async def leave_waiting_list(session: DbSession, actor: CurrentActor, request_id: UUID) -> RequestRead:
    """The request is submitted again: rounds consider it, freed places do not. Waiting anew counts from then on."""
    return RequestRead.model_validate(await service.leave_waiting_list(session, actor, request_id))


@router.post(
    "/requests/{request_id}/grounds",
    tags=["requests"],
    summary="Confirm grounds for priority",
    dependencies=[ONCE_IF_ASKED, if_match("request_id")],
)
async def confirm_grounds(
    session: DbSession, actor: CurrentActor, request_id: UUID, command: GroundsConfirm
) -> RequestRead:
    """The coordinator confirms what it finds true of the grounds claimed; tier and points follow."""
    return RequestRead.model_validate(await service.confirm_grounds(session, actor, request_id, command))


@router.get("/requests/{request_id}/matches", tags=["requests"], summary="What a request can have")
async def get_matches(
    session: DbSession, actor: CurrentActor, request_id: UUID, purpose: Purpose = Purpose.DIRECT
) -> Matches:
    """Options with delivery and package price, best first; and for every other line the reasons, fewest first."""
    return await matches.find_matches(session, actor, request_id, purpose)


@router.post(
    "/feasibilities", status_code=201, tags=["feasibilities"], summary="Ask a CDMO", dependencies=[ONCE_IF_ASKED]
)
async def ask_feasibility(session: DbSession, actor: CurrentActor, command: FeasibilityCreate) -> FeasibilityRead:
    """Disclose a summary to the CDMO of one line, and ask whether the request is feasible there."""
    return await feasibility_read(session, await feasibility.ask_feasibility(session, actor, command))


@router.get("/feasibilities", tags=["feasibilities"], summary="List feasibilities")
async def list_feasibilities(
    request: Request, session: DbSession, actor: CurrentActor, query: Annotated[FeasibilityFilter, Query()]
) -> Page[FeasibilityRead]:
    """A start-up's questions; those put to a CDMO's lines; the coordinator sees all.

    Those to which an answer is wanted come first, by the day by which it is; the others in the order of their creation.
    """
    rows, cursor = await feasibility.list_feasibilities(session, actor, query)
    return Page(items=await feasibility_reads(session, rows), next=next_url(request, cursor))


@router.get("/feasibilities/summary", tags=["feasibilities"], summary="Count feasibilities")
async def summarise_feasibilities(session: DbSession, actor: CurrentActor) -> FeasibilitySummary:
    """How many of the questions in one's list are open, overdue, answered, expired or lapsed."""
    return await feasibility.summarise(session, actor)


@router.get("/feasibilities/{feasibility_id}", tags=["feasibilities"], summary="Read one feasibility")
async def get_feasibility(session: DbSession, actor: CurrentActor, feasibility_id: UUID) -> FeasibilityRead:
    """One question with its answer, to those it concerns."""
    return await feasibility_read(session, await feasibility.get_feasibility(session, actor, feasibility_id))


@router.post(
    "/feasibilities/{feasibility_id}/answer",
    tags=["feasibilities"],
    summary="Answer a question",
    dependencies=[ONCE_IF_ASKED, if_match("feasibility_id")],
)
async def answer_feasibility(
    session: DbSession, actor: CurrentActor, feasibility_id: UUID, command: FeasibilityAnswer
) -> FeasibilityRead:
    """The CDMO of the line says yes, yes on a condition, or no with a coded reason."""
    answered = await feasibility.answer_feasibility(session, actor, feasibility_id, command)
    return await feasibility_read(session, answered)
