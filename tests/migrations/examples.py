"""What constraints refuse that cannot be told from their declaration: the change of a valid row for each."""

from typing import Any, NamedTuple

from app.core.model import new_id

NOTHING = "empty"


class Violation(NamedTuple):
    """A valid row of a table with some columns changed, as JSON: a copy of it, or the row itself."""

    table: str
    changes: dict[str, Any]
    copy: bool = True

    @property
    def sql(self) -> str:
        """The statement; its one parameter is the changes."""
        if self.copy:
            return (
                f"INSERT INTO {self.table} OVERRIDING SYSTEM VALUE"  # noqa: S608 - names of our own tables
                f" SELECT changed.* FROM {self.table} valid, jsonb_populate_record(valid, $1) changed LIMIT 1"
            )
        values = ", ".join(f"{name} = (jsonb_populate_record(valid, $1)).{name}" for name in self.changes)
        return f"UPDATE {self.table} valid SET {values}"  # noqa: S608


def _named(table: str, **rules: dict[str, Any]) -> dict[str, Violation]:
    return {f"ck_{table}_{name}": Violation(table, changes) for name, changes in rules.items()}


OF_A_QUARTER = {"kind": "readiness_fee", "agreement_id": str(new_id()), "quarter_on": "2030-01-01"}
"""A charge for a quarter of an agreement that there is not."""

SECOND_SEAL = {
    "sequence": 2,
    "previous_sequence": 1,
    "previous_digest": "\\x" + "31" * 32,
    "first_record_id": 3,
    "last_record_id": 4,
    "record_ids": [3, 4],
}
"""What a second seal has that the first has not."""

ITSELF = str(new_id())
EXAMPLES: dict[str, Violation] = {
    **_named("api_keys", scopes={"scopes": []}, previous={"previous_ends_at": None}),
    **_named("token_clients", scopes={"scopes": []}, named={"subject": ""}),
    **_named(
        "audit_seals",
        chained=SECOND_SEAL | {"previous_digest": None},
        record_ids=SECOND_SEAL | {"record_ids": [], "record_digests": "\\x"},
        record_digests=SECOND_SEAL | {"record_digests": "\\x00"},
        total_records=SECOND_SEAL | {"total_records": 1},
        digest=SECOND_SEAL | {"digest": "\\x00"},
        instants=SECOND_SEAL | {"last_at": "infinity"},
    ),
    **_named("audit_records", id={"id": 0}, at={"id": 9, "at": "0044-03-15T00:00:00Z BC"}),
    **_named("audit_checkpoints", made_at={"made_at": "infinity"}),
    **_named(
        "audit_personal_values",
        digest={"commitment": "\\x00", "value": None, "salt": None, "erased_at": "2030-01-01"},
        erased={"erased_at": "2030-01-01"},
        commitment={"value": "Q"},
    ),
    "ex_audit_seals_overlap": Violation("audit_seals", SECOND_SEAL | {"first_record_id": 2, "record_ids": [2, 4]}),
    **_named(
        "invitations",
        email_folded={"email": "Q@example.org"},
        accepted={"person_id": None},
        ended_once={"withdrawn_at": "2030-01-01T00:00:00Z"},
    ),
    **_named(
        "sign_in_links",
        email_folded={"email": "Q@example.org"},
        secret_sha256={"secret_sha256": "\\x00"},
        used_at={"secret_sha256": None},
    ),
    **_named("letters", ended_once={"dropped_as": "left"}),
    **_named("sign_in_attempts", secret_sha256={"secret_sha256": "\\x00"}),
    **_named(
        "sessions",
        secret_sha256={"secret_sha256": "\\x00"},
        expires_at={"expires_at": "2000-01-01T00:00:00Z"},
        ended_at={"end_reason": "revoked"},
    ),
    **_named("idempotency_keys", request_sha256={"request_sha256": "\\x00"}),
    **_named(
        "agreements",
        period_real={"period": NOTHING},
        batch_days_per_quarter={"batch_days_per_quarter": 0},
        capped_price_cents={"capped_price_cents": -1},
        readiness_fee_cents={"readiness_fee_cents": -1},
        funder={"readiness_fee_cents": 1},
        recoverable_within_days={"recoverable_within_days": -1},
    ),
    **_named("readiness_days", published_batch_days={"published_batch_days": -1}),
    **_named(
        "slots",
        period_real={"period": "[2030-01-01,infinity)"},
        price_cents={"price_cents": -1},
        recall_notice_days={"recall_notice_days": -1},
        max_lent_days={"max_lent_days": 0},
        releases_on_startup={"releases_on": "2030-01-01"},
        lendable_crisis={"lendable": True},
    ),
    **_named("catalogue_state", one={"one": False}),
    **_named("commitments", period_real={"period": "[2030-01-01,)"}),
    **_named(
        "production_lines",
        working_volume_l={"working_volume_l": 0},
        first_batch_days={"first_batch_days": 0},
        cadence_days={"cadence_days": 0},
        changeover_days={"changeover_days": -1},
        transfer_days={"transfer_days": -1},
        batches_in_parallel={"batches_in_parallel": 0},
        cdmo_cancellation_percent={"cdmo_cancellation_percent": 101},
    ),
    **_named(
        "line_modalities",
        release_days={"release_days": -1},
        price_cents={"price_cents": -1},
        yield_per_batch={"yield_per_batch": 0},
    ),
    **_named(
        "requests",
        batches_or_quantity={"batches": None},
        batches={"batches": 0},
        quantity={"batches": None, "quantity": 0, "quantity_unit": "g"},
        quantity_unit={"quantity_unit": "g"},
        volume={"volume_min_l": 2, "volume_max_l": 1},
        dates={"latest_delivery_on": "2030-01-01"},
        budget_cents={"budget_cents": -1},
        priority_tier={"priority_tier": 4},
        priority_points={"priority_points": -1},
        wants_earlier={"wants_earlier": True, "status": "offered", "waiting_since_at": "2030-01-01T00:00:00Z"},
        earlier_until_on={"earlier_until_on": "2030-01-01"},
        waiting_since_at={"waiting_since_at": "2030-01-01T00:00:00Z"},
    ),
    **_named("slot_openings", period_real={"period": NOTHING}, released_on={"released_on": None}),
    **_named("alerts", request_or_filters={"filters": {"region": "Bretagne"}}),
    **_named("feasibilities", reason_code={"status": "not_feasible"}, condition={"status": "feasible_if"}),
    **_named(
        "bookings",
        period_real={"period": NOTHING},
        batches={"batches": 0},
        price_cents={"price_cents": -1},
        hold_expires_at={"status": "cancelled"},
        approval_expires_at={"approval_expires_at": "2030-01-01T00:00:00Z"},
        move={"move": {}},
        free_moves_used={"free_moves_used": -1},
        actual_days={"actual_start_on": "2030-01-02", "actual_end_on": "2030-01-01"},
        free_from_on={"actual_end_on": "2030-01-02", "free_from_on": "2030-01-02"},
        batches_released={"batches_released": 2},
        failure={"failure_cause": "cdmo"},
    ),
    "ck_bookings_repeat": Violation("bookings", {"source": "repeat"}, copy=False),
    **_named(
        "charges",
        amount_cents={"amount_cents": 0},
        resale={"kind": "resale_credit"},
        readiness={"kind": "readiness_fee"},
        quarter_on=OF_A_QUARTER | {"quarter_on": "2030-02-01"},
    ),
    **_named("slip_moves", period_real={"period": NOTHING}, place={"slot_id": None}),
    **_named("rounds", horizon_real={"horizon": NOTHING}, offer_hours={"offer_hours": 0}),
    **_named(
        "runs",
        attempt={"attempt": -1},
        round_id={"round_id": None},
        crisis_id={"kind": "crisis", "round_id": None},
        solution={"state": "succeeded"},
        replay={"replay": {"equal": True}},
    ),
    **_named("run_certificates", document_or_error={"document": {}, "error": "None was made."}),
    **_named(
        "job_attempts",
        attempt={"attempt": 0},
        finished_at={"finished_at": None},
        error={"outcome": "parked"},
    ),
    **_named("offers", round_id={"round_id": None, "status": "declined"}),
    **_named("freed_periods", period_real={"period": NOTHING}, attempts={"attempts": -1}),
    **_named("waiting_decisions", reason_code={"reason_code": None}),
    **_named(
        "waiting_lines",
        position={"position": 0},
        offer_id={"offer_id": None},
        reason_code={"reason_code": "outranked"},
    ),
    **_named("crises", validity_real={"validity": NOTHING}, scenario={"scenario": "of_a_real_crisis"}),
    **_named("crisis_powers", validity_real={"validity": NOTHING}),
    **_named(
        "crisis_plans",
        tier={"tier": 7},
        labels={"labels": ["proposed", "best"]},
        amends_id={"id": ITSELF, "amends_id": ITSELF},
    ),
    **_named(
        "restorations",
        period_real={"period": NOTHING},
        position={"position": 0},
        drill={"is_drill": True},
        respond_by_at={"respond_by_at": None},
        ended_at={"ended_at": "2030-01-01T00:00:00Z"},
        reason_code={"reason_code": "place_taken"},
    ),
    **_named(
        "crisis_orders",
        period_real={"period": NOTHING},
        counter={"status": "countered"},
        withdrawal={"status": "withdrawn"},
        escalated_at={"escalated_at": "2000-01-01T00:00:00Z"},
    ),
    **_named("crisis_notices", subject={"order_id": None}),
    **_named(
        "displacements",
        answered_at={"answered_at": "2030-01-01T00:00:00Z"},
        answer={"answer": "declined", "answered_at": "2030-01-01T00:00:00Z"},
        lapsed={"answer": "lapsed", "answered_at": "2030-01-01T00:00:00Z", "replacement": {}},
    ),
    "ex_slots_published_overlap": Violation("slots", {"id": str(new_id())}),
    "ex_calendar_entries_slot_commitment": Violation(
        "commitments", {"id": str(new_id()), "period": "[2030-01-05,2030-01-06)"}
    ),
    "ex_bookings_live_overlap": Violation("bookings", {"id": str(new_id())}),
}
"""The changes that cannot be told from the declaration alone."""
