"""What a look at the supply chain says."""

from typing import NamedTuple


class Report(NamedTuple):
    """Lines to print, and the exit code."""

    lines: list[str]
    code: int
