"""When keys and sessions were last used: noted in memory, and written beside all requests once a minute."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from uuid import UUID

import structlog

from app.core.clock import now
from app.core.database import DATABASE_FAILURES, SessionFactory, transaction
from app.core.tenancy import EVERYBODY, acting_for
from app.identity import key_repository, session_repository
from app.identity.actor import Actor

WRITE_SECONDS = 60.0
LAST_WRITE_SECONDS = 2.0
"""How long the end of the process may wait for what was not written yet."""

log = structlog.get_logger(__name__)


class KeyUses:
    """The last use of each key and session that this process has served since it last wrote them."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions
        self._noted: dict[UUID, datetime] = {}
        self._seen: dict[UUID, datetime] = {}

    def note(self, actor: Actor) -> None:
        """Note that an actor's key, or session, is used now."""
        if actor.api_key_id is not None:
            self._noted[actor.api_key_id] = now()
        elif actor.session_id is not None:
            self._seen[actor.session_id] = now()

    async def write(self) -> None:
        """Write what was noted; if that fails it is logged, and tried again with what is noted meanwhile."""
        noted, self._noted = self._noted, {}
        seen, self._seen = self._seen, {}
        if not noted and not seen:
            return
        try:
            with acting_for(EVERYBODY):
                async with transaction(self._sessions) as session:
                    if noted:
                        await key_repository.write_uses(session, noted)
                    if seen:
                        await session_repository.write_seen(session, seen)
        except asyncio.CancelledError:
            self._noted, self._seen = noted | self._noted, seen | self._seen
            raise
        except DATABASE_FAILURES as error:
            log.warning("key_uses_not_written", error=error)
            self._noted, self._seen = noted | self._noted, seen | self._seen
        except Exception:
            log.exception("key_uses_not_written")

    @asynccontextmanager
    async def written_regularly(self) -> AsyncIterator[None]:
        """Write once a minute meanwhile, and what is left at the end."""
        writing = asyncio.create_task(self._write_for_ever())
        try:
            yield
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WRITE_SECONDS):
                    await self.write()

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()
