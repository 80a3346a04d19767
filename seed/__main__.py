"""`python -m seed`: the same commands as `creneau seed`."""

import sys

from app.core.garbage import importing


def main() -> None:
    """Run the command line; a command that gives up says why in one line."""
    with importing():
        from app.commands.failure import CommandFailed  # noqa: PLC0415
        from seed.cli import cli  # noqa: PLC0415
    try:
        cli(prog_name="creneau seed")
    except CommandFailed as failure:
        sys.stderr.write(f"creneau: {failure}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
