"""The sector's figures over HTTP."""

import hashlib
from typing import Annotated

from fastapi import Header, Request, Response

from app.core.http import DbSession
from app.core.routing import ApiRouter
from app.identity.dependencies import OptionalActor
from app.indicators.schemas import Indicators
from app.indicators.service import read_indicators

router = ApiRouter(prefix="/v1/indicators", tags=["indicators"])

FRESH_SECONDS = 3_600
"""Editions come once a quarter: an hour later is soon enough for everybody."""

_NONE_MATCH = Header(alias="If-None-Match", description="ETags that you have: if one still holds, the answer is 304")


@router.get(
    "",
    summary="Read the sector's figures",
    response_model=Indicators,
    responses={304: {"description": "What you have still holds"}},
)
async def get_indicators(
    request: Request, session: DbSession, actor: OptionalActor, seen: Annotated[str | None, _NONE_MATCH] = None
) -> Response:
    """Capacity and its use, requests and access, reserve agreements, by quarter; anybody may read the nation's figures.

    No figure is told in which fewer than five organisations have a share, nor one from which such a figure would
    follow: it is null. There are no filters, for what they differ in could be computed.
    """
    body = (await read_indicators(session, actor)).model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag}
    if actor is None and "authorization" not in request.headers:
        headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    if _still_holds(tag, seen):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _still_holds(tag: str, seen: str | None) -> bool:
    """Compare weakly, as RFC 9110, section 13.1.2, asks for."""
    known = [one.strip().removeprefix("W/") for one in (seen or "").split(",")]
    return tag in known or "*" in known
