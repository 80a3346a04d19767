"""Sweeps: what is done every so often, by one worker at a time, until nothing is left to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import DATABASE_FAILURES, SessionFactory, at_one_moment, transaction
from app.jobs.sweep_repository import due, put_off, take_turn

LONGEST_SECONDS = 60.0
"""For one sweep in one go; what is left is done by the next."""

Sweep = Callable[[AsyncSession], Awaitable[int]]
"""Does some of what there is to do, in a transaction of its own, and returns how much; 0 when nothing is left."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps whose turn it is.

    When a sweep is due stands in its row, which the worker that sweeps locks: the others pass it over, and if that
    worker dies its lock ends with it and the sweep is still due.

    Attributes
    ----------
    every
        Returns the seconds between the end of a sweep and the next one, by its name.
    of_one_moment
        Names of the sweeps that see everything as of one moment: the transaction is so before the turn is taken.
    """

    sessions: SessionFactory
    sweeps: Mapping[str, Sweep]
    every: Callable[[str], float]
    stop: asyncio.Event
    of_one_moment: frozenset[str] = frozenset()

    async def sweep(self) -> None:
        """Do every sweep that is due and that no other worker is doing; one that fails is put off like one done."""
        await tolerantly("turns", self._what_is_due())

    async def _what_is_due(self) -> None:
        async with transaction(self.sessions) as session:
            names = await due(session, list(self.sweeps))
        for name in names:
            await tolerantly(name, self._until_nothing_is_left(name))

    async def _until_nothing_is_left(self, name: str) -> None:
        deadline, done = time.monotonic() + LONGEST_SECONDS, 0
        try:
            while time.monotonic() < deadline and not self.stop.is_set():
                some = await self._some(name)
                if not some:
                    break
                done += some
        except Exception:
            async with transaction(self.sessions) as session:
                await put_off(session, name, self.every(name))
            raise
        if done:
            log.info("swept", sweep=name, count=done)

    async def _some(self, name: str) -> int:
        """Do some of a sweep and return how much: 0 if nothing was left, which ends the turn, or another is at it."""
        async with transaction(self.sessions) as session:
            if name in self.of_one_moment:
                await at_one_moment(session)
            if not await take_turn(session, name):
                return 0
            done = await self.sweeps[name](session)
            if not done:
                await put_off(session, name, self.every(name))
            return done


async def tolerantly(name: str, act: Awaitable[object]) -> None:
    """Wait for what is done again soon; if it fails, that is logged."""
    try:
        await act
    except DATABASE_FAILURES as error:
        log.warning("sweep_failed", sweep=name, error=error)
    except Exception:
        log.exception("sweep_failed", sweep=name)
