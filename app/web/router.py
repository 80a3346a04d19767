"""The front door, and health."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from app.core.errors import NotReady
from app.core.health import readiness_faults
from app.core.http import DbSession, address_of

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """The service's word on itself."""

    status: str = Field(examples=["ok"])


@router.get("/", include_in_schema=False)
async def front_door(request: Request) -> RedirectResponse:
    """Lead to the documentation of the interface."""
    return RedirectResponse(address_of(request, "/docs"))


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answer as long as the process serves; asks nothing of the database."""
    return Health(status="ok")


@router.get("/readyz", summary="Is the service ready?")
async def readyz(session: DbSession) -> Health:
    """Answer 200 when the database is there, its schema is the expected one, and a worker was seen lately."""
    faults = await readiness_faults(session)
    if faults:
        raise NotReady(" ".join(faults))
    return Health(status="ok")
