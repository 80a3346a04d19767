"""Signatures: two different people, the coordinator's and the authority's, sign the same hash of the same plan."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import record, snapshot
from app.core.errors import NotFound, StateConflict
from app.core.tenancy import go_across
from app.crisis import repository, runs_repository
from app.crisis.body import plan_hash
from app.crisis.errors import AlreadySigned, NotAPerson, PlanChanged, StillCompared, TooLate
from app.crisis.lateness import lateness_of
from app.crisis.models import Crisis, CrisisMode, CrisisPlan, CrisisSignature, CrisisStatus, PlanStatus
from app.crisis.plan_schemas import SignCommand
from app.crisis.planning import supersede
from app.crisis.power_checks import require_powers_for
from app.crisis.service import change_status, locked_crisis, require_status
from app.identity.actor import Actor
from app.identity.models import Role

SIGNATORIES = (Role.COORDINATOR, Role.AUTHORITY)


async def sign_plan(session: AsyncSession, actor: Actor, crisis_id: UUID, command: SignCommand) -> CrisisPlan:
    """Sign a plan for one's role; with the second signature the plan and its crisis are signed.

    The other plans to choose from are then superseded, and with them what was signed of them. So with an amendment,
    whatever it changes: what the State orders is the authority's to sign, even where nobody gives way. Its crisis stays
    active.

    Raises
    ------
    NotAPerson
        If the key is in nobody's hands.
    PlanChanged
        If the hash sent is not that of the plan.
    AlreadySigned
        If the person has signed it, under whatever key, or the role has.
    StillCompared
        If plans to choose from are still being made beside it.
    TooLate
        If, in a real crisis, it could not be activated today any more: since it was made, days have gone by.
    PowerLacking
        If the powers that it rests on have ended.
    StateConflict
        If the crisis is not planned, or for an amendment not active, or the plan is superseded.
    """
    actor.require(*SIGNATORIES)
    if actor.person_id is None:
        raise NotAPerson("This key is in nobody's hands: sign with a key that was issued to a person.")
    await go_across(session)
    crisis = await locked_crisis(session, crisis_id)
    plan = await _signable(session, crisis, command)
    await _require_compared(session, actor, plan)
    _require_in_time(crisis, plan)
    await require_powers_for(session, crisis, plan.body)
    signed = (await repository.signatures_of(session, [plan.id]))[plan.id]
    if any(one.person_id == actor.person_id for one in signed):
        raise AlreadySigned("You have signed this plan: another person signs for the other role.")
    if any(one.role == actor.role.value for one in signed):
        raise AlreadySigned(f"The {actor.role.value} has signed this plan already.")
    signature = CrisisSignature(
        plan_id=plan.id, person_id=actor.person_id, role=actor.role.value, plan_hash=command.plan_hash
    )
    session.add(signature)
    await record(session, actor, "crisis_plan.signature", signature)
    if {one.role for one in [*signed, signature]} == {role.value for role in SIGNATORIES}:
        before = snapshot(plan)
        plan.status = PlanStatus.SIGNED
        await record(session, actor, "crisis_plan.signed", plan, before=before)
        await supersede(session, actor, crisis, {PlanStatus.PROPOSED})
        if plan.amends_id is None:
            await change_status(session, actor, crisis, CrisisStatus.SIGNED)
    return plan


async def _require_compared(session: AsyncSession, actor: Actor, plan: CrisisPlan) -> None:
    """Let pass only a plan beside which no others are being made: what is signed is chosen, with its grounds read.

    An amendment is signed at once: nothing is made to choose from beside it, and its body has the bound on what it
    asks.
    """
    run_id = (await runs_repository.runs_beside_plans(session, plan.crisis_id)).get(plan.run_id)
    if run_id is not None and plan.amends_id is None:
        or_else = "cancel it" if actor.role is Role.COORDINATOR else "ask the coordinator to cancel it"
        raise StillCompared(
            "This plan is still being compared with others, and why it asks what it asks is worked out: wait for the"
            f" run, or {or_else}.",
            facts={"run_id": str(run_id)},
        )


def _require_in_time(crisis: Crisis, plan: CrisisPlan) -> None:
    """Let pass only a plan that could be activated today; a drill reasons from its own day."""
    if crisis.mode is CrisisMode.REAL and (facts := lateness_of(plan.body)):
        raise TooLate(
            "Campaigns of this plan should have started by today, or lots would give way with too little notice: plan"
            " again.",
            facts=facts,
        )


async def _signable(session: AsyncSession, crisis: Crisis, command: SignCommand) -> CrisisPlan:
    """Return the plan to be signed, whose body still has the hash that it was proposed with."""
    plans = {plan.id: plan for plan in await repository.plans_of(session, crisis.id)}
    plan = plans.get(command.plan_id)
    signable_in = CrisisStatus.PLANNED if plan is None or plan.amends_id is None else CrisisStatus.ACTIVE
    require_status(crisis, {signable_in}, "be signed")
    if plan is None:
        raise NotFound.of("plan", command.plan_id)
    if plan.status is not PlanStatus.PROPOSED:
        raise StateConflict(f"This plan is {plan.status.value}.", facts={"plan_status": plan.status.value})
    if not command.plan_hash == plan.plan_hash == plan_hash(plan.body):
        raise PlanChanged("The hash is not that of this plan: read the plan again, and sign what it says now.")
    return plan
