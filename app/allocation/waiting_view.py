"""The waiting list as its people read it: a start-up its own part, the coordinator every decision."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation import waiting_repository as waiting_list
from app.allocation.models import WaitingDecision, WaitingLine
from app.allocation.names_repository import named_places
from app.allocation.planner import match_policy
from app.allocation.policy import RoundPolicy
from app.allocation.service import is_coordinator
from app.allocation.waiting_case import current_policy, read_waiting
from app.allocation.waiting_rules import Waiting
from app.allocation.waiting_schemas import DecidedRead, DecisionRead, FreedRead, PlaceRead, WaitingLineRead, WaitingRead
from app.capacity.facts import unit_facts
from app.capacity.occupancy import span_of
from app.capacity.supply import UnitFacts
from app.core.clock import today
from app.core.errors import NotFound
from app.core.paging import PageQuery
from app.core.tenancy import go_across
from app.identity.actor import Actor
from app.matching.match import match_line
from app.matching.outcome import Reason, ReasonCode
from app.matching.wording import sentence
from app.requests.service import get_request

MOST_SHOWN = 50


async def read_request_waiting(session: AsyncSession, actor: Actor, request_id: UUID) -> WaitingRead:
    """Return where a request stands, to its owner or the coordinator: how many are ahead of it, and never who.

    Raises
    ------
    NotFound
        If there is none, or it is another's.
    """
    request = await get_request(session, actor, request_id)
    await go_across(session)
    policy, _ = await current_policy(session)
    [own] = await read_waiting(session, [request], policy, today())
    waits = request.waiting_since_at is not None
    lines, ahead = await _before(session, own, policy) if waits else (None, None)
    return WaitingRead(
        request_id=request.id,
        status=request.status,
        waits=waits,
        waiting_since_at=request.waiting_since_at,
        wants_earlier=request.wants_earlier,
        earlier_until_on=request.earlier_until_on,
        tier=own.tier,
        points=own.points,
        lines=lines,
        ahead=ahead,
        decisions=await _decided(session, request_id, tell_why=is_coordinator(actor)),
    )


async def _before(session: AsyncSession, own: Waiting, policy: RoundPolicy) -> tuple[int, int]:
    """Return how many lines could serve a request, and how many that wait are before it on one of them."""
    modality = own.request.modality
    units = (await unit_facts(session, modalities=[modality])).values()
    possible = [unit for unit in units if _could_take(own, unit, policy)]
    requests = await waiting_list.requests_waiting_for(session, [modality])
    others = await read_waiting(session, requests, policy, today())
    ahead = [
        one
        for one in others
        if one.turn < own.turn and one.barred_by is None and any(_could_take(one, unit, policy) for unit in possible)
    ]
    return len({unit.line_id for unit in possible}), len(ahead)


def _could_take(waiting: Waiting, unit: UnitFacts, policy: RoundPolicy) -> bool:
    """Tell whether nothing stands between a request and a line but a free place."""
    return not match_line(waiting.wanted, unit, today(), match_policy(policy)).reasons


async def _decided(session: AsyncSession, request_id: UUID, *, tell_why: bool) -> list[DecidedRead]:
    rows = await waiting_list.lines_about(session, request_id, MOST_SHOWN)
    places = await _places(session, [decision for _, decision in rows], tell_why=tell_why)
    return [
        DecidedRead(
            decision_id=decision.id,
            decided_at=decision.created_at,
            place=places[decision.id],
            facts=_told(line.facts),
            **line.model_dump(include={"result", "reason_code", "position", "tier", "points", "offer_id"}),
        )
        for line, decision in rows
    ]


def _told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures behind a reason, with a sentence beside each reason of matching that has two sides."""
    if "reasons" not in facts:
        return dict(facts)
    return {
        **facts,
        "reasons": [{**one, "sentence": _sentence(one)} if "asked" in one else one for one in facts["reasons"]],
    }


def _sentence(reason: Mapping[str, Any]) -> str:
    asked, offered = (tuple(side) if isinstance(side, list) else side for side in (reason["asked"], reason["offered"]))
    return sentence(Reason(ReasonCode(reason["code"]), asked, offered))


async def _places(
    session: AsyncSession, decisions: Sequence[WaitingDecision], *, tell_why: bool
) -> dict[UUID, PlaceRead]:
    """Return what each decision was about; there is no decision without freed days.

    Why another start-up has left them is for the coordinator alone to know.
    """
    freed = await waiting_list.freed_by(session, [decision.id for decision in decisions])
    names = await named_places(session, {one.slot_id for one in freed})
    found: dict[UUID, PlaceRead] = {}
    for one in freed:
        assert one.decision_id is not None  # noqa: S101 - they were found by it
        named, days = names[one.slot_id], span_of(one.period)
        place = found.setdefault(
            one.decision_id,
            PlaceRead(unit_id=named.unit_id, unit=named.unit, line=named.line, site=named.site, freed=[]),
        )
        place.freed.append(
            FreedRead(
                slot_id=one.slot_id,
                start=days.start_on,
                end=days.end_on,
                reason_code=one.reason_code if tell_why else None,
            )
        )
    return found


async def page_decisions(
    session: AsyncSession, actor: Actor, paging: PageQuery
) -> tuple[list[DecisionRead], str | None]:
    """Return one page of all decisions, oldest first, to the coordinator; for everybody else there is no such list.

    Raises
    ------
    NotFound
        To anybody else.
    """
    if not is_coordinator(actor):
        raise NotFound("There is no waiting list among what you can see: each request tells its own part.")
    decisions, cursor = await waiting_list.page_decisions(session, paging)
    places = await _places(session, decisions, tell_why=True)
    lines: dict[UUID, list[WaitingLine]] = defaultdict(list)
    for line in await waiting_list.lines_of(session, [decision.id for decision in decisions]):
        lines[line.decision_id].append(line)
    return [_decision(one, places[one.id], lines[one.id]) for one in decisions], cursor


def _decision(decision: WaitingDecision, place: PlaceRead, lines: Sequence[WaitingLine]) -> DecisionRead:
    return DecisionRead(
        id=decision.id,
        decided_at=decision.created_at,
        place=place,
        outcome=decision.outcome,
        reason_code=decision.reason_code,
        as_of_on=decision.as_of_on,
        policy_version=decision.policy.get("version"),
        run_id=decision.run_id,
        lines=[
            WaitingLineRead(
                facts=_told(line.facts), **line.model_dump(exclude={"id", "created_at", "decision_id", "facts"})
            )
            for line in lines
        ],
    )
