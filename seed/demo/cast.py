"""Who appears in the story, and the day on which it starts."""

from dataclasses import dataclass
from datetime import date

from rich.console import Console

from app.core.clock import today
from seed.demo.client import Json, Person
from seed.demo.service import Service


@dataclass(frozen=True, slots=True)
class Cast:
    """The people of the story, each with a key, and the screen it is told on."""

    console: Console
    today: date
    startup: Person
    second_startup: Person
    cdmos: tuple[Person, ...]
    coordinator: Person
    authority: Person

    @classmethod
    def of(cls, service: Service, console: Console) -> "Cast":
        """Return the cast of a service's demonstration scenario."""
        return cls(
            console,
            today(),
            Person(service, "startup"),
            Person(service, "startup_2"),
            (Person(service, "cdmo"), Person(service, "cdmo_2")),
            Person(service, "coordinator"),
            Person(service, "authority"),
        )

    def cdmo_of(self, organisation_id: str) -> Person | None:
        """Return the person of a CDMO if the story has one."""
        return next((one for one in self.cdmos if one.organisation_id == organisation_id), None)

    def maker_of(self, order: Json) -> Person:
        """Return the person of the story who answers an order.

        Raises
        ------
        LookupError
            If nobody does.
        """
        cdmo = self.cdmo_of(order["organisation_id"])
        if cdmo is None:
            raise LookupError(f"nobody in the story answers for {order['organisation_id']}")
        return cdmo
