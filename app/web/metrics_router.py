"""`/metrics`: figures of this process for Prometheus, for its operators alone."""

import hmac

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.core.errors import NotAllowed, NotAuthenticated
from app.core.gauges import Gauges
from app.core.settings import Settings
from app.core.web_addresses import is_loopback

router = APIRouter(tags=["service"], include_in_schema=False)

_SIGNS_OF_A_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


async def _operators_alone(request: Request) -> None:
    """Let those pass who have the token; where none is set, those who are on this very machine.

    Raises
    ------
    NotAuthenticated
        If a token is set, and was not sent.
    NotAllowed
        If none is set, and the request comes from elsewhere, or through a proxy.
    """
    settings: Settings = request.app.state.settings
    if settings.metrics_token is not None:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}"
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
            raise NotAuthenticated("Send the token of METRICS_TOKEN: `Authorization: Bearer ...`.")
    elif not _is_from_here(request):
        raise NotAllowed("Figures are read on this very machine, or with the token that METRICS_TOKEN sets.")


def _is_from_here(request: Request) -> bool:
    if request.client is None or any(sign in request.headers for sign in _SIGNS_OF_A_PROXY):
        return False
    return is_loopback(request.client.host)


@router.get("/metrics", dependencies=[Depends(_operators_alone)])
async def read_metrics(request: Request) -> Response:
    """Figures in the text format of Prometheus."""
    gauges: Gauges = request.app.state.gauges
    return Response(await gauges.exposition(), media_type=CONTENT_TYPE_LATEST)
