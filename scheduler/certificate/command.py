"""``python -m scheduler certify``: the certificate of a solution file, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from scheduler.certificate.outcomes import ATTRIBUTES, Organisations
from scheduler.certificate.report import FAILS, Certificate
from scheduler.commands.common import DONE, VIOLATED, Commands, add_command, count, positive, read, seed, workers, write
from scheduler.fields import FieldError, require
from scheduler.problem import Problem
from scheduler.solution import Solution

EXAMPLE = """\
examples:
  python -m scheduler certify problem.json solution.json
  python -m scheduler certify problem.json solution.json --json -o certificate.json
  python -m scheduler certify problem.json solution.json --organisations organisations.json --language fr

ORGANISATIONS is a JSON object by party: {"o1": {"region": "Bretagne", "size": "small"}}; either may be left out.

exit codes:
  0  every property that was checked holds
  1  some property fails
  2  a file or an argument is malformed or unreadable
  4  the solver failed
"""


def add_to(commands: Commands) -> None:
    """Add ``certify`` to the command line."""
    parser = add_command(commands, "certify", "which properties of fairness hold for a plan", EXAMPLE, run)
    parser.add_argument("problem", type=Path)
    parser.add_argument("solution", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="where to write; standard output if not given")
    parser.add_argument("--json", action="store_true", help="the certificate file instead of a table")
    parser.add_argument("--language", choices=("en", "fr"), default="en", help="of the table (default en)")
    parser.add_argument("--organisations", type=Path, metavar="ORGANISATIONS", help="region and size of each party")
    parser.add_argument("--samples", type=count, default=20, help="raised weights to try (default 20)")
    parser.add_argument("--seconds", type=positive, default=30.0, metavar="S", help="for the samples (default 30)")
    parser.add_argument("--seed", type=seed, default=1, help="random seed (default 1)")
    parser.add_argument("--workers", type=workers, default=1, help="processes (default 1)")


def run(options: argparse.Namespace) -> int:
    """Certify a solution file and return the exit code."""
    from scheduler.certificate.certify import certify  # noqa: PLC0415 - only this command needs it

    problem, solution = read(Problem, options.problem), read(Solution, options.solution)
    organisations = None if options.organisations is None else read_organisations(options.organisations)
    certificate = certify(
        problem,
        solution,
        organisations=organisations,
        seconds=options.seconds,
        samples=options.samples,
        seed=options.seed,
        workers=options.workers,
    )
    if options.json:
        write(certificate.to_json(), options.output)
    else:
        write(_table(certificate, options.language, to_terminal=options.output is None), options.output)
    return VIOLATED if certificate.verdict == FAILS else DONE


def _table(certificate: Certificate, language: str, *, to_terminal: bool) -> str:
    from scheduler.display import certificate_text  # noqa: PLC0415 - only people need it

    return certificate_text(certificate, language, styled=to_terminal and sys.stdout.isatty())


def read_organisations(path: Path) -> Organisations:
    """Read the region and the size of each party.

    Raises
    ------
    FieldError
        The file is malformed; the error names the file, the field and the rule.
    """
    try:
        raw = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise FieldError(str(path), f"is not JSON: {error}") from error
    require(isinstance(raw, dict), str(path), "must be an object by party")
    for party, known in raw.items():
        require(isinstance(known, dict), f"{path}: {party}", "must be an object")
        for name, text in known.items():
            field = f"{path}: {party}.{name}"
            require(name in ATTRIBUTES, field, f"is not a known field; known here: {', '.join(ATTRIBUTES)}")
            require(isinstance(text, str) and bool(text), field, "must be a text that is not empty")
    organisations: Organisations = raw
    return organisations
