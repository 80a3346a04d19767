"""From a run that planned an active crisis anew to its amendment: proposed, or superseded with what it rested on."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.allocation.models import Run, RunState
from app.audit.author import Author
from app.audit.service import record
from app.capacity.models import FreezeHolder
from app.capacity.service import freeze_slots, lock_units, thaw
from app.crisis import repository
from app.crisis.amendment_body import Amending, amendment_body
from app.crisis.amendment_grounds import AMENDMENT, ask_for_grounds, outcome_of, seconds_for_grounds
from app.crisis.asking_anew import wanted_by
from app.crisis.body import plan_hash
from app.crisis.calendars import changed_units
from app.crisis.composing import made_of
from app.crisis.errors import PlanOutdated
from app.crisis.minimality import MINIMALITY, said_in
from app.crisis.models import CrisisMode, CrisisPlan, CrisisStatus, PlanStatus
from app.crisis.planning import supersede
from app.crisis.power_checks import legal_grounds_of
from app.crisis.references import References
from app.crisis.scoping import brief_of
from app.crisis.standing import still_holds
from app.crisis.stock import take_stock

REPLANNER = Author.of_job("crisis_replan")
OPEN = frozenset({PlanStatus.PROPOSED, PlanStatus.SIGNED})


async def take_up_amendment(session: AsyncSession, run: Run) -> None:
    """Propose what a run has found as an amendment, in the transaction that ends the run; the crisis stays active.

    The slots that it needs, and no others, are held still until it is activated; in a drill none is. An earlier
    amendment that is not activated yet is superseded; the plan of a cancelled run is taken only where there is none.

    Raises
    ------
    PlanOutdated
        If an order has been countered or has failed since, or a calendar that the amendment touches has changed; a
        drill stands as of the day it was planned.
    PowerLacking
        If the powers that it rests on have ended meanwhile.
    """
    if run.crisis_id is None or run.solution is None:
        return
    crisis = await repository.lock_crisis(session, run.crisis_id)
    if crisis is None or crisis.status is not CrisisStatus.ACTIVE:
        return
    is_open = bool(await repository.plans_of(session, crisis.id, OPEN))
    if run.state is not RunState.SUCCEEDED and is_open:
        return
    asked = Amending.model_validate(run.references[AMENDMENT])
    stock = await take_stock(session, crisis, asked.unavailable_unit_ids, asked.available_unit_ids)
    if stock.plan_id != asked.plan_id or not still_holds(asked.orders, stock.documents):
        raise PlanOutdated("Orders have been answered, or their campaigns have changed, meanwhile: plan anew.")
    brief = wanted_by(asked, await brief_of(session, crisis, asked.as_of_on))
    references = References.model_validate({name: run.references[name] for name in References.model_fields})
    outcome = outcome_of(run.problem, run.solution, references, asked, brief)
    settled, mode = outcome.settled, crisis.mode.value
    made = made_of(brief, references, settled, run.problem, run.solution, mode=mode, tiers_tried=_tiers_tried(run))
    body = amendment_body(made, asked, standing=stock.standing, pending=stock.pending, filling_from_on=crisis.as_of_on)
    seen = _seen(run, body)
    if crisis.mode is CrisisMode.REAL:
        await lock_units(session, [UUID(unit) for unit in seen])
    if crisis.mode is CrisisMode.REAL and (changed := await changed_units(session, seen)):
        raise PlanOutdated(
            f"Calendars changed in {len(changed)} places while the crisis was planned anew: do it again."
        )
    body = {
        **body,
        "calendar_versions": seen,
        "legal_grounds": await legal_grounds_of(session, crisis, body),
        MINIMALITY: said_in(body, is_looked_at=seconds_for_grounds(run) > 0),
    }
    await supersede(session, REPLANNER, crisis)
    plan = CrisisPlan(
        crisis_id=crisis.id,
        run_id=run.id,
        amends_id=asked.plan_id,
        tier=body["tier"],
        plan_hash=plan_hash(body),
        body=body,
    )
    session.add(plan)
    await ask_for_grounds(session, crisis, run, plan, outcome)
    await record(session, REPLANNER, "crisis_plan.proposed", plan, reason_code=asked.reason_code)
    if crisis.mode is CrisisMode.REAL:
        await thaw(session, REPLANNER, crisis.id)
        slots = {UUID(place["slot_id"]) for place in _places(body)}
        await freeze_slots(session, REPLANNER, FreezeHolder.CRISIS, crisis.id, sorted(slots))


def _tiers_tried(run: Run) -> list[dict[str, int]]:
    """Return for each problem solved what it added to the targets."""
    reached: Sequence[int] | None = (run.baselines or {}).get("surge_output_by_step")
    if reached is None:
        levels = (run.solution or {}).get("levels", ())
        reached = [level["value"] for level in levels if level["objective"] == "surge_output"]
    tried = zip(run.references["solved_tiers"], reached, strict=False)
    return [{"tier": tier, "target_doses": doses} for tier, doses in tried]


def _seen(run: Run, body: Mapping[str, Any]) -> dict[str, int]:
    """Return the calendars that an amendment touches, in the versions that it was made from."""
    touched = {place["unit_id"] for place in [*_places(body), *body["orders"]["released"], *body["orders"]["changed"]]}
    return {unit: run.calendar_versions[unit] for unit in sorted(touched) if unit in run.calendar_versions}


def _places(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return every place that an amendment adds a campaign to, takes from a booking, or holds for one."""
    moved = [place for one in body["displacements"] for place in (one["from"], one["to"]) if place]
    return [*body["campaigns"], *moved]
