"""The matches of a request: every line of the catalogue, as an option or with the reasons why not."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.capacity.facts import slot_facts, unit_facts
from app.core.clock import today
from app.identity.actor import Actor
from app.matching.facts import UnitFacts
from app.matching.match import match
from app.matching.outcome import Caution, Match, Option, Reason, ReasonCode, Value, ranked
from app.matching.policy import DIRECT, ROUND
from app.matching.wording import caution_sentence, sentence
from app.requests.facts import request_facts
from app.requests.match_schemas import (
    CautionRead,
    LineReasons,
    Matches,
    OptionRead,
    PriceRead,
    Purpose,
    ReasonRead,
    Side,
    WindowRead,
)
from app.requests.service import get_request

POLICIES = {Purpose.DIRECT: DIRECT, Purpose.ROUND: ROUND}


async def find_matches(session: AsyncSession, actor: Actor, request_id: UUID, purpose: Purpose) -> Matches:
    """Return what a request can have as of today, to its owner or the coordinator.

    Raises
    ------
    NotFound
        If there is no such request, or it is another's.
    """
    await get_request(session, actor, request_id)
    request = (await request_facts(session, [request_id]))[request_id]
    units = await unit_facts(session)
    slots = await slot_facts(session)
    as_of_on = today()
    matched = [
        match(request, unit, slots.get(unit.unit_id, []), as_of_on, POLICIES[purpose]) for unit in units.values()
    ]
    return Matches(
        request_id=request_id,
        as_of_on=as_of_on,
        purpose=purpose,
        options=[_option(one, units[one.unit_id]) for one in ranked(o for found in matched for o in found.options)],
        reasons=_by_line(matched, units),
    )


def _by_line(matched: Iterable[Match], units: Mapping[UUID, UnitFacts]) -> list[LineReasons]:
    """Return the lines without an option, each by its unit against which the fewest reasons stand, fewest first."""
    nearest: dict[UUID, Match] = {}
    for found in matched:
        known = nearest.get(found.line_id)
        if known is None or len(found.nearest) < len(known.nearest):
            nearest[found.line_id] = found
    refused = [found for found in nearest.values() if not found.options]
    return [_line(units[found.unit_id], found.nearest) for found in sorted(refused, key=lambda one: _order(one, units))]


def _order(found: Match, units: Mapping[UUID, UnitFacts]) -> tuple[int, bool, str, str]:
    """Return the sort key of a refused line: fewest reasons, those of the right modality first, then by name."""
    unit, reasons = units[found.unit_id], found.nearest
    wrong = any(reason.code is ReasonCode.MODALITY for reason in reasons)
    return len(reasons), wrong, unit.site_name, unit.line_name


def _line(unit: UnitFacts, reasons: Iterable[Reason]) -> LineReasons:
    return LineReasons(
        line_id=unit.line_id,
        line_name=unit.line_name,
        site_id=unit.site_id,
        site_name=unit.site_name,
        region=unit.region,
        country=unit.country,
        reasons=[
            ReasonRead(
                code=reason.code,
                asked=_side(reason.asked),
                offered=_side(reason.offered),
                slot_id=reason.slot_id,
                message=sentence(reason, "en"),
                message_fr=sentence(reason, "fr"),
            )
            for reason in reasons
        ],
    )


def _option(option: Option, unit: UnitFacts) -> OptionRead:
    terms, price = option.terms, option.price
    return OptionRead(
        rank=option.rank,
        slot_id=option.slot_id,
        unit_id=option.unit_id,
        unit_name=unit.unit_name,
        line_id=option.line_id,
        line_name=unit.line_name,
        site_id=option.site_id,
        site_name=unit.site_name,
        region=unit.region,
        country=unit.country,
        reserve=option.reserve,
        batches=terms.batches,
        engineering_batches=terms.engineering_batches,
        production_days=terms.production_days,
        changeover_days=terms.changeover_days,
        release_days=terms.release_days,
        transfer_days=terms.transfer_days,
        duration_days=option.duration_days,
        earliest_start_on=option.earliest_start_on,
        latest_start_on=option.latest_start_on,
        start_windows=[WindowRead(first=one.first_on, last=one.last_on) for one in option.start_windows],
        delivery_on=option.delivery_on,
        package_price_cents=price.package_cents,
        price=PriceRead(
            batches_cents=price.batches_cents,
            engineering_cents=price.engineering_cents,
            transfer_cents=price.transfer_cents,
            release_cents=price.release_cents,
            lending_discount_cents=price.lending_discount_cents,
        ),
        cdmo_cancellation_percent=option.cdmo_cancellation_percent,
        basis=option.basis,
        origin=option.origin,
        recallable=option.recallable,
        instant=option.instant,
        cautions=[_caution(one) for one in option.cautions],
    )


def _caution(caution: Caution) -> CautionRead:
    return CautionRead(
        code=caution.code,
        value=_side(caution.value),
        message=caution_sentence(caution, "en"),
        message_fr=caution_sentence(caution, "fr"),
    )


def _side(value: Value) -> Side:
    return list(value) if isinstance(value, tuple) else value
