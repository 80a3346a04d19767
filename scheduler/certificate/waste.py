"""Free room that somebody who is left out could use as things stand.

Source: M. Balinski and T. Sönmez, *A tale of two mechanisms: student placement*, Journal of Economic Theory 84
(1999), for non-wastefulness; here a place is a stretch of days long enough, not one of many alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.certificate.report import Counterexample
from scheduler.certificate.room import Room
from scheduler.certificate.wording import booking_returns, campaign_fits, demand_fits
from scheduler.objectives import campaign_value, displacing_value
from scheduler.problem import Demand, Movable, Surge
from scheduler.surging import Output


def wasted(room: Room) -> Iterator[Counterexample]:
    """Yield each unplaced demand, displaced booking and surge for which there is room, the rest left as it is."""
    for demand in room.problem.demands:
        if demand.id not in room.plan.placed and (found := _demand(room, demand)):
            yield found
    for booking in room.problem.movable:
        if booking.id in room.plan.displaced and (found := _booking(room, booking)):
            yield found
    if "surge_output" in room.problem.objectives:
        for surge in room.problem.surges:
            if found := _campaign(room, surge):
                yield found


def _demand(room: Room, demand: Demand) -> Counterexample | None:
    entry = room.entry(demand)
    if entry is None:
        return None
    option = demand.options[entry.option]
    end = entry.start + option.duration
    return Counterexample(
        demand_fits(demand.id, option.window, entry.start, end),
        demands=(demand.id,),
        windows=(option.window,),
        option=entry.option,
        start=entry.start,
        end=end,
        effect=room.effect(entry),
    )


def _booking(room: Room, booking: Movable) -> Counterexample | None:
    if room.calendar.is_free(booking.window, booking.start, booking.end):
        differences = {name: -displacing_value(name, booking) for name in room.values}
        return Counterexample(
            booking_returns(booking.id, booking.window, booking.start, booking.end),
            bookings=(booking.id,),
            windows=(booking.window,),
            start=booking.start,
            end=booking.end,
            effect=room.changes(differences),
        )
    for index, option in enumerate(booking.options):
        start = room.calendar.first_start(option)
        if start is None or not room.affords(differences := room.return_of(booking, index, start)):
            continue
        return Counterexample(
            booking_returns(booking.id, option.window, start, start + option.duration),
            bookings=(booking.id,),
            windows=(option.window,),
            option=index,
            start=start,
            end=start + option.duration,
            effect=room.changes(differences),
        )
    return None


def _campaign(room: Room, surge: Surge) -> Counterexample | None:
    """Return a campaign for which there is room and that brings a target nearer: at its earliest it brings most."""
    output = Output(surge)
    for run in room.plan.runs:
        if run.surge == surge.id:
            output.add(surge.options[run.option], run.start)
    for index, option in enumerate(surge.options):
        start = room.calendar.first_start(option)
        gain = 0 if start is None else output.gain(option, start)
        differences = {name: campaign_value(name, surge, index) for name in room.values} | {"surge_output": gain}
        if start is None or not gain or not room.affords(differences):
            continue
        return Counterexample(
            campaign_fits(surge.id, option.window, start, start + option.duration, gain),
            surges=(surge.id,),
            windows=(option.window,),
            option=index,
            start=start,
            end=start + option.duration,
            effect=room.changes(differences),
        )
    return None
