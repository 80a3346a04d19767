"""How each operation is tried: what its body is, and which identifiers say what it is about."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from app.identity.models import Role
from tests.app.crisis.conftest import declaration
from tests.support.world import day

Ids = Mapping[str, UUID]
Body = Callable[[Mapping[str, str]], Any]
NOT_FOUND, INVALID = 404, 422


@dataclass(frozen=True, slots=True)
class Call:
    """One way to try an operation.

    Attributes
    ----------
    body
        Its body, out of the identifiers; None for none.
    rows
        The lines of a file that is sent instead, out of the identifiers.
    subjects
        The identifiers that are varied, one at a time: those in the path, if nothing else is said.
    alias
        The identifier that stands for one in the path, by the name of that.
    refusal
        The status of the answer about what is not there: of what the body names, some operations find a field at fault.
    vacuous
        Roles to which nothing of the kind ever belongs, although it might by the rule.
    listed
        Of a list, the identifier of what is in it.
    content_type
        What the body is said to be; None: JSON.
    """

    body: Body | None = None
    rows: Callable[[Mapping[str, str]], list[str]] | None = None
    subjects: tuple[str, ...] | None = None
    alias: Mapping[str, str] | None = None
    refusal: int = NOT_FOUND
    vacuous: frozenset[Role] = frozenset()
    listed: str | None = None
    query: str = ""
    content_type: str | None = None

    def names(self, path: str) -> tuple[str, ...]:
        """Return the identifiers that are varied."""
        names = tuple(re.findall(r"{(\w+)}", path)) if self.subjects is None else self.subjects
        return tuple((self.alias or {}).get(name, name) for name in names)

    def address(self, path: str, ids: Mapping[str, str]) -> str:
        """Return the path with its identifiers, and the query with its."""
        stands = {name: ids[other] for name, other in (self.alias or {}).items()}
        return (path + self.query).format_map({**ids, **stands})


def _whole(**body: Any) -> Body:
    return lambda _: body


def _guest(**given: str) -> dict[str, str]:
    return {"email": f"{uuid4()}@example.org", "name": "A. Guest", **given}


SLOT = {"start": str(day(600)), "end": str(day(700))}
REASON = {"reason_code": "other"}
PLANNED: dict[str, Any] = {
    "name": "Round",
    "reserves": ["startup"],
    "start": str(day(0)),
    "end": str(day(365)),
    "as_of_on": str(day(-10)),
}
LINE = {"modalities": ["monoclonal_antibody"], "gmp_phases": ["phase_1"], "first_batch_days": 40}
NEED = {
    "batches": 1,
    "gmp_phase": "phase_1",
    "earliest_on": str(day(0)),
    "latest_delivery_on": str(day(365)),
}
PROMISE = {
    "funder": "State",
    "reserve": "startup",
    "modality": "monoclonal_antibody",
    "batch_days_per_quarter": 30,
    **SLOT,
}
LASTING = {
    "kind": "requisition_or_order",
    "act_reference": "Decree",
    "signatory": "The minister",
    "start": str(day(-2000)),
    "end": str(day(450)),
}
UNORDERED = frozenset({Role.STARTUP_MEMBER, Role.OBSERVER})
"""Roles whose organisations get no orders in a crisis."""
NOT_SELF = frozenset(Role) - {Role.COORDINATOR, Role.ADMIN}
"""Roles that may not have a copy of what is held of a colleague."""
OF_PERSON: dict[str, Any] = {"query": "?person_id={person_id}", "subjects": ("person_id",)}

HOLD: Body = lambda ids: {"slot_id": ids["slot_id"], "start": str(day(180)), "request_id": ids["request_id"]}  # noqa: E731
HOLD_NEW: Body = lambda ids: {"slot_id": ids["slot_id"], "start": str(day(180)), "product_id": ids["product_id"]}  # noqa: E731

_OTHER_JSON = "application/vnd.creneau+json"
"""With it a hold goes through its dependencies at once, and is not tried the short way first."""

CALLS: Mapping[str, tuple[Call, ...]] = {
    "POST /v1/bookings": (
        Call(HOLD, subjects=("slot_id", "request_id")),
        Call(HOLD_NEW, subjects=("slot_id", "product_id")),
        Call(HOLD_NEW, subjects=("slot_id", "product_id"), content_type=_OTHER_JSON),
    ),
    "GET /v1/bookings": (Call(listed="booking_id"),),
    "POST /v1/bookings/{booking_id}/decline": (Call(_whole(**REASON)),),
    "POST /v1/bookings/{booking_id}/cancel": (Call(_whole(**REASON)),),
    "POST /v1/bookings/{booking_id}/move": (Call(_whole(start=str(day(180)), **REASON)),),
    "POST /v1/bookings/{booking_id}/contract": (Call(_whole(contract_status="signed")),),
    "POST /v1/bookings/{booking_id}/start": (Call(_whole(actual_start_on="2026-01-01")),),
    "POST /v1/bookings/{booking_id}/complete": (Call(_whole(actual_end_on="2026-01-02")),),
    "POST /v1/bookings/{booking_id}/fail": (Call(_whole(failed_on="2026-01-02", cause="cdmo", **REASON)),),
    "POST /v1/bookings/{booking_id}/slip": (Call(_whole(expected_end_on=str(day(200)), **REASON)),),
    "GET /v1/slip-moves": (Call(listed="slip_move_id"),),
    "POST /v1/slip-moves/{slip_move_id}/decline": (Call(_whole(**REASON)),),
    "GET /v1/slots": (Call(listed="slot_id"),),
    "POST /v1/slots": (Call(lambda ids: {"unit_id": ids["unit_id"], **SLOT}, subjects=("unit_id",)),),
    "PATCH /v1/slots/{slot_id}": (Call(_whole(divisible=True)),),
    "POST /v1/slots/{slot_id}/lend": (Call(_whole(recall_notice_days=5), alias={"slot_id": "crisis_slot_id"}),),
    "POST /v1/slots/{slot_id}/recall": (Call(alias={"slot_id": "crisis_slot_id"}),),
    "POST /v1/slots/{slot_id}/split": (Call(_whole(at=[str(day(170))])),),
    "POST /v1/slots/import": (
        Call(
            rows=lambda ids: ["unit_id,start,end", f"{ids['unit_id']},{day(800)},{day(900)}"],
            subjects=("unit_id",),
            refusal=INVALID,
            query="?dry_run=false",
        ),
        Call(
            rows=lambda ids: ["id,divisible", f"{ids['slot_id']},true"],
            subjects=("slot_id",),
            refusal=INVALID,
            query="?dry_run=true",
        ),
    ),
    "GET /v1/slots/export": (Call(listed="slot_id"),),
    "GET /v1/commitments": (Call(listed="commitment_id"),),
    "POST /v1/commitments": (Call(lambda ids: {"unit_id": ids["unit_id"], **SLOT}, subjects=("unit_id",)),),
    "PATCH /v1/commitments/{commitment_id}": (Call(_whole(note="x")),),
    "POST /v1/commitments/import": (
        Call(
            rows=lambda ids: ["unit_id,start,end", f"{ids['unit_id']},{day(950)},{day(960)}"],
            subjects=("unit_id",),
            refusal=INVALID,
            query="?dry_run=false",
        ),
        Call(
            rows=lambda ids: ["id,note", f"{ids['commitment_id']},y"],
            subjects=("commitment_id",),
            refusal=INVALID,
            query="?dry_run=true",
        ),
    ),
    "GET /v1/commitments/export": (Call(listed="commitment_id"),),
    "GET /v1/agreements": (Call(listed="agreement_id"),),
    "POST /v1/agreements": (Call(lambda ids: {"organisation_id": ids["cdmo_id"], **PROMISE}, subjects=("cdmo_id",)),),
    "POST /v1/agreements/{agreement_id}/end": (Call(_whole(end=str(day(300)))),),
    "POST /v1/organisations": (Call(lambda _: {"kind": "startup", "name": f"New {uuid4()}"}),),
    "PATCH /v1/organisations/{organisation_id}": (Call(_whole(city="Évry")),),
    "POST /v1/sites": (
        Call(
            lambda ids: {"organisation_id": ids["cdmo_id"], "name": f"New {uuid4()}", "city": "Évry", "region": "IDF"},
            subjects=("cdmo_id",),
        ),
    ),
    "PATCH /v1/sites/{site_id}": (Call(_whole(note="x")),),
    "POST /v1/lines": (
        Call(lambda ids: {"site_id": ids["site_id"], "name": f"New {uuid4()}", **LINE}, subjects=("site_id",)),
    ),
    "PATCH /v1/lines/{line_id}": (Call(_whole(capacity_note="x")),),
    "GET /v1/keys": (Call(listed="key_id"),),
    "POST /v1/keys": (Call(_whole(label="ERP")),),
    "POST /v1/keys/{key_id}/rotate": (Call(_whole(overlap_minutes=1)),),
    "GET /v1/token-clients": (Call(listed="token_client_id"),),
    "POST /v1/token-clients": (
        Call(
            lambda ids: {"organisation_id": ids["cdmo_id"], "name": "ERP", "client_id": "c", "role": "cdmo_planner"},
            subjects=("cdmo_id",),
        ),
    ),
    "GET /v1/people": (Call(listed="person_id"),),
    "PATCH /v1/people/{person_id}": (Call(_whole(name="A. Other")),),
    "GET /v1/people/{person_id}/export": (Call(alias={"person_id": "self_id"}), Call(vacuous=NOT_SELF)),
    "GET /v1/invitations": (Call(listed="invitation_id"),),
    "POST /v1/invitations": (
        Call(lambda _: _guest()),
        Call(
            lambda ids: _guest(organisation_id=ids["startup_id"], role="startup_member"),
            subjects=("startup_id",),
        ),
        Call(
            lambda ids: _guest(organisation_id=ids["authority_id"], role="authority"),
            subjects=("authority_id",),
        ),
    ),
    "GET /v1/sessions": (Call(), Call(listed="session_id", **OF_PERSON)),
    "DELETE /v1/sessions": (Call(), Call(**OF_PERSON)),
    "GET /v1/products": (Call(listed="product_id"),),
    "POST /v1/products": (Call(_whole(code_name="NEW-1", modality="monoclonal_antibody")),),
    "PATCH /v1/products/{product_id}": (Call(_whole(theme="oncology")),),
    "POST /v1/products/{product_id}/qualifications": (
        Call(lambda ids: {"site_id": ids["known_site_id"], "level": "transferred"}),
    ),
    "GET /v1/requests": (Call(listed="request_id"),),
    "POST /v1/requests": (
        Call(lambda ids: {"product_id": ids["product_id"], **NEED}, subjects=("product_id",), refusal=INVALID),
    ),
    "PATCH /v1/requests/{request_id}": (Call(_whole(budget_cents=1), alias={"request_id": "draft_id"}),),
    "POST /v1/requests/{request_id}/submit": (Call(alias={"request_id": "draft_id"}),),
    "POST /v1/requests/{request_id}/withdraw": (Call(alias={"request_id": "draft_id"}),),
    "POST /v1/requests/{request_id}/grounds": (Call(_whole()),),
    "GET /v1/feasibilities": (Call(listed="feasibility_id"),),
    "POST /v1/feasibilities": (
        Call(
            lambda ids: {
                "request_id": ids["draft_id"],
                "line_id": ids["known_line_id"],
                "disclosed_summary": "An antibody.",
                "consent": True,
            },
            subjects=("draft_id",),
        ),
    ),
    "POST /v1/feasibilities/{feasibility_id}/answer": (Call(_whole(status="feasible")),),
    "GET /v1/alerts": (Call(listed="alert_id"),),
    "POST /v1/alerts": (Call(lambda ids: {"request_id": ids["request_id"]}, subjects=("request_id",)),),
    "GET /v1/rounds": (Call(listed="round_id"),),
    "POST /v1/rounds": (Call(_whole(**PLANNED)),),
    "PATCH /v1/rounds/{round_id}": (Call(_whole(name="Other"), alias={"round_id": "draft_round_id"}),),
    "POST /v1/rounds/{round_id}/open": (Call(alias={"round_id": "draft_round_id"}),),
    "POST /v1/rounds/{round_id}/adjust": (
        Call(lambda ids: {"action": "unplace", "request_id": ids["known_request_id"], "reason_code": "data_error"}),
    ),
    "GET /v1/runs/{run_id}/explanations/{request_id}": (Call(),),
    "GET /v1/offers": (Call(listed="offer_id"),),
    "GET /v1/crises": (Call(listed="crisis_id", vacuous=frozenset({Role.OBSERVER})),),
    "GET /v1/crises/{crisis_id}": (Call(vacuous=frozenset({Role.OBSERVER})),),
    "GET /v1/crises/{crisis_id}/orders": (Call(vacuous=UNORDERED),),
    "GET /v1/crises/{crisis_id}/displacements": (Call(vacuous=frozenset({Role.CDMO_PLANNER, Role.OBSERVER})),),
    "GET /v1/crises/{crisis_id}/restorations": (Call(vacuous=frozenset({Role.CDMO_PLANNER, Role.OBSERVER})),),
    "POST /v1/crises/{crisis_id}/renew": (Call(_whole(end=str(day(450)), powers=[LASTING])),),
    "GET /v1/crises/{crisis_id}/notices": (Call(vacuous=frozenset({Role.OBSERVER})),),
    "POST /v1/crises": (Call(_whole(**declaration())),),
    "PATCH /v1/crises/{crisis_id}": (Call(_whole(title="Other")),),
    "POST /v1/crises/{crisis_id}/sign": (Call(lambda ids: {"plan_id": ids["known_plan_id"], "plan_hash": "0" * 64}),),
    "POST /v1/crises/{crisis_id}/orders/{order_id}/withdraw": (Call(_whole(reason_code="staff")),),
    "POST /v1/crises/{crisis_id}/orders/{order_id}/play": (Call(_whole(answer="accept")),),
    "POST /v1/crises/{crisis_id}/orders/{order_id}/counter": (
        Call(_whole(earliest=str(day(120)), reason_code="staff")),
    ),
}
"""The operations that take a body, list something, or are tried in several ways; all others are sent as they are."""


def calls_of(operation: str) -> tuple[Call, ...]:
    """Return the ways in which an operation is tried."""
    return CALLS.get(operation, (Call(),))
