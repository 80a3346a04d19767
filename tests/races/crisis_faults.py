"""What is never so of a crisis while nobody acts on it: of calendars, plans, who gives way, the ledger, and the end."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

WORDS = {
    "LIVE": "('held', 'awaiting_cdmo', 'confirmed', 'in_production')",
    "BOUND": "('awaiting_cdmo', 'confirmed')",
    "ENDED": "('stood_down', 'expired')",
}
"""What the queries call statuses of bookings, and of crises."""

CALENDARS = {
    "no two live bookings of a unit overlap": """
        SELECT a.id FROM bookings a JOIN bookings b ON a.unit_id = b.unit_id AND a.id < b.id AND a.period && b.period
        WHERE a.status IN LIVE AND b.status IN LIVE""",
    "no two live orders of a unit overlap": """
        SELECT a.id FROM crisis_orders a JOIN crisis_orders b
            ON a.unit_id = b.unit_id AND a.id < b.id AND a.period && b.period
        WHERE a.status IN ('issued', 'accepted') AND b.status IN ('issued', 'accepted')""",
    "a campaign stands exactly as its order": """
        SELECT o.id FROM crisis_orders o LEFT JOIN bookings b ON b.id = o.booking_id
        WHERE (o.status = 'accepted') <> (coalesce(b.status, 'none') = 'confirmed')
            OR (o.status <> 'issued' AND b.status = 'awaiting_cdmo') OR (o.status = 'issued' AND b.status NOT IN LIVE)
            OR b.period <> o.period""",
    "slots are held still by runs only while they go on, for crises that have not ended": """
        SELECT f.slot_id FROM slot_freezes f JOIN runs r ON r.id = f.holder_id JOIN crises c ON c.id = r.crisis_id
        WHERE r.state NOT IN ('queued', 'running') OR c.status IN ENDED""",
    "nothing but crises and their runs holds slots still": """
        SELECT slot_id FROM slot_freezes WHERE holder <> 'crisis'
            OR holder_id NOT IN (SELECT id FROM crises UNION ALL SELECT id FROM runs)""",
    "slots are held still only for what is planned and not yet activated": """
        SELECT f.slot_id FROM slot_freezes f JOIN crises c ON c.id = f.holder_id
        WHERE c.status NOT IN ('declared', 'planned', 'signed') AND NOT (c.status = 'active' AND EXISTS (
            SELECT FROM crisis_plans p WHERE p.crisis_id = c.id AND p.status IN ('proposed', 'signed')))""",
}

PLANS = {
    "orders stand only under an activated plan, all of them": """
        SELECT p.id FROM crisis_plans p LEFT JOIN crisis_orders o ON o.plan_id = p.id GROUP BY p.id
        HAVING count(o.id)
            <> CASE WHEN p.status = 'activated' THEN jsonb_array_length(p.body -> 'campaigns') ELSE 0 END""",
    "what is signed or activated was signed by two people in two roles, and nothing by more": """
        SELECT p.id FROM crisis_plans p LEFT JOIN crisis_signatures s ON s.plan_id = p.id GROUP BY p.id
        HAVING count(s.id) > 2 OR (p.status IN ('signed', 'activated')
            AND NOT (count(DISTINCT s.person_id) = 2 AND count(DISTINCT s.role) = 2))""",
    "a crisis is as far as its plans": """
        SELECT c.id FROM crises c LEFT JOIN crisis_plans p ON p.crisis_id = c.id GROUP BY c.id
        HAVING (c.status = 'active' AND count(*) FILTER (WHERE p.status = 'activated') = 0)
            OR (c.status = 'planned' AND count(*) FILTER (WHERE p.status = 'proposed') = 0)
            OR (c.status = 'signed' AND count(*) FILTER (WHERE p.status = 'signed') <> 1)
            OR (c.status = 'declared' AND count(*) FILTER (WHERE p.status <> 'superseded') > 0)""",
    "no worker fails at a run": """
        SELECT job_id, error FROM job_attempts WHERE outcome IN ('failed', 'parked')""",
    "each amendment changes what was activated before it": """
        SELECT p.id FROM crisis_plans p JOIN crisis_plans q ON q.id = p.amends_id
        WHERE p.status IN ('proposed', 'signed', 'activated') AND q.status <> 'activated'""",
}

GIVING_WAY = {
    "a lot is displaced exactly when its displacement took effect": """
        SELECT b.id FROM bookings b WHERE (b.status = 'displaced') <> EXISTS (
            SELECT FROM displacements d WHERE d.booking_id = b.id AND d.status = 'effective')""",
    "a project gives way once": """
        SELECT d.crisis_id, b.product_id FROM displacements d JOIN bookings b ON b.id = d.booking_id
        WHERE d.status = 'effective' OR (d.status = 'pending' AND b.status IN LIVE)
        GROUP BY 1, 2 HAVING count(*) > 1""",
    "nobody gives way to an order that was never accepted": """
        SELECT d.id FROM displacements d JOIN crisis_orders o ON o.id = d.order_id
        WHERE d.status = 'effective' AND o.status IN ('issued', 'countered')""",
    "a displacement is pending only while its order may be accepted": """
        SELECT d.id FROM displacements d JOIN crisis_orders o ON o.id = d.order_id JOIN crises c ON c.id = d.crisis_id
        WHERE d.status = 'pending' AND (o.status <> 'issued' OR c.status <> 'active')""",
    "nobody moves to an earlier day": """
        SELECT d.id, d.replacement ->> 'start', b.period FROM displacements d JOIN bookings b ON b.id = d.booking_id
        WHERE (d.replacement ->> 'start')::date < lower(b.period)""",
    "a place is held exactly as long as it is wanted": """
        SELECT d.id FROM displacements d JOIN bookings r ON r.id = d.replacement_id
        WHERE (r.status = 'held') <> ((d.status = 'pending' AND d.answer IS DISTINCT FROM 'declined')
            OR (d.status = 'effective' AND d.answer IS NULL))""",
    "a place is a booking only when its lot gave way and it was taken": """
        SELECT d.id FROM displacements d JOIN bookings r ON r.id = d.replacement_id
        WHERE CASE WHEN d.status = 'effective' AND d.answer = 'accepted'
            THEN r.status NOT IN BOUND AND r.status <> 'cancelled' ELSE r.status IN BOUND END""",
    "a lot points to the place that it has, and to no other": """
        SELECT d.id FROM displacements d JOIN bookings b ON b.id = d.booking_id
            LEFT JOIN restorations r ON r.displacement_id = d.id AND r.status = 'accepted'
        WHERE d.status = 'effective' AND b.replaced_by_id IS DISTINCT FROM
            coalesce(r.booking_id, CASE WHEN d.answer = 'accepted' THEN d.replacement_id END)""",
    "each displacement that took effect was told to its owner, once": """
        SELECT d.id FROM displacements d LEFT JOIN crisis_notices n ON n.displacement_id = d.id AND n.kind = 'gave_way'
        GROUP BY d.id HAVING count(n.id) <> (d.status = 'effective')::int""",
    "a request is booked as long as a booking serves it or its lot has a place held, and only where one is held": """
        SELECT r.id, r.status FROM requests r
        WHERE EXISTS (SELECT FROM displacements d JOIN bookings b ON b.id = d.booking_id WHERE b.request_id = r.id)
            AND CASE r.status WHEN 'booked' THEN NOT EXISTS (
                SELECT FROM bookings b WHERE b.request_id = r.id AND b.moves_id IS NULL
                    AND (b.status IN BOUND OR (b.status = 'held' AND b.source = 'replacement')))
            ELSE EXISTS (
                SELECT FROM bookings b WHERE b.request_id = r.id AND b.moves_id IS NULL AND (b.status IN BOUND
                    OR (b.status = 'held' AND EXISTS (SELECT FROM displacements d WHERE d.replacement_id = b.id))))
            END""",
}

LEDGER = {
    "an order is charged as it stands": """
        SELECT o.id FROM crisis_orders o LEFT JOIN charges c
            ON c.kind = 'crisis_order' AND c.detail ->> 'order_id' = o.id::text
        GROUP BY o.id HAVING coalesce(sum(c.amount_cents), 0)
            <> CASE WHEN o.status = 'accepted' THEN o.price_cents ELSE 0 END""",
    "a compensation is owed to each who gave way, once, and by nobody else": """
        SELECT b.id FROM bookings b
            LEFT JOIN (SELECT booking_id, sum(compensation_cents) AS cents FROM displacements
                WHERE status = 'effective' GROUP BY booking_id) d ON d.booking_id = b.id
            LEFT JOIN (SELECT booking_id, sum(amount_cents) AS cents FROM charges
                WHERE kind = 'displacement_compensation' AND amount_cents > 0
                    AND detail ->> 'code' IS DISTINCT FROM 'restored' GROUP BY booking_id) c ON c.booking_id = b.id
        WHERE coalesce(d.cents, 0) <> coalesce(c.cents, 0)""",
    "who has its place back owes back what it does not keep, and nobody else does": """
        SELECT d.id FROM displacements d LEFT JOIN restorations r ON r.displacement_id = d.id AND r.status = 'accepted'
            LEFT JOIN (SELECT booking_id, sum(amount_cents) AS cents FROM charges
                WHERE kind = 'displacement_compensation' AND amount_cents > 0 AND detail ->> 'code' = 'restored'
                GROUP BY booking_id) c ON c.booking_id = d.booking_id
        WHERE d.status = 'effective'
            AND coalesce(c.cents, 0) <> CASE WHEN r.id IS NULL THEN 0 ELSE d.compensation_cents * 75 / 100 END""",
    "compensations balance, lot by lot": """
        SELECT booking_id FROM charges WHERE kind = 'displacement_compensation'
        GROUP BY booking_id HAVING sum(amount_cents) <> 0""",
    "what a lot is owed follows from whether it has a place to move to": """
        SELECT d.id FROM displacements d JOIN bookings b ON b.id = d.booking_id
        WHERE d.compensation_cents <> b.price_cents * CASE d.kind WHEN 'moved' THEN 10 ELSE 30 END / 100
            OR (d.kind = 'moved' AND (d.replacement IS NULL OR d.answer = 'lapsed'))""",
}

END = {
    "nothing of a crisis that has ended is open": """
        SELECT c.id FROM crises c WHERE c.status IN ENDED AND (
            EXISTS (SELECT FROM crisis_orders o WHERE o.crisis_id = c.id AND o.status IN ('issued', 'accepted'))
            OR EXISTS (SELECT FROM displacements d WHERE d.crisis_id = c.id AND d.status = 'pending'))""",
    "the ledger of a crisis that has ended is closed once, and balances": """
        SELECT c.id FROM crises c LEFT JOIN crisis_closings l ON l.crisis_id = c.id GROUP BY c.id
        HAVING count(l.id) <> (c.status IN ENDED)::int OR NOT coalesce(bool_and(l.is_balanced), true)""",
    "each who gave way is offered its place back, once, when the crisis has ended": """
        SELECT d.id FROM displacements d JOIN crises c ON c.id = d.crisis_id
            LEFT JOIN restorations r ON r.displacement_id = d.id GROUP BY d.id, d.status, c.status
        HAVING count(r.id) <> (d.status = 'effective' AND c.status IN ENDED)::int""",
    "what is offered back is held, what is taken is booked, and all else is free": """
        SELECT r.id FROM restorations r LEFT JOIN bookings b ON b.id = r.booking_id
        WHERE CASE r.status WHEN 'offered' THEN b.status IS DISTINCT FROM 'held'
            WHEN 'accepted' THEN b.status IS NULL OR b.status NOT IN BOUND AND b.status <> 'cancelled'
            ELSE b.status IN LIVE END""",
    "what is offered back are as many days of the own slot, none of them earlier, on the terms of before": """
        SELECT r.id FROM restorations r JOIN displacements d ON d.id = r.displacement_id
            JOIN bookings own ON own.id = d.booking_id LEFT JOIN bookings b ON b.id = r.booking_id
        WHERE r.slot_id <> own.slot_id OR r.organisation_id <> own.organisation_id
            OR upper(r.period) - lower(r.period) <> upper(own.period) - lower(own.period)
            OR lower(r.period) < lower(own.period) OR lower(r.period) >= upper(own.period)
            OR (b.id IS NOT NULL AND (b.period <> r.period OR b.slot_id <> r.slot_id
                OR b.price_cents <> own.price_cents OR b.request_id IS DISTINCT FROM own.request_id
                OR b.organisation_id <> own.organisation_id OR b.batches <> own.batches))""",
    "who waits for its place does so behind one who has its days on offer": """
        SELECT r.id FROM restorations r WHERE r.status = 'waiting' AND NOT EXISTS (
            SELECT FROM restorations o WHERE o.unit_id = r.unit_id AND o.status = 'offered')""",
}

FAULTS = CALENDARS | PLANS | GIVING_WAY | LEDGER | END
"""Each rule with the query that finds where it is broken."""


async def faults(owner: AsyncEngine) -> list[str]:
    """Return each rule that is broken, with where it is."""
    async with owner.connect() as connection:
        found: dict[str, Any] = {
            name: (await connection.execute(text(_in_full(query)))).all() for name, query in FAULTS.items()
        }
    return [f"{name}: {rows}" for name, rows in found.items() if rows]


def _in_full(query: str) -> str:
    for word, statuses in WORDS.items():
        query = query.replace(f"IN {word}", f"IN {statuses}")
    return query
