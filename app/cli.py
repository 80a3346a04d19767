"""The command `creneau`."""

import sys

from app.commands.interrupts import heed_interrupts
from app.core.garbage import importing

_LASTING = ("up", "serve", "worker")


def main() -> None:
    """Run the command line; what runs until it is stopped can be interrupted from here on."""
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if wanted in _LASTING:
        heed_interrupts()
    with importing():  # this takes a second, in which an interrupt may come
        from app.commands.line import command_line, run  # noqa: PLC0415

        cli = command_line(wanted)
    run(cli)


if __name__ == "__main__":
    main()
