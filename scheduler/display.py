"""What people see on a terminal: levels while a solve runs, tables at its end. The only place that knows rich."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text as Styled

from scheduler.certificate.headings import HEADINGS, VERDICTS
from scheduler.certificate.report import FAILS, HOLDS, NOT_CHECKED, Certificate, Counterexample, Property, Text
from scheduler.objectives import plain_bound
from scheduler.problem import Problem
from scheduler.progress import Progress
from scheduler.solution import Solution

BAR_WIDTH = 40
PAGE_WIDTH = 110
SHOWN_COUNTEREXAMPLES = 5
STYLES = {HOLDS: "green", FAILS: "bold red", NOT_CHECKED: "yellow"}


class LiveLevels:
    """A table of levels on standard error, kept up to date until it is closed; then it stays, as it ended.

    Parameters
    ----------
    problem : Problem
        Whose objectives are the rows.
    time_limit_s : float or None
        What the bar is measured against; no bar where no clock limits the solve.
    """

    def __init__(self, problem: Problem, *, time_limit_s: float | None, console: Console | None = None) -> None:
        self.time_limit_s = time_limit_s
        self.objectives = problem.objectives
        self.trivial = {name: plain_bound(problem, name) for name in problem.objectives}
        self.events: dict[int, Progress] = {}
        self.began = time.monotonic()
        self.ended = False
        self._live = Live(console=console or Console(file=sys.stderr), get_renderable=self._page, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended = True
        self._live.stop()

    def tell(self, event: Progress) -> None:
        """Take what the solve reports; from any thread."""
        self.events[event.level] = event

    def conclude(self, solution: Solution) -> None:
        """Take the levels as they ended, those that a stopped solve did not come to with them."""
        for number, level in enumerate(solution.levels, start=1):
            told = self.events.get(number)
            elapsed = told.elapsed if told else solution.seconds
            self.events[number] = Progress(
                level.objective, level.value, level.bound, elapsed, number, len(solution.levels), done=True
            )

    def _page(self) -> RenderableType:
        table = _levels_table(self.objectives, self.trivial, dict(self.events))
        return table if self.ended else Group(table, self._clock())

    def _clock(self) -> RenderableType:
        elapsed = time.monotonic() - self.began
        if self.time_limit_s is None:
            return Styled(f"{elapsed:.0f} s", style="dim")
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(self.time_limit_s, min(elapsed, self.time_limit_s), width=BAR_WIDTH)
        line.add_row(bar, f"{elapsed:.0f} of {self.time_limit_s:g} s, Ctrl-C stops with the best plan so far")
        return line


def _levels_table(objectives: Sequence[str], trivial: dict[str, int], events: dict[int, Progress]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "objective"):
        table.add_column(heading)
    for heading in ("value", "bound", "trivial bound", "gap", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    current = max(events, default=0)
    for level, name in enumerate(objectives, start=1):
        event = events.get(level)
        if event is None:
            table.add_row(str(level), name, "", "", f"{trivial[name]:,}", "", "", Styled("waiting", style="dim"))
            continue
        gap = abs(event.bound - event.value) / max(1, abs(event.value))
        figures = (f"{event.value:,}", f"{event.bound:,}", f"{trivial[name]:,}", f"{gap:.2%}", f"{event.elapsed:.1f}")
        table.add_row(str(level), name, *figures, _state(event, is_current=level == current))
    return table


def _state(event: Progress, *, is_current: bool) -> Styled:
    if event.value == event.bound:
        return Styled("proven", style="green")
    if event.done or not is_current:
        return Styled("best found", style="yellow")
    return Styled("solving", style="cyan")


def certificate_text(certificate: Certificate, language: str, *, styled: bool) -> str:
    """Return a certificate as tables.

    Parameters
    ----------
    certificate : Certificate
        What to show.
    language : str
        ``en`` or ``fr``.
    styled : bool
        Whether the text is for a terminal, whose width and colours it then uses.
    """
    page = io.StringIO()
    width = None if styled else PAGE_WIDTH
    console = Console(file=page, width=width, force_terminal=styled, no_color=not styled, highlight=False)
    sheet = _Sheet(certificate, language)
    for part in (sheet.properties(), sheet.levels(), sheet.outcomes(), sheet.note()):
        console.print(part)
    return page.getvalue()


class _Sheet:
    """The parts of a certificate in one language."""

    def __init__(self, certificate: Certificate, language: str) -> None:
        self.certificate, self.language = certificate, language

    def properties(self) -> RenderableType:
        """Return each property with its verdict, its definition and what was found."""
        table = Table(title=self._say(HEADINGS["title"]), title_justify="left", show_lines=True)
        for heading in ("property", "verdict", "what"):
            table.add_column(self._say(HEADINGS[heading]), ratio=4 if heading == "what" else None)
        for item in self.certificate.properties:
            verdict = Styled(self._say(VERDICTS[item.verdict]), style=STYLES[item.verdict])
            table.add_row(self._say(item.title), verdict, self._what(item))
        return table

    def levels(self) -> RenderableType:
        """Return the gap of each level."""
        if not self.certificate.levels:
            return Styled("")
        table = self._figures("levels", ("objective", "value", "bound", "trivial", "gap", "proven"))
        for level in self.certificate.levels:
            proven = self._say(HEADINGS["yes" if level.proven else "no"])
            figures = (f"{level.value:,}", f"{level.bound:,}", f"{level.trivial_bound:,}", f"{level.gap:.2%}", proven)
            table.add_row(level.objective, *figures)
        return table

    def outcomes(self) -> RenderableType:
        """Return who was served, by each attribute."""
        return Group(*(self._outcome(number) for number in range(len(self.certificate.outcomes))))

    def note(self) -> RenderableType:
        """Return how far all this reaches."""
        return Styled(f"\n{self._say(self.certificate.note)}", style="italic")

    def _what(self, item: Property) -> RenderableType:
        lines = [Styled(self._say(item.summary), style="bold")]
        lines += [Styled(f"- {self._counterexample(found)}") for found in item.counterexamples[:SHOWN_COUNTEREXAMPLES]]
        more = len(item.counterexamples) - SHOWN_COUNTEREXAMPLES
        if more > 0:
            lines.append(Styled(f"- {self._say(HEADINGS['more'])} {more:,}"))
        lines.append(Styled(self._say(item.definition)))
        for heading, text in (("method", item.method), ("not_covered", item.not_covered)):
            lines.append(Styled(f"{self._say(HEADINGS[heading])} {self._say(text)}", style="dim"))
        return Group(*lines)

    def _counterexample(self, found: Counterexample) -> str:
        effect = ", ".join(f"{change.objective} {change.before:,} → {change.after:,}" for change in found.effect)
        return f"{self._say(found.text)} {effect}".rstrip()

    def _outcome(self, number: int) -> RenderableType:
        outcome = self.certificate.outcomes[number]
        if outcome.groups is None:
            return Styled(f"\n{self._say(HEADINGS[outcome.by])}{self._say(HEADINGS['not_given'])}")
        table = self._figures(outcome.by, ("group", "parties", "demands", "eligible", "placed", "weight", "delay"))
        for group in outcome.groups:
            delay = "" if group.median_delay_days is None else f"{group.median_delay_days:g}"
            table.add_row(
                group.name,
                f"{group.parties_served:,} / {group.parties:,}",
                f"{group.demands:,}",
                f"{group.eligible:,}",
                f"{group.placed:,}",
                f"{group.weight_placed:,} / {group.weight:,}",
                delay,
            )
        return table

    def _figures(self, title: str, headings: Sequence[str]) -> Table:
        table = Table(title=self._say(HEADINGS[title]), title_justify="left")
        for heading in headings:
            table.add_column(self._say(HEADINGS[heading]), justify="left" if heading == headings[0] else "right")
        return table

    def _say(self, text: Text) -> str:
        return text.within(self.language)
