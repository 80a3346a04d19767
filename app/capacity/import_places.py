"""Which unit a row is about, by identifiers or by the names that a planner knows; pure."""

from collections.abc import Sequence
from uuid import UUID

from app.capacity.import_rows import Row
from app.catalogue.place import UnitPlace

_LEVELS = (("site", "site_id", "site_name"), ("line", "line_id", "line_name"), ("unit", "unit_id", "unit_name"))


class OwnPlaces:
    """The units of one organisation."""

    def __init__(self, places: Sequence[UnitPlace]) -> None:
        self._places = list(places)
        self.by_id = {one.unit_id: one for one in places}

    def find(self, row: Row) -> UnitPlace | None:
        """Return the unit that a row names, or None with the fault noted.

        Site, line and unit are names or identifiers; what is left out need not be said where only one is left.
        """
        left = self._places
        unit_id = row.values.get("unit_id")
        if unit_id is not None:
            left = [self.by_id[unit_id]] if unit_id in self.by_id else []
            if not left:
                row.refuse("unit_id", f"There is no unit {unit_id} among yours.")
                return None
        for level, identifier, name in _LEVELS:
            said = row.values.get(level)
            if said is not None and not (left := self._narrowed(left, identifier, name, str(said))):
                row.refuse(
                    level,
                    f"There is no {level} {str(said)[:80]!r} among yours, or not in the place that the row names.",
                )
                return None
        if len(left) == 1:
            return left[0]
        blank = next((level for level, *_ in _LEVELS if row.values.get(level) is None), "unit")
        row.refuse(blank, _several(left, blank) if left else "You have no unit.")
        return None

    def stays(self, row: Row, place: UnitPlace, what: str) -> None:
        """Note a fault where a row names another unit than the one that its object, such as a slot, is on."""
        here = f"{place.site_name} / {place.line_name} / {place.unit_name}"
        rule = f"The {what} is on {here} and stays there: for another unit, add a row without `id`."
        if row.values.get("unit_id") not in {None, place.unit_id}:
            row.refuse("unit_id", rule)
        for level, identifier, name in _LEVELS:
            said = row.values.get(level)
            if said is not None and not self._narrowed([place], identifier, name, str(said)):
                row.refuse(level, rule)

    @staticmethod
    def _narrowed(places: Sequence[UnitPlace], identifier: str, name: str, said: str) -> list[UnitPlace]:
        wanted = _plain(said)
        try:
            found = [one for one in places if getattr(one, identifier) == UUID(wanted)]
        except ValueError:
            found = []
        exact = found or [one for one in places if getattr(one, name).strip() == said.strip()]
        return exact or [one for one in places if _plain(getattr(one, name)) == wanted]


def _several(places: Sequence[UnitPlace], level: str) -> str:
    names = sorted({getattr(one, f"{level}_name") for one in places})
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"It could be several: {shown}. Name one." if len(names) > 1 else "It could be several: name line and unit."


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
