"""Who is told what of a start-up's affairs: whose objects an actor lists, and which fields of them a CDMO reads when.

Its owner and the coordinator read all of it. Another start-up, an observer, and a CDMO that has no part in it read
nothing: for them it does not exist. What a CDMO reads depends on how far it is in the affair, on each line anew.
"""

from collections.abc import Mapping
from enum import IntEnum
from uuid import UUID

from app.identity.actor import Actor
from app.identity.models import Role


class Stage(IntEnum):
    """How far the CDMO of a line is in the affair of a request; it never goes back, for what is known is known."""

    ASKED = 1
    """The owner has consented to disclose a summary to it, and asks."""

    PLACED = 2
    """A place on its line is or was held, offered or booked for the request."""


NEVER = Stage.PLACED + 1
"""No stage: the service does not tell it to a CDMO at all. What its owner wants it to know, the summary says."""

TOLD_TO_CDMO: Mapping[str, Mapping[str, int]] = {
    "products": {
        "id": NEVER,
        "organisation_id": Stage.PLACED,
        "code_name": NEVER,
        "modality": Stage.PLACED,
        "platform": NEVER,
        "containment": NEVER,
        "theme": NEVER,
        "origin": NEVER,
        "created_at": NEVER,
        "version": NEVER,
    },
    "requests": {
        "id": Stage.ASKED,
        "organisation_id": Stage.PLACED,
        "product_id": NEVER,
        "batches": Stage.PLACED,
        "quantity": NEVER,
        "quantity_unit": NEVER,
        "volume_min_l": NEVER,
        "volume_max_l": NEVER,
        "gmp_phase": Stage.PLACED,
        "earliest_on": NEVER,
        "latest_delivery_on": NEVER,
        "budget_cents": NEVER,
        "sites_preferred": NEVER,
        "sites_excluded": NEVER,
        "accepts_europe": NEVER,
        "accepts_recallable": NEVER,
        "priority_tier": NEVER,
        "priority_points": NEVER,
        "priority_grounds": NEVER,
        "status": NEVER,
        "submitted_at": NEVER,
        "waiting_since_at": NEVER,
        "wants_earlier": NEVER,
        "earlier_until_on": NEVER,
        "origin": NEVER,
        "created_at": NEVER,
        "version": NEVER,
    },
    "feasibilities": {
        "id": Stage.ASKED,
        "request_id": Stage.ASKED,
        "line_id": Stage.ASKED,
        "disclosed_summary": Stage.ASKED,
        "nda_reference": Stage.ASKED,
        "consented_at": Stage.ASKED,
        "status": Stage.ASKED,
        "condition": Stage.ASKED,
        "reason_code": Stage.ASKED,
        "answer_by_on": Stage.ASKED,
        "answered_at": Stage.ASKED,
        "valid_until_on": Stage.ASKED,
        "origin": Stage.ASKED,
        "created_at": NEVER,
        "version": Stage.ASKED,
    },
}
"""From which stage on a CDMO reads each column of what a start-up has written."""


def is_told(column: str, stage: Stage) -> bool:
    """Tell whether a CDMO reads `table.column` at a stage."""
    table, _, name = column.partition(".")
    return TOLD_TO_CDMO[table][name] <= stage


def columns_told(table: str, stage: Stage) -> set[str]:
    """Return the columns of a table that a CDMO reads at a stage."""
    return {name for name, first in TOLD_TO_CDMO[table].items() if first <= stage}


def confined_to(actor: Actor) -> UUID | None:
    """Return the organisation to which the actor's lists are confined, or None for who sees all."""
    return None if actor.role in {Role.COORDINATOR, Role.ADMIN} else actor.organisation_id
