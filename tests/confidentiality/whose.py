"""Whose each identifier is that not everybody may find."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

WHOSE: Mapping[str, str] = {
    "products": "SELECT id, organisation_id FROM products",
    "qualifications": "SELECT q.id, p.organisation_id FROM qualifications q JOIN products p ON p.id = q.product_id",
    "requests": """
        SELECT id, organisation_id FROM requests
        UNION SELECT f.request_id, s.organisation_id FROM feasibilities f
            JOIN production_lines l ON l.id = f.line_id JOIN sites s ON s.id = l.site_id
        UNION SELECT b.request_id, s.organisation_id FROM bookings b JOIN units u ON u.id = b.unit_id
            JOIN production_lines l ON l.id = u.line_id JOIN sites s ON s.id = l.site_id""",
    "feasibilities": """
        SELECT f.id, r.organisation_id FROM feasibilities f JOIN requests r ON r.id = f.request_id
        UNION SELECT f.id, s.organisation_id FROM feasibilities f
            JOIN production_lines l ON l.id = f.line_id JOIN sites s ON s.id = l.site_id""",
    "bookings": """
        SELECT id, organisation_id FROM bookings
        UNION SELECT b.id, s.organisation_id FROM bookings b JOIN units u ON u.id = b.unit_id
            JOIN production_lines l ON l.id = u.line_id JOIN sites s ON s.id = l.site_id""",
    "slips": """
        SELECT p.id, b.organisation_id FROM slips p JOIN bookings b ON b.id = p.booking_id
        UNION SELECT p.id, s.organisation_id FROM slips p JOIN bookings b ON b.id = p.booking_id
            JOIN units u ON u.id = b.unit_id
            JOIN production_lines l ON l.id = u.line_id JOIN sites s ON s.id = l.site_id""",
    "slip_moves": """
        SELECT m.id, b.organisation_id FROM slip_moves m JOIN bookings b ON b.id = m.booking_id
        UNION SELECT m.id, s.organisation_id FROM slip_moves m JOIN bookings b ON b.id = m.booking_id
            JOIN units u ON u.id = b.unit_id
            JOIN production_lines l ON l.id = u.line_id JOIN sites s ON s.id = l.site_id""",
    "offers": "SELECT id, organisation_id FROM offers",
    "alert_hits": "SELECT h.id, a.organisation_id FROM alert_hits h JOIN alerts a ON a.id = h.alert_id",
    "alerts": "SELECT id, organisation_id FROM alerts",
    "charges": "SELECT id, organisation_id FROM charges UNION SELECT id, counterparty_id FROM charges",
    "commitments": """
        SELECT c.id, s.organisation_id FROM commitments c JOIN units u ON u.id = c.unit_id
            JOIN production_lines l ON l.id = u.line_id JOIN sites s ON s.id = l.site_id""",
    "slots": """
        SELECT o.id, s.organisation_id FROM slots o JOIN units u ON u.id = o.unit_id
            JOIN production_lines l ON l.id = u.line_id JOIN sites s ON s.id = l.site_id
        UNION SELECT o.id, b.id FROM slots o, organisations b
            WHERE o.status = 'published' AND b.kind IN ('startup', 'authority')""",
    "agreements": "SELECT id, organisation_id FROM agreements UNION SELECT id, funder_id FROM agreements",
    "crisis_orders": "SELECT id, organisation_id FROM crisis_orders",
    "startups": """
        SELECT id, id FROM organisations WHERE kind = 'startup'
        UNION SELECT b.organisation_id, s.organisation_id FROM bookings b
            JOIN organisations o ON o.id = b.organisation_id JOIN units u ON u.id = b.unit_id
            JOIN production_lines l ON l.id = u.line_id JOIN sites s ON s.id = l.site_id WHERE o.kind = 'startup'""",
    "api_keys": "SELECT id, organisation_id FROM api_keys",
    "people": "SELECT id, organisation_id FROM people",
}
"""Identifiers that not everybody may find, each with an organisation that may."""


async def knowers_of(connection: AsyncConnection, names: Mapping[UUID, str]) -> dict[str, dict[str, set[str]]]:
    """Return by kind, and by identifier, the names of the organisations that may find it; of any other, "others"."""
    found: dict[str, dict[str, set[str]]] = {}
    for kind, query in WHOSE.items():
        known = found[kind] = {}
        for identifier, organisation in await connection.execute(text(query)):
            if identifier is not None:
                known.setdefault(str(identifier), set()).add(names.get(organisation, "others"))
    return found
