"""The story, chapter by chapter."""

from rich.console import Console

from seed.demo.cast import Cast
from seed.demo.chapters import booking, catalogue, crisis, drill, round_
from seed.demo.service import Service


def tell(service: Service, console: Console) -> None:
    """Tell the whole story on a running service.

    Raises
    ------
    DemoFailed
        A step was refused, or did not end in time.
    """
    cast = Cast.of(service, console)
    catalogue.tell(cast)
    booking.tell(cast)
    round_.tell(cast)
    drill.tell(cast)
    crisis.tell(cast)
