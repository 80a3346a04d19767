"""Two pairs of a start-up and a CDMO whose every confidential text, figure and identifier is known for whose it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.bookings.slip_models import Slip, SlipMove, SlipMoveStatus
from app.capacity.models import Approval
from app.core.model import metadata
from app.core.vocabulary import Reserve
from app.identity.models import Organisation, OrganisationKind, Role
from tests.app.allocation.conftest import Rounds, planned_by_greed
from tests.app.crisis.conftest import Crises, iso
from tests.confidentiality.whose import knowers_of
from tests.support.world import World, day

Headers = Mapping[str, str]
PAIRS = (("A", "X"), ("B", "Y"))
"""Start-ups A and B, and their CDMOs X and Y: neither start-up deals with the other's."""

READERS = ("A", "B", "asking", "X", "Y", "stranger", "observer", "authority", "nobody")
"""Of the start-ups, `asking` has asked X whether its line would do, and no more."""

BUYERS = frozenset({"A", "B", "asking", "authority"})

THEMES = {"A": "new_production_systems", "B": "better_units_and_processes"}
"""The theme of a product is one of few words: these two are nobody else's."""


@dataclass
class Play:
    """What was played, who may find each canary, and the keys of the readers."""

    client: httpx.AsyncClient
    world: World
    owner: AsyncEngine
    keys: dict[str, Headers] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    readers_of: dict[str, frozenset[str]] = field(default_factory=dict)
    meaning: dict[str, str] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def canary(self, what: str, *readers: str) -> str:
        """Return a text that nobody but these readers may find in an answer."""
        return self.known_as(f"canary{next(self._numbers):04d}z", what, *readers)

    def price(self, what: str, *readers: str) -> int:
        """Return an amount in cents that nobody but these readers may find in an answer."""
        return int(self.known_as(f"{77_000_000 + 13 * next(self._numbers)}", what, *readers))

    def known_as(self, value: str, what: str, *readers: str) -> str:
        """Note that nobody but these readers may find a text in an answer, and return it."""
        self.readers_of[value], self.meaning[value] = frozenset(readers), what
        return value

    def filled(self, told: str) -> str:
        """Return a text with a thing of a party, as `{slot X}`, replaced by its identifier."""
        return re.sub(r"{(\w+ \w)}", lambda found: min(self.ids[found[1]]), told)

    async def send(self, who: str, path: str, body: Any = None, *, expect: int = 200, verb: str = "POST") -> Any:
        """Send one request as a reader, and check its status."""
        answer = await self.client.request(verb, path, json=body, headers=self.keys[who])
        assert answer.status_code == expect, f"{path}: {answer.text}"
        return answer.json()


async def played(client: httpx.AsyncClient, world: World, owner: AsyncEngine, crises: Crises) -> Play:
    """Play it all: asked, held, approved, slipped, refused, offered, waited for, ordered and displaced."""
    play = Play(client, world, owner)
    for name, kind, role in (
        *((startup, OrganisationKind.STARTUP, Role.STARTUP_MEMBER) for startup, _ in PAIRS),
        *((cdmo, OrganisationKind.CDMO, Role.CDMO_PLANNER) for _, cdmo in PAIRS),
        ("asking", OrganisationKind.STARTUP, Role.STARTUP_MEMBER),
        ("stranger", OrganisationKind.CDMO, Role.CDMO_PLANNER),
        ("observer", OrganisationKind.OBSERVER, Role.OBSERVER),
    ):
        made = play.organisations[name] = await world.organisation(kind)
        play.keys[name] = await world.headers(made, role)
    play.keys |= {"coordinator": crises.coordinator, "authority": crises.authority, "nobody": {}}
    for startup, cdmo in PAIRS:
        await _supply(play, cdmo, startup)
        await _demand(play, startup, cdmo)
    await _ask(play, "asking", "X")
    await _round(play)
    await _crisis(play, crises)
    await _note_identifiers(play)
    return play


async def _supply(play: Play, cdmo: str, startup: str) -> None:
    """Publish with prices, keep back drafts and commitments, and promise under an agreement."""
    maker = play.organisations[cdmo]
    line_price = play.price(f"price on the line of {cdmo}", cdmo, *BUYERS)
    unit = await play.world.unit(maker)
    place = {"unit_id": str(unit.id), "start": iso(0), "end": iso(120), "approval": "instant"}
    slot_price = play.price(f"price of a slot of {cdmo}", cdmo, *BUYERS)
    play.ids[f"slot {cdmo}"] = {
        (await play.send(cdmo, "/v1/slots", {**place, "price_cents": slot_price}, expect=201))["id"]
    }
    approving = {**place, "start": iso(260), "end": iso(340), "approval": "by_cdmo", "price_cents": slot_price}
    play.ids[f"approving {cdmo}"] = {(await play.send(cdmo, "/v1/slots", approving, expect=201))["id"]}
    kept_back = play.price(f"price of a draft of {cdmo}", cdmo)
    draft = {**place, "start": iso(130), "end": iso(200), "status": "draft", "price_cents": kept_back}
    play.ids[f"draft {cdmo}"] = {(await play.send(cdmo, "/v1/slots", draft, expect=201))["id"]}
    play.ids[f"unit {cdmo}"] = {str(unit.id)}
    note = play.canary(f"note on a commitment of {cdmo}", cdmo)
    busy = {"unit_id": str(unit.id), "start": iso(210), "end": iso(250), "kind": "other", "note": note}
    await play.send(cdmo, "/v1/commitments", busy, expect=201)
    line = await play.client.get(f"/v1/lines/{unit.line_id}", headers=play.keys[cdmo])
    terms = line.json()["terms"][0]
    terms = {name: terms[name] for name in ("modality", "release_days", "yield_per_batch", "yield_unit")}
    priced = {"terms": [{**terms, "price_cents": line_price, "is_standard": True}]}
    await play.send(cdmo, f"/v1/lines/{unit.line_id}", priced, verb="PATCH")
    reviewed = await play.world.unit(maker)
    play.ids[f"line {cdmo}"] = {str(reviewed.line_id)}
    async with play.owner.begin() as connection:
        await connection.execute(
            text("UPDATE line_modalities SET is_standard = false WHERE line_id = :line"), {"line": reviewed.line_id}
        )
    agreement = {
        "organisation_id": str(maker.id),
        "funder": play.canary(f"funder of the reserve of {cdmo}", cdmo),
        "reserve": "startup",
        "line_id": str(unit.line_id),
        "start": iso(0),
        "end": iso(365),
        "batch_days_per_quarter": 40,
        "readiness_fee_cents": play.price(f"readiness fee of {cdmo}", cdmo),
    }
    await play.send("coordinator", "/v1/agreements", agreement, expect=201)


async def _demand(play: Play, startup: str, cdmo: str) -> None:
    """One request that is held, approved and slips; one that is asked about; and one that nobody is told of."""
    code_name = play.canary(f"code name of a product of {startup}", startup)
    product = {"code_name": code_name, "modality": "monoclonal_antibody", "platform": "CHO"}
    product["theme"] = play.known_as(THEMES[startup], f"theme of {startup}", startup)
    product_id = (await play.send(startup, "/v1/products", product, expect=201))["id"]
    later = {"code_name": play.canary(f"second code name of {startup}", startup)}
    await play.send(startup, f"/v1/products/{product_id}", later, verb="PATCH")

    async def request(**given: Any) -> str:
        body = {
            "product_id": product_id,
            "batches": 1,
            "gmp_phase": "phase_1",
            "earliest_on": iso(0),
            "latest_delivery_on": iso(365),
            "budget_cents": play.price(f"budget of {startup}", startup) * 10,
            "grounds": {"continuity": True, "evidence": play.canary(f"grounds of {startup}", startup)},
            **given,
        }
        made = await play.send(startup, "/v1/requests", body, expect=201)
        await play.send(startup, f"/v1/requests/{made['id']}/submit")
        return str(made["id"])

    untold = await request()
    play.ids |= {f"product {startup}": {product_id}, f"request {startup}": {untold}}
    confirmed = {"continuity": True, "note": play.canary(f"note of the coordinator on grounds of {startup}")}
    await play.send("coordinator", f"/v1/requests/{untold}/grounds", confirmed)
    await play.send(startup, f"/v1/requests/{untold}/wait")
    await play.send(startup, "/v1/alerts", {"request_id": untold}, expect=201)

    both = (startup, cdmo)
    question = {
        "request_id": await request(),
        "line_id": next(iter(play.ids[f"line {cdmo}"])),
        "disclosed_summary": play.canary(f"what {startup} disclosed to {cdmo}", *both),
        "nda_reference": play.canary(f"agreement between {startup} and {cdmo}", *both),
        "consent": True,
    }
    asked = (await play.send(startup, "/v1/feasibilities", question, expect=201))["id"]
    play.ids[f"feasibility {startup}"] = {asked}
    answer = {"status": "feasible_if", "condition": play.canary(f"condition of {cdmo} to {startup}", *both)}
    await play.send(cdmo, f"/v1/feasibilities/{asked}/answer", answer)

    slot = next(iter(play.ids[f"slot {cdmo}"]))
    held = {"slot_id": slot, "start": iso(10), "request_id": await request()}
    booking = (await play.send(startup, "/v1/bookings", held, expect=201))["id"]
    await play.send(startup, f"/v1/bookings/{booking}/confirm")
    left = (
        await play.send(startup, "/v1/bookings", held | {"start": iso(60), "request_id": await request()}, expect=201)
    )["id"]
    await play.send(startup, f"/v1/bookings/{left}/confirm")
    why = {"reason_code": "funding", "reason_text": play.canary(f"why {startup} left a place", startup)}
    await play.send(startup, f"/v1/bookings/{left}/cancel", why)
    later = {"slot_id": min(play.ids[f"approving {cdmo}"]), "start": iso(265), "request_id": await request()}
    asked_for = (await play.send(startup, "/v1/bookings", later, expect=201))["id"]
    await play.send(startup, f"/v1/bookings/{asked_for}/confirm")
    await play.send(cdmo, f"/v1/bookings/{asked_for}/approve")
    reason = play.canary(f"why {cdmo} runs late for {startup}", *both)
    slip = await play.world.add(
        Slip(booking_id=booking, expected_end_on=day(60), reason_code="equipment_failure", reason_text=reason)
    )
    await play.world.add(
        SlipMove(slip_id=slip.id, booking_id=booking, status=SlipMoveStatus.UNPLACED, unplaced_code="no_place")
    )


async def _ask(play: Play, startup: str, cdmo: str) -> None:
    """Ask for feasibility, and leave it at that: who asks, the CDMO learns with a hold or an offer."""
    product = {"code_name": play.canary(f"code name of {startup}", startup), "modality": "monoclonal_antibody"}
    product_id = (await play.send(startup, "/v1/products", product, expect=201))["id"]
    body = {"product_id": product_id, "batches": 1, "gmp_phase": "phase_2"}
    dates = {"earliest_on": iso(0), "latest_delivery_on": iso(90)}  # too soon for any place of the round
    request_id = (await play.send(startup, "/v1/requests", body | dates, expect=201))["id"]
    question = {
        "request_id": request_id,
        "line_id": min(play.ids[f"line {cdmo}"]),
        "disclosed_summary": play.canary(f"what {startup} disclosed to {cdmo}", startup, cdmo),
        "consent": True,
    }
    asked = (await play.send(startup, "/v1/feasibilities", question, expect=201))["id"]
    await play.send(cdmo, f"/v1/feasibilities/{asked}/answer", {"status": "feasible"})


async def _round(play: Play) -> None:
    """Let a round place requests on the reserve of either CDMO."""
    for _, cdmo in PAIRS:
        unit = await play.world.unit(play.organisations[cdmo])
        await play.world.slot(unit, 0, 60, reserve=Reserve.STARTUP, approval=Approval.INSTANT)
    rounds = Rounds(play.client, play.keys["coordinator"])
    round_id, run = await planned_by_greed(rounds, play.world)
    await rounds.post(f"/v1/rounds/{round_id}/publish")
    play.ids["run_id"] = {str(run["id"])}


async def _crisis(play: Play, crises: Crises) -> None:
    """Order a campaign of X."""
    unit = await play.world.unit(play.organisations["X"])
    await play.world.slot(unit, 0, 300, reserve=Reserve.CRISIS)
    crisis_id, _ = await crises.activated()
    play.ids["crisis_id"] = {crisis_id}


async def _note_identifiers(play: Play) -> None:
    """Note of every identifier who may find it."""
    names = {made.id: name for name, made in play.organisations.items()}
    async with play.owner.connect() as connection:
        authority = await connection.scalar(text("SELECT id FROM organisations WHERE kind = 'authority'"))
        names[authority] = "authority"
        for kind, known in (await knowers_of(connection, names)).items():
            play.ids[kind] = set(known)
            for identifier, readers in known.items():
                signs = kind == "people" and "others" in readers  # the coordinator, on the plan of the crisis
                extra = {"authority"} if kind == "crisis_orders" or signs else set()
                play.readers_of[identifier] = frozenset(readers | extra)
                play.meaning[identifier] = f"identifier of {kind}, known to {', '.join(sorted(readers))}"
        for table in metadata.sorted_tables:
            if "id" in table.columns and table.name not in play.ids:
                play.ids[table.name] = set(map(str, await connection.scalars(select(table.columns["id"]))))
