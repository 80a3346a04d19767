"""Two of everything: what belongs to one start-up and one CDMO, the same of their rivals, and who is neither."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from app.allocation.models import Round
from app.bookings.models import Booking, BookingStatus
from app.bookings.slip_models import Slip, SlipMove
from app.capacity.models import Agreement, Approval, Commitment, Slot, SlotStatus
from app.catalogue.models import ProductionLine, Site
from app.core.clock import now
from app.core.database import transaction
from app.core.model import period
from app.core.vocabulary import Reserve
from app.identity.models import Organisation, OrganisationKind, Role
from app.requests.models import Alert, Feasibility, RequestStatus
from tests.app.allocation.conftest import Rounds, planned_by_greed
from tests.contract.policy.crises import crisis_of
from tests.contract.policy.people import people_of
from tests.contract.policy.programs import program_headers, program_key, token_client
from tests.support.world import World, day

Ids = Mapping[str, UUID]
Headers = Mapping[str, str]

OF_STARTUPS = (
    "product_id",
    "request_id",
    "draft_id",
    "booking_id",
    "slip_move_id",
    "feasibility_id",
    "alert_id",
    "offer_id",
    "displacement_id",
    "restoration_id",
)
OF_CDMOS = (
    "cdmo_id",
    "slot_id",
    "crisis_slot_id",
    "unit_id",
    "line_id",
    "site_id",
    "commitment_id",
    "agreement_id",
    "booking_id",
    "slip_move_id",
    "feasibility_id",
    "order_id",
)
"""What a CDMO owns, or is a party to."""


@dataclass
class Side:
    """What belongs to one start-up and one CDMO, by the names of the parameters that name it."""

    startup: Organisation
    buyer: Headers
    cdmo: Organisation
    ids: dict[str, UUID] = field(default_factory=dict)


@dataclass
class Stage:
    """Everything that the operations are tried on."""

    keys: dict[Role, Headers]
    known: Ids
    own: dict[Role, Ids] = field(default_factory=dict)
    foreign: dict[Role, Ids] = field(default_factory=dict)
    seen: Mapping[Role, Ids] = field(default_factory=dict)
    """What it sees, and has no say about."""
    programs: dict[Role, Headers] = field(default_factory=dict)

    @staticmethod
    def missing() -> Ids:
        """Return identifiers of nothing; new ones each time."""
        return {name: uuid4() for name in _NAMES}


_NAMES = {
    *OF_STARTUPS,
    *OF_CDMOS,
    "organisation_id",
    "key_id",
    "token_client_id",
    "round_id",
    "draft_round_id",
    "run_id",
    "crisis_id",
    "person_id",
    "self_id",
    "session_id",
    "invitation_id",
    "startup_id",
    "authority_id",
}


async def staged(world: World, client: httpx.AsyncClient) -> Stage:
    """Store two sides, a published round in which both take part, one that is a draft, and a crisis of each."""
    coordinator = await world.organisation(OrganisationKind.COORDINATOR)
    ours, theirs = await _side(world), await _side(world)
    owners = {
        Role.STARTUP_MEMBER: ours.startup,
        Role.CDMO_PLANNER: ours.cdmo,
        Role.COORDINATOR: coordinator,
        Role.AUTHORITY: await world.organisation(OrganisationKind.AUTHORITY),
        Role.OBSERVER: await world.organisation(OrganisationKind.OBSERVER),
        Role.ADMIN: coordinator,
    }
    keys = {role: await world.headers(owner, role) for role, owner in owners.items()}
    rounds = Rounds(client, keys[Role.COORDINATOR])
    round_id, run = await planned_by_greed(rounds, world)
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    for side in (ours, theirs):
        [offer] = (await client.get("/v1/offers", headers=side.buyer)).json()["items"]
        side.ids |= {"offer_id": UUID(offer["id"]), "round_id": UUID(round_id), "run_id": UUID(run["id"])}
        await _booked(world, side, UUID(offer["booking_id"]))
        side.ids |= await crisis_of(world, side.cdmo, side.ids)
    draft = await world.add(
        Round(name="Draft", horizon=period(day(0), day(9)), as_of_on=day(0), policy={}, policy_version="round/1")
    )
    hidden = await _draft_slot(world, theirs)
    known = {f"known_{name}": value for name, value in ours.ids.items()}
    of_nobody = {"draft_round_id": draft.id, "organisation_id": ours.startup.id}
    stage = Stage(keys, {**ours.ids, **known, **of_nobody})
    _tell(stage, ours, theirs, draft.id, hidden)
    rivals = {role: theirs.cdmo if role is Role.CDMO_PLANNER else theirs.startup for role in Role}
    for role in (Role.AUTHORITY, Role.OBSERVER):
        rivals[role] = await world.organisation(owners[role].kind)
    acting = {role: await _acting(client, key) for role, key in keys.items()}
    people = await people_of(world, owners, rivals, acting)
    stage.known, stage.seen = {**stage.known, **people.known}, people.seen
    for role, owner in owners.items():
        funds = role in {Role.AUTHORITY, Role.OBSERVER}
        funded: Ids = await _agreement(world, ours, owner) if funds else {}
        own, foreign = await _programs(world, owner, role), await _programs(world, theirs.startup, role)
        stage.own[role] = {**stage.own[role], **funded, **own, **people.own[role]}
        stage.foreign[role] = {**stage.foreign[role], **foreign, **people.foreign[role]}
        stage.programs[role] = await program_headers(world, owner, role)
    return stage


async def _acting(client: httpx.AsyncClient, key: Headers) -> UUID:
    return UUID((await client.get("/v1/me", headers=key)).json()["person"]["id"])


async def _programs(world: World, owner: Organisation, role: Role) -> Ids:
    key, token = await program_key(world, owner, role), await token_client(world, owner, role)
    return {"key_id": key, "token_client_id": token, "organisation_id": owner.id}


def _tell(stage: Stage, ours: Side, theirs: Side, draft_round: UUID, draft_slot: UUID) -> None:
    """Note what is whose: a role that owns nothing of a kind has none of its own, and all of it is foreign."""
    everything = stage.known
    common = {name: ours.ids[name] for name in ("round_id", "run_id", "crisis_id")}
    for role in Role:
        stage.own[role] = everything
        stage.foreign[role] = {**stage.known, **theirs.ids, "slot_id": draft_slot, "round_id": draft_round}
    stage.own[Role.STARTUP_MEMBER] = {name: ours.ids[name] for name in (*OF_STARTUPS, "slot_id")} | common
    stage.foreign[Role.STARTUP_MEMBER] = {**stage.foreign[Role.STARTUP_MEMBER], "run_id": theirs.ids["crisis_run_id"]}
    stage.own[Role.CDMO_PLANNER] = {name: ours.ids[name] for name in OF_CDMOS} | common
    stage.foreign[Role.CDMO_PLANNER] = {**stage.known, **theirs.ids, "round_id": draft_round}
    of_crises = {name: ours.ids[name] for name in ("crisis_id", "order_id", "displacement_id", "restoration_id")}
    crisis_run = {"run_id": ours.ids["crisis_run_id"]}
    published = {"round_id": ours.ids["round_id"], "slot_id": ours.ids["slot_id"]}
    stage.own[Role.AUTHORITY] = {**of_crises, **crisis_run, **published, "plan_id": ours.ids["plan_id"]}
    stage.own[Role.OBSERVER] = {"round_id": ours.ids["round_id"]}


async def _side(world: World) -> Side:
    (startup, buyer), (cdmo, _) = await world.startup(), await world.cdmo()
    side = Side(startup, buyer, cdmo, {"cdmo_id": cdmo.id})
    unit, reserved = await world.unit(cdmo), await world.unit(cdmo)
    product = await world.product(startup)
    request = await world.request(product)
    draft = await world.request(product, status=RequestStatus.DRAFT)
    slot = await world.slot(unit, 0, 240, approval=Approval.INSTANT)
    await world.slot(reserved, 0, 90, reserve=Reserve.STARTUP)
    crisis_slot = await world.slot(reserved, 100, 190, reserve=Reserve.CRISIS, recall_notice_days=5)
    commitment = await world.add(Commitment(unit_id=unit.id, period=period(day(300), day(310))))
    alert = await world.add(Alert(organisation_id=startup.id, request_id=draft.id))
    async with transaction(world.sessions) as session:
        line = await session.get_one(ProductionLine, unit.line_id)
        site = await session.get_one(Site, line.site_id)
    feasibility = await world.add(
        Feasibility(request_id=request.id, line_id=line.id, disclosed_summary="An antibody.", consented_at=now())
    )
    rows = {
        "product_id": product,
        "request_id": request,
        "draft_id": draft,
        "slot_id": slot,
        "crisis_slot_id": crisis_slot,
        "unit_id": unit,
        "crisis_unit_id": reserved,
        "line_id": line,
        "site_id": site,
        "commitment_id": commitment,
        "feasibility_id": feasibility,
        "alert_id": alert,
    }
    side.ids |= {name: row.id for name, row in rows.items()}
    side.ids |= await _agreement(world, side, None)
    return side


async def _agreement(world: World, side: Side, funder: Organisation | None) -> dict[str, UUID]:
    row = Agreement(
        organisation_id=side.cdmo.id,
        funder="State",
        funder_id=funder.id if funder else None,
        reserve=Reserve.STARTUP,
        modality="monoclonal_antibody",
        period=period(day(0), day(365)),
        batch_days_per_quarter=30,
    )
    return {"agreement_id": (await world.add(row)).id}


async def _booked(world: World, side: Side, offered_id: UUID) -> None:
    """Store a confirmed booking on the terms of an offered one, with a slip before it and what that asks of it."""
    async with transaction(world.sessions) as session:
        terms = (await session.get_one(Booking, offered_id)).terms
    first, second = [await _booking(world, side, start, terms) for start in (10, 60)]
    slip = await world.add(Slip(booking_id=first.id, expected_end_on=day(70), reason_code="supply"))
    proposal = SlipMove(
        slip_id=slip.id,
        booking_id=second.id,
        slot_id=second.slot_id,
        period=period(day(110), day(153)),
        delivery_on=day(192),
    )
    side.ids |= {"booking_id": second.id, "slip_move_id": (await world.add(proposal)).id}


async def _booking(world: World, side: Side, start: int, terms: dict[str, Any]) -> Booking:
    product = await world.product(side.startup)
    request = await world.request(product, status=RequestStatus.BOOKED)
    return await world.add(
        Booking(
            slot_id=side.ids["slot_id"],
            unit_id=side.ids["unit_id"],
            organisation_id=side.startup.id,
            request_id=request.id,
            product_id=product.id,
            batches=1,
            period=period(day(start), day(start + 43)),
            delivery_on=day(start + 82),
            reserve=Reserve.OPEN,
            status=BookingStatus.CONFIRMED,
            price_cents=100_000_000,
            terms=terms,
        )
    )


async def _draft_slot(world: World, side: Side) -> UUID:
    row = Slot(unit_id=side.ids["unit_id"], period=period(day(400), day(500)), status=SlotStatus.DRAFT)
    return (await world.add(row)).id
