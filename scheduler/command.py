"""The command line over problem and solution files: each subcommand is a module of its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from scheduler.certificate import command as certify
from scheduler.commands import baseline, solve, vary, verify
from scheduler.commands.common import FAILED, INTERRUPTED, MALFORMED, fail
from scheduler.explanation import command as explain
from scheduler.fields import FieldError
from scheduler.tasks import EngineError

EPILOG = """\
examples:
  python -m scheduler solve problem.json -o solution.json --time-limit 60 --seed 1 --workers 2
  python -m scheduler verify problem.json solution.json
  python -m scheduler vary problem.json variations.json -o variants.json
  python -m scheduler baseline fcfs problem.json -o solution.json
  python -m scheduler explain problem.json solution.json r17
  python -m scheduler certify problem.json solution.json

python -m scheduler COMMAND --help has more, and the exit codes of each.

exit codes:
  0  done                        3  there is no plan
  1  verify or certify found     4  the solver failed
     that something fails        130  interrupted
  2  a file or an argument is
     malformed or unreadable
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except FieldError as error:
        return fail(str(error), MALFORMED)
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}", MALFORMED)
    except EngineError as error:
        return fail(str(error), FAILED)
    except (MemoryError, ImportError) as error:  # both are what a memory limit looks like
        return fail(f"out of memory, or not installed whole: {error}", FAILED)
    except KeyboardInterrupt:
        return fail("interrupted", INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scheduler",
        description="Allocate campaigns to windows of capacity, with proven bounds.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (solve, verify, vary, baseline, explain, certify):
        command.add_to(commands)
    return parser
