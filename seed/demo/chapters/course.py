"""The course of an active crisis: orders answered, planned anew after a counter, stood down, reported on."""

from datetime import date, timedelta

from seed.demo.cast import Cast
from seed.demo.client import Json
from seed.demo.screen import count, how_many, table

REPLAN_SECONDS = 30
COUNTER_DAYS = 21
SHOWN_EVENTS = 12


def tell(cast: Cast, path: str) -> None:
    """Go on from the activation to the report."""
    _plan_anew(cast, path, _answer_orders(cast, path))
    cast.coordinator.post(f"{path}/stand-down", {"reason_code": "threat_over"}, seen=cast.coordinator.get(path))
    cast.console.print("Stood down: what was not started is released; places go back first to those displaced.")
    _report(cast, path)


def sign_and_activate(cast: Cast, path: str, plan: Json) -> None:
    """Have both sign the hash of a plan, and activate it."""
    for person in (cast.coordinator, cast.authority):
        person.post(f"{path}/sign", {"plan_id": plan["id"], "plan_hash": plan["plan_hash"]})
    cast.console.print(f"Signed by the coordinator and the authority, on the hash {plan['plan_hash'][:16]}...")
    cast.coordinator.post(f"{path}/activate", seen=cast.coordinator.get(path))


def _answer_orders(cast: Cast, path: str) -> Json:
    """Answer what the story's CDMOs were ordered, and return for what it has to be planned anew.

    They accept, but for the last of several orders, which is countered. Where there is but one, a CDMO that nobody in
    the story speaks for drops out instead.
    """
    orders = list(cast.coordinator.items(f"{path}/orders"))
    cast.console.print(f"Activated in one transaction: {how_many(len(orders), 'order')}.")
    own = [order for order in orders if cast.cdmo_of(order["organisation_id"])]
    for order in own[:-1] or own:
        _accept(cast, path, order)
    if len(own) > 1:
        _counter(cast, path, own[-1])
        return {"reason_code": "order_countered"}
    silent = [order["organisation_id"] for order in orders if order not in own]
    cast.console.print("Another CDMO drops out: it is planned anew without its lines.")
    return {"reason_code": "cdmo_dropped_out", "unavailable_organisation_ids": silent[:1]}


def _accept(cast: Cast, path: str, order: Json) -> None:
    cdmo = cast.maker_of(order)
    answer = cdmo.post(f"{path}/orders/{order['id']}/accept", seen=order)
    effective = sum(one["status"] == "effective" for one in answer["displacements"])
    cast.console.print(
        f"{cdmo.organisation} accepts {how_many(order['batches'], 'batch', 'batches')} from {order['start']};"
        f" only now do its displacements take effect: {effective}."
    )


def _counter(cast: Cast, path: str, order: Json) -> None:
    cdmo = cast.maker_of(order)
    earliest = str(date.fromisoformat(order["start"]) + timedelta(days=COUNTER_DAYS))
    cdmo.post(f"{path}/orders/{order['id']}/counter", {"earliest": earliest, "reason_code": "staff"}, seen=order)
    cast.console.print(f"{cdmo.organisation} counters: not before {earliest}. Nobody gives way to that order.")


def _plan_anew(cast: Cast, path: str, asked: Json) -> None:
    """Plan anew with least change, and have the amendment signed and activated."""
    cast.coordinator.wait_for_run(cast.coordinator.post(f"{path}/replan", asked)["id"], seconds=REPLAN_SECONDS)
    [amendment] = [one for one in cast.coordinator.items(f"{path}/plans") if one["status"] == "proposed"]
    body = amendment["body"]
    cast.console.print(
        f"Planned anew: {how_many(len(body['orders']['kept']), 'order')} kept,"
        f" {how_many(body['changed_orders'], 'order')} changed,"
        f" {how_many(len(body['displacements']), 'booking')} more to give way."
    )
    rows = [
        (one["by"], count(one["quantity"]), count(one["reached"]), "met" if one["met"] else "not met")
        for one in body["targets"]
    ]
    title = "Doses by date, as things stand now"
    cast.console.print(table(title, ("by", "target", "planned", ""), rows, numbers=(1, 2)))
    sign_and_activate(cast, path, amendment)


def _report(cast: Cast, path: str) -> None:
    report = cast.coordinator.get(f"{path}/report")
    events = report["timeline"]
    rows = [
        (one["at"][:19].replace("T", " "), one["action"], one["organisation"] or "the service")
        for one in events[-SHOWN_EVENTS:]
    ]
    title = f"The last {len(rows)} of {how_many(len(events), 'step')} in its report"
    cast.console.print(table(title, ("at (UTC)", "what", "by"), rows))
