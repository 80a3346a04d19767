"""What each constraint refuses: the change of a valid row that it, and no other, stands against."""

from typing import Any

from sqlalchemy import CheckConstraint, Constraint, Enum, ForeignKeyConstraint, MetaData, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from app.core.model import new_id
from tests.migrations.examples import EXAMPLES, OF_A_QUARTER, SECOND_SEAL, Violation
from tests.migrations.parties import OTHER_PERSON
from tests.migrations.specimens import OTHER_DECISION

IMPLIED = frozenset({"fk_crisis_orders_unit_id", "uq_audit_seals_sequence_digest", "uq_slots_id_unit_id"})
"""Constraints that cannot be broken alone: a stronger one of the same table speaks first."""


def declared(metadata: MetaData) -> dict[str, Violation]:
    """Return a violation for each constraint that the models declare, by the constraint's name.

    Those of closed vocabularies, references and unique columns follow from the declaration; `EXAMPLES` has the rest.

    Raises
    ------
    KeyError
        If a constraint has no example.
    """
    found: dict[str, Violation] = {}
    for table in metadata.tables.values():
        for constraint in table.constraints:
            name = str(constraint.name)
            if isinstance(constraint, ForeignKeyConstraint):
                found[name] = _dangling(table, constraint)
            elif isinstance(constraint, UniqueConstraint):
                found[name] = _twice(table, constraint)
            elif isinstance(constraint, CheckConstraint | ExcludeConstraint):
                found[name] = _outside_vocabulary(table, constraint) or EXAMPLES[name]
    return found


def _outside_vocabulary(table: Table, constraint: Constraint) -> Violation | None:
    """Return a value outside a closed vocabulary, where that is what the constraint is about."""
    for column in table.columns:
        kind = column.type
        if isinstance(kind, Enum) and str(constraint.name) == f"ck_{table.name}_{kind.name}":
            return Violation(table.name, {column.name: "nonsense"} | AROUND.get((table.name, column.name), {}))
    return None


AROUND: dict[tuple[str, str], dict[str, Any]] = {
    ("audit_seals", "previous_sequence"): SECOND_SEAL | {"previous_digest": "\\x" + "32" * 32},
    ("audit_checkpoints", "sequence"): {"sequence": 9},
    ("bookings", "status"): {"hold_expires_at": None},
    ("bookings", "moves_id"): {"source": "move", "move": {}},
    ("bookings", "repeats_id"): {"source": "repeat"},
    ("bookings", "failure_cause"): {"status": "failed", "hold_expires_at": None},
    ("charges", "resale_id"): {"kind": "resale_credit"},
    ("charges", "agreement_id"): OF_A_QUARTER,
    ("displacements", "answer"): {"answered_at": "2030-01-01T00:00:00Z", "replacement": {}},
    ("erasures", "organisation_id"): {"person_id": str(OTHER_PERSON)},
    ("letters", "dropped_as"): {"sent_at": None},
    ("restorations", "status"): {"ended_at": "2030-01-01T00:00:00Z"},
    ("runs", "kind"): {"round_id": None},
    ("runs", "crisis_id"): {"kind": "crisis", "round_id": None},
    ("sessions", "end_reason"): {"ended_at": "2030-01-01T00:00:00Z"},
    ("waiting_decisions", "outcome"): {"reason_code": None},
    ("waiting_lines", "result"): {"offer_id": None},
    ("waiting_lines", "organisation_id"): {"decision_id": str(OTHER_DECISION)},
    ("waiting_lines", "offer_id"): {"decision_id": str(OTHER_DECISION)},
}
"""What else must change for no other constraint to speak first."""


WAITING = ("waiting_decisions", "waiting_lines")


def _dangling(table: Table, constraint: ForeignKeyConstraint) -> Violation:
    """Return a reference to nothing: in a copy where the row may not change, or others refer to it."""
    column = constraint.column_keys[0]
    changes: dict[str, Any] = {column: "nothing_such" if column == "modality" else str(new_id())}
    changes |= AROUND.get((table.name, column), {})
    if table.name == "slots":
        return Violation(table.name, changes | {"id": str(new_id()), "status": "draft"})
    if table.name == "crisis_signatures":
        return Violation(table.name, changes | {"id": str(new_id()), "role": "another"})
    if table.name in {"charges", "crisis_closings", "crisis_notices", "drill_scores", "erasures", "slips", *WAITING}:
        return Violation(table.name, changes | {"id": str(new_id())})
    return Violation(table.name, changes, copy=table.name in {"audit_checkpoints", "audit_seals", "readiness_days"})


def _twice(table: Table, constraint: UniqueConstraint) -> Violation:
    """Return a copy that differs in every unique column but those of one constraint."""
    kept = {column.name for column in constraint.columns}
    changes: dict[str, Any] = {"id": str(new_id())}
    for other in table.constraints:
        if isinstance(other, UniqueConstraint) and other is not constraint:
            changes |= {column.name: str(new_id()) for column in other.columns if column.name not in kept}
    return Violation(table.name, changes)
