"""The least that FastAPI and asyncpg can do: one guarded insert, and one select. What the service is compared with."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from uuid import UUID, uuid4

import asyncpg
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

TABLE = """
CREATE TABLE bare_bookings (
    id uuid PRIMARY KEY, unit_id uuid NOT NULL, period daterange NOT NULL,
    EXCLUDE USING gist (uuidrange(unit_id, unit_id, '[]') WITH &&, period WITH &&)
)
"""
INSERT = "INSERT INTO bare_bookings (id, unit_id, period) VALUES ($1, $2, daterange($3, $4))"
SELECT = """
SELECT id, unit_id, lower(period) AS start, upper(period) AS "end", reserve, approval, price_cents
FROM slots WHERE status = 'published' AND period && daterange($1, $2) ORDER BY lower(period), id LIMIT 50
"""


class Insert(BaseModel):
    """A period of a unit."""

    unit_id: UUID
    start: date
    end: date


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BARE_DATABASE_URL"], min_size=16, max_size=16) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_lifespan)


@app.post("/insert", status_code=201)
async def insert(request: Request, body: Insert) -> dict[str, str]:
    """Insert one period; the exclusion constraint guards it."""
    identifier = uuid4()
    await request.app.state.pool.execute(INSERT, identifier, body.unit_id, body.start, body.end)
    return {"id": str(identifier)}


@app.get("/select")
async def select(request: Request, start: date, end: date) -> Response:
    """Return fifty slots that touch a period."""
    rows = await request.app.state.pool.fetch(SELECT, start, end)
    return Response(json.dumps([dict(row) for row in rows], default=str), media_type="application/json")
