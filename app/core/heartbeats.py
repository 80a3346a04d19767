"""Workers say that they live, so that the service can tell whether anybody runs its jobs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Uuid, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel

from app.core.model import metadata

BEAT_SECONDS = 2.0
SEEN_LATELY_SECONDS = 30
FORGOTTEN_SECONDS = 3_600


class WorkerHeartbeat(SQLModel, table=True):
    """When one worker process was last alive; rows of workers long gone are removed by those that live."""

    __tablename__ = "worker_heartbeats"
    metadata = metadata

    worker_id: UUID = Field(primary_key=True, sa_type=Uuid)
    host: str = Field(max_length=255)
    pid: int
    started_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)
    seen_at: datetime = Field(sa_type=DateTime(timezone=True), nullable=False)


async def beat(session: AsyncSession, worker_id: UUID, *, host: str, pid: int) -> None:
    """Record that a worker is alive now, by the database's clock, and forget those long gone."""
    await session.execute(
        text(
            """
            INSERT INTO worker_heartbeats (worker_id, host, pid, started_at, seen_at)
            VALUES (:worker_id, :host, :pid, now(), now())
            ON CONFLICT (worker_id) DO UPDATE SET seen_at = now()
            """
        ),
        {"worker_id": worker_id, "host": host, "pid": pid},
    )
    await session.execute(
        text("DELETE FROM worker_heartbeats WHERE seen_at < now() - make_interval(secs => :forgotten)"),
        {"forgotten": FORGOTTEN_SECONDS},
    )


async def leave(session: AsyncSession, worker_id: UUID) -> None:
    """Remove the row of a worker that stops."""
    await session.execute(text("DELETE FROM worker_heartbeats WHERE worker_id = :id"), {"id": worker_id})


async def worker_fault(session: AsyncSession) -> str | None:
    """Return what to do when no worker has been seen lately, or None if one has."""
    seen = await session.scalar(
        text("SELECT EXISTS (SELECT FROM worker_heartbeats WHERE seen_at > now() - make_interval(secs => :lately))"),
        {"lately": SEEN_LATELY_SECONDS},
    )
    return None if seen else f"No worker was seen in the last {SEEN_LATELY_SECONDS} s: run `creneau worker`."
