"""The subcommand ``explain``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from scheduler.explanation.relaxing import Relaxed
from scheduler.explanation.statements import Refusal
from scheduler.explanation.wording import LANGUAGES
from scheduler.fields import FieldError, decode
from scheduler.problem import FORMAT as PROBLEM_FORMAT
from scheduler.problem import Problem
from scheduler.solution import FORMAT as SOLUTION_FORMAT
from scheduler.solution import Solution

BESIDE_FORMAT = "creneau-explanation-beside/1"
DONE, FAILED = 0, 4

EPILOG = """\
examples:
  python -m scheduler explain problem.json solution.json r17
  python -m scheduler explain problem.json solution.json r17 --language fr --for-party o1
  python -m scheduler explain problem.json solution.json r17 --json --seconds 20 --workers 2

the file of --beside holds what a problem file cannot, each list if wanted:
  {"format": "creneau-explanation-beside/1",
   "reasons": [{"code": "over_budget", "asked": "100", "offered": "120", "place": "line 4"}],
   "relaxed": [{"option": {"window": "w1", "duration": 30, "earliest": 0, "latest": 90},
                "change": {"kind": "volume", "amount": 200, "unit": "L"}}]}
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Beside:
    """Why a demand has no option, and the options that a demand without a place would have if something changed."""

    reasons: tuple[Refusal, ...] = ()
    relaxed: tuple[Relaxed, ...] = ()


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; its parser's `run` takes the parsed arguments and returns the exit code."""
    parser = commands.add_parser(
        "explain",
        help="why a demand or a booking is where it is, or nowhere",
        description="Say why, and what another place would cost; every statement is checked by solving.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("problem", type=Path)
    parser.add_argument("solution", type=Path)
    parser.add_argument("id", help="a demand or a movable booking of the problem")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the text (default en)")
    parser.add_argument("--json", action="store_true", help="data and text in every language, as one JSON document")
    parser.add_argument("-o", "--output", type=Path, help="where to write; standard output if not given")
    parser.add_argument("--seconds", type=_seconds, default=4.0, metavar="S", help="for all of it (default 4)")
    parser.add_argument("--workers", type=_workers, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--for-party", metavar="PARTY", help="as this party may read it: others shown by weight alone")
    parser.add_argument("--beside", type=Path, metavar="FILE", help="reasons and relaxed options, as below")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain, and return the exit code.

    Raises
    ------
    FieldError
        A file is malformed, or has nothing under that identifier.
    OSError
        A file cannot be read or written.
    """
    from scheduler.explanation.explain import explain  # noqa: PLC0415 - other commands run without a solver
    from scheduler.tasks import EngineError  # noqa: PLC0415

    beside = _read(Beside, BESIDE_FORMAT, options.beside) if options.beside else Beside()
    try:
        explanation = explain(
            _read(Problem, PROBLEM_FORMAT, options.problem),
            _read(Solution, SOLUTION_FORMAT, options.solution),
            options.id,
            seconds=options.seconds,
            workers=options.workers,
            reasons=[asdict(one) for one in beside.reasons],
            relaxed=beside.relaxed,
        )
    except EngineError as error:
        sys.stderr.write(f"scheduler: {options.problem}: {error}\n")
        return FAILED
    if options.json:
        written = explanation.rendered(party=options.for_party).to_json()
    else:
        written = explanation.text(options.language, party=options.for_party) + "\n"
    if options.output is None:
        sys.stdout.write(written)
    else:
        options.output.write_text(written, encoding="utf-8")
    return DONE


def _read(kind: type[T], file_format: str, path: Path) -> T:
    try:
        return decode(kind, path.read_bytes(), file_format)
    except FieldError as error:
        raise FieldError(f"{path}: {error.path}" if error.path else str(path), error.rule) from error


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return number


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError(f"must be from 1 to 256, not {text}")
    return number
