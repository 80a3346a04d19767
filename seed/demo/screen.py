"""How the story looks: chapters, tables, amounts, and a timeline in text."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

TIMELINE_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """A period on a timeline: its label, its days [start, end), and the character and style it is drawn with."""

    label: str
    start: date
    end: date
    mark: str = "█"
    style: str = "cyan"


def chapter(console: Console, title: str) -> None:
    """Open a chapter."""
    console.print()
    console.print(Rule(f"[bold]{title}[/bold]", align="left"))


def table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()
) -> Table:
    """Return a table; the columns in `numbers` stand to the right."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for index, heading in enumerate(headings):
        made.add_column(heading, justify="right" if index in numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made


def euros(cents: int) -> str:
    """Return an amount in euros, without cents."""
    return f"{cents / 100:,.0f} €".replace(",", " ")


def count(number: float) -> str:
    """Return a number with thin groups of three."""
    return f"{number:,.0f}".replace(",", " ")


def how_many(number: int, thing: str, things: str | None = None) -> str:
    """Return a number of things in words: 1 booking, 2 bookings."""
    return f"{count(number)} {thing if number == 1 else things or thing + 's'}"


def timeline(bars: Sequence[Bar]) -> Text:
    """Return bars against one scale of days, a line each, under a line of months."""
    first = min(bar.start for bar in bars)
    last = max(bar.end for bar in bars)
    scale = TIMELINE_COLUMNS / max((last - first).days, 1)
    width = max(len(bar.label) for bar in bars)

    def column(day: date) -> int:
        return round((day - first).days * scale)

    text = Text(f"{'':{width}}  {_months(first, last, column)}\n", style="dim")
    for bar in bars:
        drawn = max(column(bar.end) - column(bar.start), 1)
        text.append(f"{bar.label:{width}}  " + " " * column(bar.start), style="default")
        text.append(bar.mark * drawn, style=bar.style)
        text.append(f" {bar.start} to {bar.end}\n", style="dim")
    return text


def _months(first: date, last: date, column: Callable[[date], int]) -> str:
    line = ""
    month = first.replace(day=1)
    while month <= last:
        place = max(column(month), 0)
        if place >= len(line):
            line = line.ljust(place) + f"{month:%b %y} "
        month = (month.replace(day=28) + timedelta(days=7)).replace(day=1)
    return line
