"""The units of the country as this process knows them: a copy, used only where the catalogue still is as it was.

To read what is said of a line, a site and a CDMO again for each slot of each page takes the server longer than to find
the page. A copy goes by the name of the state of the catalogue, which every write changes, and which no state has had
before; whoever uses it asks for that name in the statement that it is used with.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import to_json

from app.capacity import facts_repository
from app.capacity.chosen_units import ChosenUnits, delivering
from app.capacity.facts import terms_of, unit_of
from app.capacity.rules import BatchPrice
from app.capacity.schemas import SlotNeeds
from app.capacity.supply import UnitFacts
from app.core.driver import Driver
from app.core.errors import Busy

KEPT_STATES = 4
KEPT_CHOICES = 100
"""Each takes up to 130 kB in a country of 600 units."""
TRIES = 10

Answer = TypeVar("Answer")


class Entry:
    """One unit, as the directory has it."""

    def __init__(self, facts: UnitFacts, organisation_name: str) -> None:
        self.facts = facts
        self.organisation_name = organisation_name

    @cached_property
    def offers(self) -> tuple[BatchPrice, ...]:
        """What its line takes for a batch of each modality that it makes, by modality."""
        terms = sorted((name, one) for name, one in self.facts.terms.items() if name in self.facts.modalities)
        return tuple(BatchPrice(name, one.price_cents, one.basis) for name, one in terms)

    @cached_property
    def shown(self) -> str:
        """The members of a `SlotRead` that follow from its unit, as JSON without the braces around them."""
        facts = self.facts
        members = {
            "unit_id": facts.unit_id,
            "unit_name": facts.unit_name,
            "line_id": facts.line_id,
            "line_name": facts.line_name,
            "site_id": facts.site_id,
            "site_name": facts.site_name,
            "organisation_id": facts.organisation_id,
            "organisation_name": self.organisation_name,
            "region": facts.region,
            "country": facts.country,
            "cdmo_cancellation_percent": facts.cdmo_cancellation_percent,
        }
        return to_json(members).decode()[1:-1]


class Directory:
    """All units, as they are in one state of the catalogue.

    Parameters
    ----------
    state
        The name of that state; None if it has none.
    """

    def __init__(self, state: UUID | None, entries: Iterable[Entry]) -> None:
        self.state = state
        self.units: Mapping[UUID, Entry] = {one.facts.unit_id: one for one in entries}
        self._choices: dict[Any, ChosenUnits] = {}

    def meeting(self, needs: SlotNeeds, owner_id: UUID | None) -> ChosenUnits:
        """Return the units whose slots may meet the needs.

        Parameters
        ----------
        owner_id
            Whose units alone, bookable or not; None means all that are bookable.
        """
        key = (owner_id, needs.deliver_by is not None, *(getattr(needs, name) for name in _OF_UNITS))
        if key not in self._choices:
            if len(self._choices) >= KEPT_CHOICES:
                self._choices.clear()
            found = [one.facts for one in self.units.values() if _meets(one.facts, needs, owner_id)]
            everywhere = len(found) == len(self.units)
            self._choices[key] = (
                ChosenUnits(dict.fromkeys(one.unit_id for one in found), everywhere=everywhere)
                if needs.deliver_by is None
                else delivering(found, needs.modality)
            )
        return self._choices[key]


_kept: OrderedDict[UUID, Directory] = OrderedDict()
"""By state, the one used last at the end: names of states are never used twice, whatever the database."""


async def with_directory(
    driver: Driver, ask: Callable[[Directory], Awaitable[tuple[UUID | None, Answer]]]
) -> tuple[Directory, Answer]:
    """Return what is asked with the directory of the state in which it is answered, and that directory.

    Parameters
    ----------
    ask
        Gives the name of the state that its answer was found in, or None if nothing was found that tells, and the
        answer; it is asked again if it had the directory of another one.

    Raises
    ------
    Busy
        If the catalogue is written to so fast that no copy of it holds until it is used.
    """
    directory = next(reversed(_kept.values()), None) or await _read(driver)
    for _ in range(TRIES):
        told, answer = await ask(directory)
        # Names never come again: one that is the same after the question was so before it.
        state = told or await facts_repository.catalogue_state(driver)
        if state == directory.state:
            if state is not None and state in _kept:
                _kept.move_to_end(state)
            return directory, answer
        directory = _kept[state] if state is not None and state in _kept else await _read(driver)
    raise Busy("The catalogue changes faster than it can be read: try again.")


async def _read(driver: Driver) -> Directory:
    """Return the directory of the state that there is, and keep it."""
    state, rows = await facts_repository.known_units(driver)
    entries = [
        Entry(unit_of(unit, line, site, units, terms_of(offers or ())), organisation_name)
        for unit, line, site, units, offers, organisation_name in rows
    ]
    directory = Directory(state, entries)
    if state is not None:
        _kept[state] = directory
        _kept.move_to_end(state)
        while len(_kept) > KEPT_STATES:
            _kept.popitem(last=False)
    return directory


_OF_UNITS = (
    "modality",
    "phase",
    "platform",
    "volume_min",
    "volume_max",
    "region",
    "unit_id",
    "line_id",
    "site_id",
)
"""What of the needs of a search is asked of units; the rest is asked of slots."""


def _meets(unit: UnitFacts, needs: SlotNeeds, owner_id: UUID | None) -> bool:
    """Tell whether slots of a unit may meet the needs: as matching has it, what is unknown is not eligible."""
    modality, phase, platform, volume_l = needs.modality, needs.phase, needs.platform, unit.working_volume_l
    return (
        (unit.not_bookable_reason is None if owner_id is None else unit.organisation_id == owner_id)
        and needs.unit_id in {None, unit.unit_id}
        and needs.line_id in {None, unit.line_id}
        and needs.site_id in {None, unit.site_id}
        and needs.region in {None, unit.region}
        and (modality is None or (_within(modality, unit.modalities, unit.site_modalities) and modality in unit.terms))
        and (phase is None or _within(phase, unit.gmp_phases, unit.site_gmp_phases))
        and (platform is None or platform in unit.platforms)
        and (needs.volume_min is None or (volume_l is not None and volume_l >= needs.volume_min))
        and (needs.volume_max is None or (volume_l is not None and volume_l <= needs.volume_max))
    )


def _within(asked: str, line: tuple[str, ...], scope: tuple[str, ...]) -> bool:
    """Tell whether a line offers something, within the scope of its site where that is known."""
    return asked in line and (not scope or asked in scope)
