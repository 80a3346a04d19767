"""Holding alerts against what came to be for booking: in one transaction, by whichever worker comes first.

Triggers note each opening in the transaction of the change, so that none is lost while no worker runs; a release is
noted here, once it is due. Everything is judged as of one moment: the worker begins the transaction so.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.author import Author
from app.audit.service import record_all
from app.capacity import openings
from app.capacity.facts import slot_facts, unit_facts
from app.capacity.openings import Opened
from app.capacity.schemas import SlotNeeds
from app.capacity.slots import free_slots_meeting
from app.capacity.supply import SlotFacts, Span, UnitFacts
from app.core.clock import now, today
from app.requests import alert_repository
from app.requests.alert_rules import is_open_to, serves_anew
from app.requests.facts import is_french_startup, request_facts
from app.requests.models import AlertHit
from app.requests.rules import WAITING

AUTHOR = Author.of_job("evaluate_alerts")
MOST_BATCHES = 10
MOST_FORGOTTEN = 1_000


@dataclass(frozen=True, slots=True)
class Scene:
    """Published slots with their units, as of a day."""

    day: date
    units: Mapping[UUID, UnitFacts]
    slots: Mapping[UUID, SlotFacts]


async def scene_of(session: AsyncSession, slot_ids: Collection[UUID]) -> Scene:
    """Return those of these slots that are published, as of today."""
    found = await slot_facts(session, slot_ids=slot_ids)
    slots = {one.slot_id: one for listed in found.values() for one in listed}
    return Scene(today(), await unit_facts(session, unit_ids=found.keys()), slots)


async def slots_for_request(
    session: AsyncSession, scene: Scene, request_ids: Collection[UUID], opened: Mapping[UUID, Sequence[Span]]
) -> dict[UUID, set[UUID]]:
    """Return by request which slots can serve it, and could not before the days that opened in them, if any did."""
    facts = await request_facts(session, request_ids)
    return {
        request_id: {
            slot.slot_id
            for slot in scene.slots.values()
            if serves_anew(request, scene.units[slot.unit_id], slot, opened.get(slot.slot_id, ()), scene.day)
        }
        for request_id, request in facts.items()
    }


async def slots_for_needs(
    session: AsyncSession,
    scene: Scene,
    needs: SlotNeeds,
    opened: Mapping[UUID, Sequence[Span]],
    *,
    french_startup: bool,
) -> set[UUID]:
    """Return which slots a start-up could book that meet its needs, and did not before; as `slots_for_request`."""
    offered = [
        slot.slot_id for slot in scene.slots.values() if is_open_to(slot, french_startup=french_startup, day=scene.day)
    ]
    meeting = await free_slots_meeting(session, needs, offered, taken={})
    in_part = {slot_id: opened[slot_id] for slot_id in meeting if opened.get(slot_id)}
    return meeting - await free_slots_meeting(session, needs, in_part.keys(), taken=in_part)


async def evaluate_alerts(session: AsyncSession) -> int:
    """Add a hit for each alert and each slot that came to be for booking and that it waits for; return how many.

    Openings that have been held against all alerts are never looked at again. Nothing happens while another worker
    does it.
    """
    if not await alert_repository.lock_evaluation(session):
        return 0
    await openings.note_releases(session, today())
    found = 0
    for _ in range(MOST_BATCHES):
        opened = await openings.pending_openings(session)
        if not opened:
            break
        found += await _tell(session, opened)
    return found


async def forget_openings(session: AsyncSession) -> int:
    """Forget openings that can matter to nobody any more, some at a time, and return how many there were; a sweep."""
    if not await alert_repository.lock_evaluation(session):
        return 0
    return await alert_repository.forget_openings(session, today(), MOST_FORGOTTEN)


async def _tell(session: AsyncSession, opened: Sequence[Opened]) -> int:
    """Hold all alerts against some openings, and return how many hits there are."""
    alerts = await alert_repository.all_alerts(session)
    await openings.mark_told(session, opened if alerts else None, now())
    if not alerts:
        return 0
    newest = {one.slot_id: one.newest_id for one in opened}
    days = {one.slot_id: one.days for one in opened}
    scene = await scene_of(session, newest.keys())
    waiting = [request.id for _, _, request in alerts if request is not None and request.status in WAITING]
    by_request = await slots_for_request(session, scene, waiting, days)
    by_needs: dict[tuple[str, bool], set[UUID]] = {}
    hits: list[AlertHit] = []
    for alert, owner, request in alerts:
        if request is not None:
            slot_ids = by_request.get(request.id, set())
        else:
            french = is_french_startup(owner)
            key = (json.dumps(alert.filters, sort_keys=True), french)
            if key not in by_needs:
                needs = SlotNeeds.model_validate(alert.filters)
                by_needs[key] = await slots_for_needs(session, scene, needs, days, french_startup=french)
            slot_ids = by_needs[key]
        hits += [
            AlertHit(alert_id=alert.id, opening_id=newest[slot_id], slot_id=slot_id) for slot_id in sorted(slot_ids)
        ]
    session.add_all(hits)
    await record_all(session, AUTHOR, "alert.hit", hits)
    return len(hits)
