"""Of a project one lot gives way in a crisis, whatever has been ordered and however often it is planned anew."""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.crisis.campaigns import Brief
from app.crisis.models import OrderStatus
from app.crisis.rules import BookingFacts
from app.crisis.scoping import Calendars
from app.crisis.standing import PendingDisplacement
from app.crisis.stock import Stock
from tests.app.crisis.planned_anew import amended, booking, brief, calendars, stock
from tests.app.crisis.standing_orders import A_BATCH, order

LINES = 4
SLOT_END = 100


class Story(NamedTuple):
    """Lines with a lot each, of a few projects; to the order on the first its lot gives way, or has given way."""

    asked: Brief
    on: Calendars
    taken: Stock
    lots: list[BookingFacts]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Return a story in which more is asked for than is ordered."""
    lots = []
    for line in range(1, LINES + 1):
        start = draw(st.integers(14, 40))
        project = UUID(int=draw(st.integers(1, 3)))
        lots.append(replace(booking(line, line, start, start + 43), product_id=project))
    first = lots[0]
    products = {first.booking_id: first.product_id}
    if draw(st.booleans()):
        ordered = order(1, 2, status=OrderStatus.ISSUED, waits_for=(first.booking_id,))
        waits = PendingDisplacement(first.booking_id, first.slot_id, first.start_on, first.end_on, 100, 6)
        taken, left = stock([ordered], (waits,), products=products), lots
    else:
        gone = frozenset({first.booking_id})
        taken, left = stock([order(1, 2, status=OrderStatus.ACCEPTED)], given_way=gone, products=products), lots[1:]
    asked = brief((draw(st.integers(52, 90)), draw(st.integers(2, 9)) * A_BATCH))
    return Story(asked, calendars(LINES, tuple(left), end=SLOT_END), taken, lots)


def test_no_second_lot_of_a_project_gives_way() -> None:
    """Some must give way in what is drawn, and some be left alone: else anything would keep to this."""
    seen: Counter[str] = Counter()

    @settings(deadline=None)
    @given(stories())
    def kept(story: Story) -> None:
        _, body = amended(story.asked, story.on, story.taken, by_greed=True)
        projects = {str(lot.booking_id): lot.product_id for lot in story.lots}
        anew = {one["booking_id"] for one in body["displacements"]}
        stays = {str(story.lots[0].booking_id)} - set(body["pending_displacements"]["dropped"])
        times = Counter(projects[one] for one in anew | stays)
        assert max(times.values()) == 1
        seen.update(["gives way"] if anew - stays else [])
        seen.update(["left alone"] if set(projects) - anew - stays else [])

    kept()
    assert seen["gives way"]
    assert seen["left alone"]
