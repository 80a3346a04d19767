"""Start-ups' requests: made, changed, submitted, on and off the waiting list, and withdrawn."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.clock import now, today
from app.core.errors import FieldFault, Invalid, NotFound, StateConflict
from app.core.plain import new_row
from app.core.preconditions import require_seen
from app.identity.actor import Actor
from app.identity.models import Role
from app.requests import feasibility_repository, repository
from app.requests.errors import RequestSettled
from app.requests.facts import Need
from app.requests.models import Request, RequestStatus
from app.requests.progress import derive_priority, move_request, prioritise, wrong_status
from app.requests.rules import JOINING, TECHNICAL, TRANSITIONS, WAITING, WISH, request_faults
from app.requests.schemas import Grounds, GroundsConfirm, RequestCreate, RequestFilter, RequestUpdate
from app.requests.visibility import confined_to
from app.requests.waiting import change_wish, status_without_place


async def get_request(session: AsyncSession, actor: Actor, request_id: UUID, *, lock: bool = False) -> Request:
    """Return a request to its owner or the coordinator; with `lock`, nobody else changes it meanwhile.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    request = await repository.find_request(session, request_id, lock=lock)
    if request is None or not actor.sees(request.organisation_id):
        raise NotFound.of("request", request_id)
    return require_seen(session, request) if lock else request


async def lock_requests(session: AsyncSession, request_ids: Collection[UUID], *, shared: bool = False) -> None:
    """Let nobody else change these requests until the transaction ends, whoever asks.

    All requests that a transaction touches are locked by one call, after the units: locks taken in two calls can meet
    another transaction's in the opposite order.

    Parameters
    ----------
    shared
        This transaction does not change them either, and others may lock them so too.
    """
    await repository.lock_requests(session, request_ids, shared=shared)


async def _to_change(session: AsyncSession, actor: Actor, request_id: UUID) -> Request:
    """Return a request of the actor's start-up, locked.

    One whose CDMO has not approved in time waits again, as it would once a sweep had been there: on the list if it was
    there before.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    actor.require(Role.STARTUP_MEMBER)
    request = await get_request(session, actor, request_id, lock=True)
    if request.status is RequestStatus.BOOKED and not await repository.has_period(session, request_id):
        await move_request(session, actor, request, status_without_place(request), reason_code="approval_overdue")
    return request


async def list_requests(session: AsyncSession, actor: Actor, query: RequestFilter) -> tuple[list[Request], str | None]:
    """Return one page of the requests that the actor may see, and the cursor of the next."""
    return await repository.page_requests(session, query, organisation_id=confined_to(actor))


async def create_request(
    session: AsyncSession, actor: Actor, command: RequestCreate, *, status: RequestStatus = RequestStatus.DRAFT
) -> Request:
    """Add a request of the actor's start-up: a draft, or at once submitted, as a direct booking makes it.

    A request that no line can serve is accepted: its matches say why.

    Raises
    ------
    Invalid
        If its fields contradict each other, or name a product or a site that is not there.
    """
    actor.require(Role.STARTUP_MEMBER)
    await _check(session, actor.organisation_id, command)
    request = Request(**_values(actor, command, status))
    session.add(request)
    await derive_priority(session, request)
    await record(session, actor, "request.created", request)
    return request


def request_to_make(actor: Actor, command: RequestCreate, need: Need) -> Request:
    """Return the draft of a request for a product that has been read already: a plain row, for others to store.

    Raises
    ------
    Invalid
        If its fields contradict each other.
    """
    _refuse(list(request_faults(command)))
    request = new_row(Request, **_values(actor, command, RequestStatus.DRAFT))
    prioritise(request, need.priority_of(request, today()))
    return request


def _values(actor: Actor, command: RequestCreate, status: RequestStatus) -> dict[str, Any]:
    return {
        "organisation_id": actor.organisation_id,
        "status": status,
        "submitted_at": now() if status is RequestStatus.SUBMITTED else None,
        "priority_grounds": _claimed(command.grounds),
        **_columns(command),
    }


async def update_request(session: AsyncSession, actor: Actor, request_id: UUID, command: RequestUpdate) -> Request:
    """Change a request of the actor's start-up as long as nothing is offered or booked.

    Of a booked one, only the wish for an earlier place may change.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    RequestSettled
        If it is past changing, or a CDMO or a round relies on what would change.
    Invalid
        If its fields would contradict each other.
    """
    request = await _to_change(session, actor, request_id)
    if command.model_fields_set & WISH:
        await change_wish(session, actor, request, command)
        if command.model_fields_set <= WISH:
            return request
    wanted = _merged(request, command)
    await _check(session, request.organisation_id, wanted)
    changes = {name: value for name, value in _columns(wanted).items() if value != getattr(request, name)}
    await _check_unsettled(session, request, changes)
    before = snapshot(request)
    for name, value in changes.items():
        setattr(request, name, value)
    if command.grounds is not None:
        request.priority_grounds = _claimed(command.grounds)
    await derive_priority(session, request)
    await record(session, actor, "request.updated", request, before=before)
    return request


async def submit_request(session: AsyncSession, actor: Actor, request_id: UUID) -> Request:
    """Submit a draft: from now on it waits, and rounds consider it.

    Raises
    ------
    StateConflict
        If it is no draft.
    """
    request = await _to_change(session, actor, request_id)
    if request.status is not RequestStatus.DRAFT:
        raise wrong_status(request, RequestStatus.SUBMITTED)
    return await move_request(session, actor, request, RequestStatus.SUBMITTED)


async def withdraw_request(session: AsyncSession, actor: Actor, request_id: UUID) -> Request:
    """Withdraw a request for good; an offer must be declined first, a hold released, and a booking cancelled.

    Raises
    ------
    StateConflict
        If its status does not allow it, or a period is held for it.
    """
    request = await _to_change(session, actor, request_id)
    if RequestStatus.WITHDRAWN in TRANSITIONS[request.status] and await repository.has_period(session, request_id):
        raise StateConflict("A period is held for this request: release the hold or cancel the booking first.")
    return await move_request(session, actor, request, RequestStatus.WITHDRAWN)


async def join_waiting_list(session: AsyncSession, actor: Actor, request_id: UUID) -> Request:
    """Put a submitted or unmet request on the waiting list for places that are freed; one that is there stays there.

    Raises
    ------
    StateConflict
        If it is a draft, or has an offer or a place.
    """
    request = await _to_change(session, actor, request_id)
    if request.status not in JOINING | {RequestStatus.WAITLISTED}:
        raise wrong_status(request, RequestStatus.WAITLISTED)
    return await move_request(session, actor, request, RequestStatus.WAITLISTED, reason_code="asked_to_wait")


async def leave_waiting_list(session: AsyncSession, actor: Actor, request_id: UUID) -> Request:
    """Take a request off the waiting list: it is submitted, and rounds still consider it.

    Raises
    ------
    StateConflict
        If it is not on the list.
    """
    request = await _to_change(session, actor, request_id)
    if request.status is not RequestStatus.WAITLISTED:
        raise wrong_status(request, RequestStatus.SUBMITTED)
    return await move_request(session, actor, request, RequestStatus.SUBMITTED, reason_code="waits_no_more")


async def confirm_grounds(session: AsyncSession, actor: Actor, request_id: UUID, command: GroundsConfirm) -> Request:
    """Confirm what the coordinator finds true of the grounds claimed; the rest counts for nothing.

    Raises
    ------
    Invalid
        If a ground is confirmed that was not claimed.
    """
    actor.require(Role.COORDINATOR)
    request = await get_request(session, actor, request_id, lock=True)
    confirmed = command.model_dump(include={"continuity", "orphan", "unmet_need"})
    claimed = request.priority_grounds
    faults = [
        FieldFault(f"/{name}", "was not claimed") for name, true in confirmed.items() if true and not claimed.get(name)
    ]
    if faults:
        raise Invalid("Only a ground that the requester claims can be confirmed.", faults=faults)
    before = snapshot(request)
    request.priority_grounds = {**claimed, **confirmed, "to_confirm": False}
    await derive_priority(session, request)
    await record(session, actor, "request.grounds_confirmed", request, before=before, reason_text=command.note)
    return request


def _columns(command: RequestCreate) -> dict[str, Any]:
    """Return the command as the columns of the table."""
    return command.model_dump(exclude={"grounds"})


def _claimed(grounds: Grounds) -> dict[str, Any]:
    """Return grounds as they are stored: to be confirmed wherever anything is claimed."""
    return {**grounds.model_dump(), "to_confirm": grounds.continuity or grounds.orphan or grounds.unmet_need}


def _merged(request: Request, command: RequestUpdate) -> RequestCreate:
    """Return the request as it would be after the change, whole."""
    names = RequestCreate.model_fields.keys() - {"grounds"}
    state = {name: getattr(request, name) for name in names}
    try:
        return RequestCreate.model_validate(state | command.model_dump(exclude_unset=True, exclude={"grounds", *WISH}))
    except ValidationError as error:
        faults = [FieldFault("/" + "/".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        raise Invalid("The request as changed would not be sound.", faults=faults) from None


async def _check(session: AsyncSession, organisation_id: UUID, command: RequestCreate) -> None:
    """Refuse a request whose fields contradict each other, or name what is not there."""
    faults = list(request_faults(command))
    product = await repository.find_product(session, command.product_id)
    if product is None or product.organisation_id != organisation_id:
        faults.append(FieldFault("/product_id", f"there is no product {command.product_id} among yours"))
    for name in ("sites_preferred", "sites_excluded"):
        unknown = await repository.unknown_sites(session, getattr(command, name))
        faults += [FieldFault(f"/{name}", f"there is no site {site_id}") for site_id in sorted(unknown)]
    _refuse(faults)


def _refuse(faults: list[FieldFault]) -> None:
    if faults:
        raise Invalid("; ".join(f"{fault.pointer[1:]}: {fault.detail}" for fault in faults), faults=faults)


async def _check_unsettled(session: AsyncSession, request: Request, changes: dict[str, Any]) -> None:
    """Refuse a change to what others rely on already."""
    if request.status not in WAITING:
        raise RequestSettled(f"The request is {request.status.value}: it can no longer be changed.")
    settled = sorted(changes.keys() & TECHNICAL)
    if not settled:
        return
    disclosed = await feasibility_repository.feasibilities_of(session, [request.id])
    if request.status is not RequestStatus.DRAFT or disclosed:
        raise RequestSettled(
            "It has been submitted or disclosed to a CDMO: withdraw it, and make a new request.",
            faults=[FieldFault(f"/{name}", "is settled") for name in settled],
        )
