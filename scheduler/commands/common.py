"""What the commands share: exit codes, files in and out, the types of arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from scheduler.fields import FieldError
from scheduler.problem import Problem
from scheduler.solution import Solution

DONE, VIOLATED, MALFORMED, NO_PLAN, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

GIBIBYTE = 2**30
MOST_BYTES = GIBIBYTE
"""Of a file: reading one takes some ten times its size of memory."""

F = TypeVar("F", Problem, Solution)
Run = Callable[[argparse.Namespace], int]


class Commands(Protocol):
    """Where a command is added: what `argparse.ArgumentParser.add_subparsers` returns."""

    def add_parser(
        self,
        name: str,
        *,
        help: str | None,  # noqa: A002 - argparse's own name
        description: str,
        epilog: str,
        formatter_class: type[argparse.HelpFormatter],
    ) -> argparse.ArgumentParser:
        """Add one command."""


def add_command(commands: Commands, name: str, summary: str, epilog: str, run: Run) -> argparse.ArgumentParser:
    """Add a command that calls `run` with its arguments, and return its parser to add those to."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def fail(message: str, code: int) -> int:
    """Say on standard error what is wrong, in one line, and return the exit code."""
    sys.stderr.write(f"scheduler: {message}\n")
    return code


def read(kind: type[F], path: Path) -> F:
    """Read a problem or a solution file.

    Raises
    ------
    FieldError
        The file is enormous or malformed; the error names the file, the field and the rule.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise FieldError(str(path), f"must be at most {MOST_BYTES / GIBIBYTE:g} GiB, not {size / GIBIBYTE:.1f}")
    try:
        return kind.from_json(path.read_bytes())
    except FieldError as error:
        raise FieldError(f"{path}: {error.path}" if error.path else str(path), error.rule) from error


def write(text: str, output: Path | None) -> None:
    """Write a file, whole or not at all, or to standard output."""
    if output is None:
        sys.stdout.write(text)
        return
    # Whoever watches for the file finds the whole of it or nothing.
    with NamedTemporaryFile("w", dir=output.parent, delete=False, encoding="utf-8") as half:
        half.write(text)
    Path(half.name).chmod(0o644)
    Path(half.name).replace(output)


def positive(text: str) -> float:
    """Return a number above 0."""
    number = float(text)
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return number


def count(text: str) -> int:
    """Return a whole number from 0."""
    number = int(text)
    if not 0 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"must be from 0 to {2**31 - 1}, not {text}")
    return number


def workers(text: str) -> int:
    """Return a number of processes."""
    number = int(text)
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError(f"must be from 1 to 256, not {text}")
    return number


def address(text: str) -> str:
    """Return the address of a server."""
    parts = urlsplit(text)
    if parts.scheme not in {"tcp", "tls"} or not parts.hostname or not parts.port:
        raise argparse.ArgumentTypeError(f"must be like tcp://127.0.0.1:8786, not {text}")
    return text


seed = count
