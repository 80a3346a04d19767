"""The plans of a crisis to choose from, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.crisis import repository
from app.crisis.choosing import CHOICE_SEARCH
from app.crisis.declaration import YieldBasis
from app.crisis.models import CrisisPlan, CrisisSignature, PlanLabel
from app.crisis.plan_schemas import TargetDoses, TradeOff, TradeOffPoint
from app.crisis.service import get_whole_crisis
from app.identity.actor import Actor


async def show_trade_off(session: AsyncSession, actor: Actor, crisis_id: UUID) -> TradeOff:
    """Return what each plan that is not superseded asks and gives, to the coordinator and the authority.

    An amendment is none to choose from: it asks and gives what it changes of a plan that is in force.

    Raises
    ------
    NotFound
        For anybody else.
    """
    await get_whole_crisis(session, actor, crisis_id)
    plans = [one for one in await repository.current_plans(session, crisis_id) if one.amends_id is None]
    signatures = await repository.signatures_of(session, [plan.id for plan in plans])
    points = [_point(plan, signatures[plan.id]) for plan in plans if "displacement" in plan.body]
    following = await repository.following_runs(session, crisis_id)
    run = next((one for one in following if one.parameters.get("search") == CHOICE_SEARCH), None)
    return TradeOff(
        points=sorted(points, key=lambda one: (one.points, one.bookings, one.cost_cents)),
        run_id=run.id if run else None,
        run_state=run.state if run else None,
        run_error=run.error if run else None,
    )


def _point(plan: CrisisPlan, signatures: Sequence[CrisisSignature]) -> TradeOffPoint:
    body = plan.body
    return TradeOffPoint(
        plan_id=plan.id,
        plan_hash=plan.plan_hash,
        status=plan.status,
        labels=[PlanLabel(label) for label in plan.labels],
        **body["displacement"],
        targets=[_target(target) for target in body["targets"]],
        targets_met=body["targets_met"],
        cost_cents=body["cost"]["total_cents"],
        signed_by=[one.role for one in signatures],
    )


def _target(target: Mapping[str, Any]) -> TargetDoses:
    doses = {basis.value: target[basis.value]["filled"] for basis in YieldBasis}
    met = {f"met_{basis.value}": target[basis.value]["met"] for basis in YieldBasis}
    return TargetDoses(by=target["by"], quantity=target["quantity"], **doses, **met)
