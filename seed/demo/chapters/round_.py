"""A round of reserved slots: from the opening to the answers, with the plan against first come first served."""

from datetime import timedelta

from seed.demo.cast import Cast
from seed.demo.client import Json, Person
from seed.demo.screen import chapter, count, how_many, table

HORIZON_DAYS = 500
SOLVE_SECONDS = 10


def tell(cast: Cast) -> None:
    """Run a round through, and let the story's start-ups accept what they are offered."""
    chapter(cast.console, "3. A round: the coordinator gives out the reserved slots")
    coordinator = cast.coordinator
    made = coordinator.post(
        "/v1/rounds",
        {
            "name": "Demonstration round",
            "reserves": ["startup", "open"],
            "start": str(cast.today),
            "end": str(cast.today + timedelta(days=HORIZON_DAYS)),
            "policy": {"time_limit_s": SOLVE_SECONDS},
        },
    )
    path = f"/v1/rounds/{made['id']}"
    opened = coordinator.post(f"{path}/open", seen=made)
    coordinator.post(f"{path}/close", seen=opened)
    closed = coordinator.get(path)
    cast.console.print(
        f"Closed with {how_many(len(closed['entries']), 'request')}; {how_many(closed['slots'], 'slot')}"
        " held still until it is published."
    )
    run = coordinator.wait_for_run(coordinator.post(f"{path}/solve")["id"], seconds=SOLVE_SECONDS + 30)
    _compare(cast, run)
    _levels(cast, run)
    published = coordinator.post(f"{path}/publish", seen=coordinator.get(path))
    cast.console.print(
        f"Published: {how_many(published['offers'], 'offer')}, {how_many(published['waitlisted'], 'request')}"
        f" on the waiting list,"
        f" {published['unmet']} unmet, each with its reason."
    )
    for person in (cast.startup, cast.second_startup):
        _accept(cast, person)


def _compare(cast: Cast, run: Json) -> None:
    names = {"plan": "the engine's plan", "greedy": "heaviest first", "fcfs": "first come first served"}
    rows = [
        (
            words,
            figures["requests_served"],
            count(figures["weight_served"]),
            figures["startups_served"],
            "" if figures["median_access_delay_days"] is None else f"{figures['median_access_delay_days']:.0f}",
        )
        for name, words in names.items()
        if (figures := run["comparison"].get(name))
    ]
    headings = ("rule", "requests served", "weight served", "start-ups served", "median access delay, days")
    cast.console.print(table("The plan against simpler rules", headings, rows, numbers=(1, 2, 3, 4)))


def _levels(cast: Cast, run: Json) -> None:
    rows = [
        (level["objective"], count(level["value"]), count(level["bound"]), "proven" if level["proven"] else "")
        for level in run["levels"]
    ]
    title = f"Level by level, in strict order ({run['seconds']:.1f} s)"
    cast.console.print(table(title, ("objective", "value", "bound", ""), rows, numbers=(1, 2)))


def _accept(cast: Cast, person: Person) -> None:
    for offer in person.items("/v1/offers", status="offered"):
        person.post(f"/v1/offers/{offer['id']}/accept", seen=offer)
        booking = person.get(f"/v1/bookings/{offer['booking_id']}")
        cdmo = cast.cdmo_of(booking["cdmo_id"])
        if booking["status"] == "awaiting_cdmo" and cdmo:
            booking = cdmo.post(f"/v1/bookings/{booking['id']}/approve", seen=booking)
        cast.console.print(
            f"{person.organisation} accepts {offer['site']}, {offer['line']}, {offer['start']} to {offer['end']}:"
            f" {booking['status']}."
        )
