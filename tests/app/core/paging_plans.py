"""A list that is read page by page while rows are inserted into it, and what must be seen of it."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from app.identity.models import Organisation
from app.requests.models import Product
from tests.support.world import World

EXAMPLES = 300 if os.environ.get("CRENEAU_PROVE") else 20
MOST_ROWS = 12

examples = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


_examples = count(1)


class Row(NamedTuple):
    """A row to be listed: its place in the order, first by something that ties, then by its identifier."""

    example: int
    tie: int
    number: int
    bare: bool
    """Whether what may be null is null."""

    @property
    def id(self) -> UUID:
        """The identifier, in the order of the numbers; another in each example, for rows stay."""
        return UUID(int=self.example << 64 | self.number)


@dataclass(frozen=True)
class Plan:
    """A list, how it is read, and what is inserted after each of its pages."""

    rows: Sequence[Row]
    limit: int
    inserted: Sequence[Sequence[Row]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    row = st.builds(Row, st.just(next(_examples)), st.integers(0, 2), st.integers(0, 2**32), st.booleans())
    rows = draw(st.lists(row, max_size=MOST_ROWS, unique_by=lambda one: one.number))
    first = draw(st.integers(0, len(rows)))
    later = rows[first:]
    cuts = sorted(draw(st.lists(st.integers(0, len(later)), max_size=4)))
    inserted = [later[a:b] for a, b in zip([0, *cuts], [*cuts, len(later)], strict=True)]
    return Plan(rows[:first], draw(st.integers(1, 5)), inserted)


Key = Callable[[Row], Any]
Store = Callable[[Sequence[Row]], Awaitable[None]]


async def check(
    client: httpx.AsyncClient,
    path: str,
    headers: Mapping[str, str],
    plan: Plan,
    key: Key,
    store: Store,
    *,
    shown: Callable[[Row], bool] = lambda _: True,
) -> None:
    """Read a list page by page while rows are inserted, and check what was seen of it.

    Parameters
    ----------
    path
        With a filter, if it has one.
    key
        The place of a row in the order of the list.
    shown
        Which rows pass the filter.
    """
    await store(plan.rows)
    due = {row.id: key(row) for row in plan.rows if shown(row)}  # what must be seen
    allowed = dict(due)
    seen: list[Any] = []
    following: str | None = f"{path}{'&' if '?' in path else '?'}limit={plan.limit}"
    waiting = list(plan.inserted)
    while following is not None:
        answer = await client.get(following, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= plan.limit
        seen += [UUID(item["id"]) for item in page["items"]]
        assert len(seen) == len(set(seen)), "a row was shown twice"
        following = page["next"]
        assert answer.links.get("next", {}).get("url") == following
        if following is not None and waiting:
            rows = waiting.pop(0)
            await store(rows)
            new = {row.id: key(row) for row in rows if shown(row)}
            allowed |= new
            due |= {one: place for one, place in new.items() if place > allowed[seen[-1]]}
    assert set(due) <= set(seen), "a row was left out"
    assert set(seen) <= set(allowed), "a row does not belong there"
    keys = [allowed[one] for one in seen]
    assert keys == sorted(keys)


def by_id(row: Row) -> UUID:
    return row.id


def by_day(row: Row) -> tuple[int, UUID]:
    return row.tie, row.id


async def reader(world: World) -> tuple[Organisation, Product, Mapping[str, str]]:
    """A start-up that has nothing yet but a product."""
    startup, key = await world.startup()
    return startup, await world.product(startup), key
