"""A start-up searches, holds and books at once in the open market."""

from typing import Any

from seed.demo.cast import Cast
from seed.demo.client import Json, Person
from seed.demo.screen import chapter, count, euros, how_many, table
from seed.demo.service import DemoFailed


def tell(cast: Cast) -> None:
    """Match a request, hold its best option that the story's CDMOs can approve, confirm, approve."""
    chapter(cast.console, "2. A start-up finds a place for its lot")
    person, request, matches = _a_request_with_options(cast)
    cast.console.print(
        f"{person.organisation} asks for {_wanted(request)}, {request['gmp_phase']}, from"
        f" {request['earliest_on']}, delivered by {request['latest_delivery_on']}."
    )
    rows = [
        (one["rank"], one["site_name"], one["line_name"], one["earliest_start_on"], one["delivery_on"],
         euros(one["package_price_cents"]), "at once" if one["instant"] else "by the CDMO")
        for one in matches["options"][:5]
    ]  # fmt: skip
    headings = ("rank", "site", "line", "start", "delivery", "package", "confirmed")
    cast.console.print(table(f"{len(matches['options'])} options", headings, rows, numbers=(0, 5)))
    _explain_refusals(cast, matches)
    option = _best_option(cast, matches["options"])
    booking = person.post(
        "/v1/bookings",
        {"slot_id": option["slot_id"], "start": option["earliest_start_on"], "request_id": request["id"]},
    )
    _quote(cast, person, booking)
    booking = person.post(f"/v1/bookings/{booking['id']}/confirm", seen=booking)
    cast.console.print(f"Confirmed by {person.organisation}: the booking is [bold]{booking['status']}[/bold].")
    cdmo = cast.cdmo_of(booking["cdmo_id"])
    if booking["status"] == "awaiting_cdmo" and cdmo:
        booking = cdmo.post(f"/v1/bookings/{booking['id']}/approve", seen=booking)
        cast.console.print(f"Approved by {cdmo.organisation}: the booking is [bold]{booking['status']}[/bold].")


def _a_request_with_options(cast: Cast) -> tuple[Person, Json, Json]:
    for person in (cast.startup, cast.second_startup):
        for request in person.items("/v1/requests", status="submitted"):
            matches = person.get(f"/v1/requests/{request['id']}/matches")
            if matches["options"]:
                return person, request, matches
    raise DemoFailed("no request of the two start-ups has an option: the scenario offers nothing to book")


def _best_option(cast: Cast, options: list[Json]) -> Json:
    """Return the best option that is confirmed at once, or that a CDMO of the story can approve; else the best."""
    lines = {line["id"] for cdmo in cast.cdmos for line in cdmo.items("/v1/lines") if _is_of(line, cdmo)}
    within_reach = [one for one in options if one["instant"] or one["line_id"] in lines]
    return (within_reach or options)[0]


def _is_of(line: Json, person: Person) -> bool:
    return bool(line["organisation_id"] == person.organisation_id)


def _explain_refusals(cast: Cast, matches: Json) -> None:
    """Show the nearest line for each kind of reason."""
    by_code: dict[str, Json] = {}
    for line in matches["reasons"]:
        if line["reasons"]:
            by_code.setdefault(line["reasons"][0]["code"], line)
    rows = [(line["site_name"], line["line_name"], line["reasons"][0]["message"]) for line in by_code.values()]
    cast.console.print(table("Nearest lines that cannot, and why", ("site", "line", "reason"), rows[:5]))


def _quote(cast: Cast, person: Person, booking: Json) -> None:
    quote = person.get(f"/v1/bookings/{booking['id']}/quote")
    cast.console.print(
        f"Held until {booking['hold_expires_at'][:16]} UTC, {booking['start']} to {booking['end']}:"
        f" {euros(quote['price_cents'])}, of which {euros(quote['reservation_fee_cents'])} on confirmation."
    )
    rows: list[tuple[Any, ...]] = [
        (band["start"] or "now", band["end"] or "then", euros(band["total_cents"])) for band in quote["cancellation"]
    ]
    cast.console.print(table("Leaving it once confirmed", ("from", "until", "costs"), rows, numbers=(2,)))


def _wanted(request: Json) -> str:
    if request["batches"]:
        return how_many(request["batches"], "batch", "batches")
    return f"{count(request['quantity'])} {request['quantity_unit']}"
