"""Start-ups' alerts: waiting for a slot, and what they have been told of."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, record_all
from app.capacity.openings import held_still, openings_by_id
from app.capacity.schemas import SlotNeeds
from app.capacity.service import get_slots
from app.capacity.slot_views import slot_reads
from app.capacity.slots import require_sound_needs
from app.core.errors import Invalid, NotFound
from app.core.paging import PageQuery
from app.identity.actor import Actor
from app.identity.models import Role
from app.identity.service import get_organisation
from app.requests import alert_repository
from app.requests.alert_rules import MOST_ALERTS
from app.requests.alert_schemas import AlertCreate, AlertHitRead, AlertRead, Unavailable
from app.requests.alerting import Scene, scene_of, slots_for_needs, slots_for_request
from app.requests.errors import AlertExists, RequestSettled, TooManyAlerts
from app.requests.facts import is_french_startup
from app.requests.models import Alert
from app.requests.rules import WAITING
from app.requests.service import get_request
from app.requests.visibility import confined_to


async def create_alert(session: AsyncSession, actor: Actor, command: AlertCreate) -> AlertRead:
    """Wait for a slot from now on; what is for booking already, the search and the matches show.

    Raises
    ------
    Invalid
        If not exactly one of a request and filters is given, or the filters are not sound.
    NotFound
        If there is no such request of the actor's.
    RequestSettled, AlertExists, TooManyAlerts
        If the request waits for nothing, has an alert, or there are too many.
    """
    actor.require(Role.STARTUP_MEMBER)
    filters = command.filters.model_dump(mode="json", exclude_none=True) if command.filters is not None else None
    if (command.request_id is None) == (filters is None):
        raise Invalid.field("request_id", "give either request_id, or filters")
    await alert_repository.lock_organisation(session, actor.organisation_id)
    if command.filters is not None:
        if not filters:
            raise Invalid.field("filters", "give at least one filter")
        await require_sound_needs(session, command.filters, "/filters/")
    if command.request_id is not None:
        await _require_waiting(session, actor, command.request_id)
    if await alert_repository.count_alerts(session, actor.organisation_id) >= MOST_ALERTS:
        raise TooManyAlerts(f"There are {MOST_ALERTS} alerts already: delete one first.", facts={"most": MOST_ALERTS})
    alert = Alert(organisation_id=actor.organisation_id, request_id=command.request_id, filters=filters)
    session.add(alert)
    await record(session, actor, "alert.created", alert)
    return (await _reads(session, [alert]))[0]


async def _require_waiting(session: AsyncSession, actor: Actor, request_id: UUID) -> None:
    request = await get_request(session, actor, request_id)
    if request.status not in WAITING:
        raise RequestSettled(f"The request is {request.status.value}: it waits for no slot.")
    known = await alert_repository.alert_of_request(session, request_id)
    if known is not None:
        raise AlertExists("This request has an alert already.", facts={"alert_id": str(known)})


async def list_alerts(session: AsyncSession, actor: Actor, paging: PageQuery) -> tuple[list[AlertRead], str | None]:
    """Return one page of the actor's alerts, and the cursor of the next; the coordinator sees all."""
    rows, cursor = await alert_repository.page_alerts(session, paging, organisation_id=confined_to(actor))
    return await _reads(session, rows), cursor


async def get_alert(session: AsyncSession, actor: Actor, alert_id: UUID, *, lock: bool = False) -> Alert:
    """Return an alert to its owner or the coordinator.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    alert = await alert_repository.find_alert(session, alert_id, lock=lock)
    if alert is None or not actor.sees(alert.organisation_id):
        raise NotFound.of("alert", alert_id)
    return alert


async def read_alert(session: AsyncSession, actor: Actor, alert_id: UUID) -> AlertRead:
    """Return an alert with what it has found; raises as `get_alert` does."""
    return (await _reads(session, [await get_alert(session, actor, alert_id)]))[0]


async def delete_alert(session: AsyncSession, actor: Actor, alert_id: UUID) -> None:
    """Wait no longer; the hits go with the alert.

    Raises
    ------
    NotFound
        If there is no such alert of the actor's start-up.
    """
    actor.require(Role.STARTUP_MEMBER)
    alert = await get_alert(session, actor, alert_id, lock=True)
    await record_all(session, actor, "alert.deleted", [alert], gone=True)
    await alert_repository.delete_alert(session, alert)


async def _reads(session: AsyncSession, alerts: Sequence[Alert]) -> list[AlertRead]:
    told = await alert_repository.told_of(session, [one.id for one in alerts])
    return [AlertRead(**one.model_dump(), **told[one.id]._asdict()) for one in alerts]


async def list_hits(
    session: AsyncSession, actor: Actor, alert_id: UUID, paging: PageQuery
) -> tuple[list[AlertHitRead], str | None]:
    """Return one page of what an alert was told of, in order, each with whether it could be booked now.

    Raises
    ------
    NotFound
        If there is no such alert, or it is another's.
    """
    alert = await get_alert(session, actor, alert_id)
    hits, cursor = await alert_repository.page_hits(session, paging, alert_id)
    slot_ids = {one.slot_id for one in hits}
    scene = await scene_of(session, slot_ids)
    published = await get_slots(session, scene.slots.keys())
    slots = {one.id: one for one in await slot_reads(session, published)}
    opened = await openings_by_id(session, {one.opening_id for one in hits})
    reasons = await _unavailable(session, actor, alert, scene, slot_ids)
    return [
        AlertHitRead(
            **one.model_dump(exclude={"opening_id", "created_at"}),
            slot=slots.get(one.slot_id),
            cause=opened[one.opening_id].cause,
            opened_at=opened[one.opening_id].created_at,
            found_at=one.created_at,
            available=one.slot_id not in reasons,
            unavailable_because=reasons.get(one.slot_id),
        )
        for one in hits
    ], cursor


async def _unavailable(
    session: AsyncSession, actor: Actor, alert: Alert, scene: Scene, slot_ids: Collection[UUID]
) -> dict[UUID, Unavailable]:
    """Return why what an alert asks for cannot be booked now, of those of these slots where it cannot."""
    reasons = {slot_id: Unavailable.WITHDRAWN for slot_id in slot_ids if slot_id not in scene.slots}
    settled = False
    if alert.request_id is not None:
        settled = (await get_request(session, actor, alert.request_id)).status not in WAITING
        fitting = (await slots_for_request(session, scene, [alert.request_id], {}))[alert.request_id]
    else:
        owner, _ = await get_organisation(session, alert.organisation_id)
        needs = SlotNeeds.model_validate(alert.filters)
        fitting = await slots_for_needs(session, scene, needs, {}, french_startup=is_french_startup(owner))
    frozen = await held_still(session, scene.slots.keys())
    for slot_id in scene.slots:
        if settled:
            reasons[slot_id] = Unavailable.REQUEST_SETTLED
        elif slot_id not in fitting:
            reasons[slot_id] = Unavailable.TAKEN_OR_CHANGED
        elif slot_id in frozen:
            reasons[slot_id] = Unavailable.HELD_STILL
    return reasons
