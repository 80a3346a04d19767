"""A crisis: declared, planned tier by tier, signed twice, activated, accepted, stood down."""

from datetime import date, timedelta

from seed.demo.cast import Cast
from seed.demo.client import Json
from seed.demo.screen import Bar, chapter, count, euros, how_many, table, timeline

PLAN_SECONDS = 4
TARGETS = ((120, 15_000), (180, 60_000), (270, 120_000))
"""Doses wanted, by days from the declaration."""
PREQUALIFIED = 4
"""Sites where the countermeasure is established already: what is prepared in peace time."""
DOSES_PER_LITRE = {"low": 2, "expected": 4, "high": 9}
"""4 g/L in 70 % yield at 1.2 g a dose, and at 0.3 g: seed/data/README.md, section 6."""


def tell(cast: Cast) -> None:
    """Play a respiratory crisis answered by antibodies, from the declaration to the stand-down."""
    chapter(cast.console, "4. A health crisis: production moves to the countermeasure")
    crisis = _declare(cast)
    path = f"/v1/crises/{crisis['id']}"
    run_id = cast.coordinator.post(f"{path}/plan", {"time_limit_s": PLAN_SECONDS})["id"]
    cast.coordinator.wait_for_run(run_id, seconds=PLAN_SECONDS * 6 + 30)
    plan = cast.coordinator.get(f"{path}/plans")["items"][-1]
    _show(cast, plan["body"])
    for person in (cast.coordinator, cast.authority):
        person.post(f"{path}/sign", {"plan_id": plan["id"], "plan_hash": plan["plan_hash"]})
    cast.console.print(f"Signed by the coordinator and the authority, on the hash {plan['plan_hash'][:16]}...")
    cast.coordinator.post(f"{path}/activate", seen=cast.coordinator.get(path))
    _answer_orders(cast, path)
    cast.coordinator.post(f"{path}/stand-down", {"reason_code": "threat_over"}, seen=cast.coordinator.get(path))
    cast.console.print("Stood down: what was not started is released, and its capacity is bookable again.")


def _declare(cast: Cast) -> Json:
    start, end = str(cast.today), str(cast.today + timedelta(days=365))
    sites = _sites_of_antibodies(cast)
    act = {"signatory": "Minister of Health (demonstration)", "start": start, "end": end}
    crisis = cast.coordinator.post(
        "/v1/crises",
        {
            "title": "Respiratory virus (demonstration)",
            "mode": "real",
            "start": start,
            "end": end,
            "powers": [
                {"kind": "reserve_contract", "act_reference": "Reserve agreements (demonstration)", **act},
                {"kind": "voluntary", "act_reference": "Call to the sector (demonstration)", **act},
                {"kind": "requisition_or_order", "act_reference": "Order 0000-1 (demonstration)", **act},
            ],
            "countermeasure": {
                "name": "Neutralising antibody",
                "modality": "monoclonal_antibody",
                "platform": "CHO",
                "gmp_phase": "phase_2",
                "doses_per_litre": DOSES_PER_LITRE,
                "prequalified_site_ids": [site["id"] for site in sites],
            },
            "targets": [
                {"by": str(cast.today + timedelta(days=days)), "quantity": quantity} for days, quantity in TARGETS
            ],
            "rules": {"response_hours": 24},
        },
    )
    cast.console.print(
        f"Declared: {crisis['title']}, until {crisis['end']}, under three powers. Prequalified at"
        f" {', '.join(site['name'] for site in sites)}. Doses are bulk dose-equivalents, before filling."
    )
    return crisis


def _sites_of_antibodies(cast: Cast) -> list[Json]:
    """Return the first few sites, by name, that have a bookable line for antibodies from CHO cells."""
    lines = cast.coordinator.items("/v1/lines", modality="monoclonal_antibody", platform="CHO", bookable=True)
    wanted = {line["site_id"] for line in lines}
    sites = [site for site in cast.coordinator.items("/v1/sites") if site["id"] in wanted]
    return sorted(sites, key=lambda site: str(site["name"]))[:PREQUALIFIED]


def _show(cast: Cast, body: Json) -> None:
    rows = [
        (target["by"], count(target["quantity"]), count(target["reached"]), "met" if target["met"] else "not met")
        for target in body["targets"]
    ]
    title = f"Doses by date; tiers used up to {body['tier']} of {max(body['open_tiers'])} open"
    cast.console.print(table(title, ("by", "target", "planned", ""), rows, numbers=(1, 2)))
    releases = [(one["on"], count(one["doses"]), count(one["cumulative"])) for one in body["doses"] if one["doses"]]
    cast.console.print(table("Doses as they are released", ("on", "doses", "in all"), releases, numbers=(1, 2)))
    if body["campaigns"]:
        cast.console.print("[bold]Campaigns of the countermeasure[/bold]")
        cast.console.print(timeline([_bar(one) for one in body["campaigns"]]))
    rows = [
        (
            one["from"]["line_name"],
            f"{one['from']['start']} to {one['from']['end']}",
            "displaced" if one["to"] is None else f"{one['to']['line_name']}, {one['to']['later_days']} days later",
            euros(one["compensation_cents"]),
        )
        for one in body["displacements"]
    ]
    headings = ("booking on", "planned", "goes to", "compensation")
    cast.console.print(table(f"Who moves where: {how_many(len(rows), 'booking')}", headings, rows, numbers=(3,)))
    cast.console.print(f"Cost: {euros(body['cost']['total_cents'])}.")


def _bar(campaign: Json) -> Bar:
    label = f"{campaign['line_name'][:28]} ({count(campaign['output'])} doses)"
    return Bar(label, date.fromisoformat(campaign["start"]), date.fromisoformat(campaign["end"]))


def _answer_orders(cast: Cast, path: str) -> None:
    orders = list(cast.coordinator.items(f"{path}/orders"))
    accepted = 0
    for order in orders:
        cdmo = cast.cdmo_of(order["organisation_id"])
        if cdmo:
            answer = cdmo.post(f"{path}/orders/{order['id']}/accept", seen=order)
            accepted += 1
            effective = sum(one["status"] == "effective" for one in answer["displacements"])
            cast.console.print(
                f"{cdmo.organisation} accepts {how_many(order['batches'], 'batch', 'batches')} from"
                f" {order['start']}; only now do its displacements take effect: {effective}."
            )
    cast.console.print(f"Activated in one transaction: {how_many(len(orders), 'order')}, {accepted} accepted so far.")
