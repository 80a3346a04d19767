"""A crisis: declared, planned tier by tier, chosen from, signed twice, activated."""

from datetime import date, timedelta

from seed.demo.cast import Cast
from seed.demo.chapters import course
from seed.demo.chapters.course import sign_and_activate
from seed.demo.client import Json
from seed.demo.screen import Bar, chapter, count, euros, how_many, table, timeline

PLAN_SECONDS = 4
CHOICE_SECONDS = 12
START_SECONDS = 30
TARGETS = ((120, 15_000), (180, 60_000), (270, 120_000))
"""Doses wanted, by days from the declaration."""
PREQUALIFIED = 4
"""Sites where the countermeasure is established already: what is prepared in peace time."""
DOSES_PER_LITRE = {"low": 2, "expected": 4, "high": 9}
"""4 g/L in 70 % yield at 1.2 g a dose, and at 0.3 g: seed/data/README.md, section 6."""


def tell(cast: Cast) -> None:
    """Play a respiratory crisis answered by antibodies, from the declaration to the stand-down."""
    chapter(cast.console, "5. A health crisis: production moves to the countermeasure")
    crisis = _declare(cast)
    path = f"/v1/crises/{crisis['id']}"
    asked = {"time_limit_s": PLAN_SECONDS, "choices_s": CHOICE_SECONDS}
    cast.coordinator.wait_for_run(
        cast.coordinator.post(f"{path}/plan", asked)["id"], seconds=PLAN_SECONDS * 6 + START_SECONDS
    )
    _choose_from(cast, path)
    [plan] = [one for one in cast.coordinator.items(f"{path}/plans") if "proposed" in one["labels"]]
    _show(cast, plan["body"])
    sign_and_activate(cast, path, plan)
    course.tell(cast, path)


def _choose_from(cast: Cast, path: str) -> None:
    """Show the plans to choose from, as soon as the run that makes them has ended."""
    run_id = cast.coordinator.get(f"{path}/trade-off")["run_id"]
    if run_id is not None:
        cast.coordinator.wait_for_run(run_id, seconds=CHOICE_SECONDS + START_SECONDS)
    points = cast.coordinator.get(f"{path}/trade-off")["points"]
    rows = [
        (
            ", ".join(label.replace("_", " ") for label in one["labels"]),
            one["moved"],
            one["displaced"],
            *(count(target["expected"]) for target in one["targets"]),
            euros(one["cost_cents"]),
        )
        for one in points
    ]
    days = tuple(f"by {target['by']}" for target in points[0]["targets"])
    headings = ("plan", "moved", "displaced", *days, "cost")
    title = f"What a displacement buys: {how_many(len(points), 'plan')} to choose from, expected doses"
    cast.console.print(table(title, headings, rows, numbers=tuple(range(1, len(headings)))))


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
