"""The composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.allocation.offers_router import router as offers
from app.allocation.router import router as rounds
from app.allocation.runs_router import router as runs
from app.allocation.statements import Desk
from app.allocation.waiting_router import router as waiting
from app.bookings.life_router import router as life
from app.bookings.readiness_router import router as readiness
from app.bookings.router import router as bookings
from app.bookings.slot_router import router as slot_parts
from app.capacity.agreement_router import router as agreements
from app.capacity.commitment_router import router as commitments
from app.capacity.import_router import IMPORT_PATHS
from app.capacity.import_router import router as files
from app.capacity.router import router as slots
from app.catalogue.router import router as catalogue
from app.core import http, logs, problem_docs, tracing
from app.core.body_limit import FORM_BYTES, BodyLimit
from app.core.database import make_engine, make_session_factory
from app.core.garbage import keep_what_was_loaded, keeping_what_serving_leaves
from app.core.gauges import Gauges
from app.core.head import HeadAlone, HeadAsGet
from app.core.rate_limit import RateLimit, policies
from app.core.request_context import RequestContext
from app.core.security_headers import SecurityHeaders
from app.core.settings import Settings, get_settings
from app.core.sheets.reading import SheetReader
from app.crisis.drills_router import router as drills
from app.crisis.ending_router import router as crisis_endings
from app.crisis.router import router as crises
from app.identity.access_tokens import AccessTokens
from app.identity.browser import Cookies
from app.identity.invitation_router import router as invitations
from app.identity.key_router import router as keys
from app.identity.key_uses import KeyUses
from app.identity.known_keys import KnownKeys, KnownSessions
from app.identity.oidc import Issuer
from app.identity.people_router import router as people
from app.identity.router import router as identity
from app.identity.session_router import router as sessions
from app.identity.token_client_router import router as token_clients
from app.indicators.router import router as indicators
from app.privacy.router import router as privacy
from app.requests.alert_router import router as alerts
from app.requests.router import router as requests
from app.web import policy_docs
from app.web.account_router import router as account
from app.web.audit_router import router as audit
from app.web.docs_router import router as docs
from app.web.metrics_router import router as metrics
from app.web.router import router as web
from app.web.sign_in_limit import SignInLimit
from app.web.sign_in_router import router as sign_in

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

DESCRIPTION = """
Start-ups reserve manufacturing slots for their clinical lots, contract makers publish capacity, and the national
coordinator allocates the reserved part of it; in a health crisis, production moves to the countermeasure.

* **Dates** are whole days at the site; a period is half-open: `start` is its first day, `end` the day after its last.
* **Money** is in euro cents. **Identifiers** are UUIDs in the order of creation.
* **Bodies** are JSON and said to be so, `Content-Type: application/json`, or forms where a file is sent; else 415.
* **Refusals** are `application/problem+json` (RFC 9457), with the field and the rule, or the facts in the way.
* **Lists** answer `{"items": [...], "next": url or null}`, 50 a page unless `limit` says otherwise, with a `Link`.
* **HEAD** is answered wherever GET is, with the same headers and no body.
* **Limits**: `RateLimit` tells how many requests are left, `RateLimit-Policy` of how many; then 429 with `Retry-After`.
* **Keys**: `Authorization: Bearer crn_...`. A key with the scope `read` alone may GET, and is refused all else with
  403 and the `scope` that it lacks; `/v1/keys` makes, rotates and revokes those of one's own organisation.
* **Tokens**: access tokens of the issuer that the service is set up with (RFC 9068) do as well as keys; the coordinator
  says at `/v1/token-clients` for whom each client of the issuer acts, and a token's `scope` can only narrow that.
* **Sessions**: a browser in which a person is signed in (`/sign-in`) may do what they may, by its cookie. Whatever
  changes anything then needs `X-CSRF-Token`, which `GET /v1/me` answers, and must come from a page of this service;
  else it is refused with 403, `cross-site-request`. A key that is sent too wins.
* What belongs to someone else does not exist for you: the answer is 404.
* **Once**: whatever creates or moves capacity or money needs an `Idempotency-Key`; sent again within a day, the same
  request has one effect and gets the same answer.
* **Seen**: an object's version is its `ETag`; a change needs it in `If-Match`, and is refused with 412 if it is no
  longer so.
"""

ROUTERS = (
    bookings,
    files,
    slots,
    life,
    slot_parts,
    identity,
    keys,
    token_clients,
    people,
    invitations,
    sessions,
    catalogue,
    commitments,
    agreements,
    readiness,
    requests,
    alerts,
    rounds,
    runs,
    offers,
    waiting,
    crises,
    crisis_endings,
    drills,
    indicators,
    privacy,
    audit,
    sign_in,
    account,
    web,
    docs,
    metrics,
)
"""Those that are asked most first: a request is matched with one route after the other."""


def _equip(app: FastAPI, settings: Settings, engine: AsyncEngine) -> None:
    """Give the application what its requests share."""
    app.state.gauges = Gauges(engine)
    app.state.settings = settings
    app.state.engine = engine
    app.state.sessions = make_session_factory(engine)
    app.state.known_keys = KnownKeys()
    app.state.known_sessions = KnownSessions(settings.session_idle_minutes)
    app.state.cookies = Cookies(settings.public_url)
    app.state.issuer = Issuer(settings) if settings.has_issuer else None
    app.state.sign_in_limit = SignInLimit(settings.sign_in_links_from_a_network)
    app.state.key_uses = KeyUses(app.state.sessions)
    app.state.access_tokens = AccessTokens.of(settings)
    app.state.desk = Desk(settings.solver_memory_bytes)
    app.state.sheet_reader = SheetReader(settings)


def _surround(app: FastAPI, settings: Settings) -> None:
    """Put around the application what every request passes, the innermost first."""
    larger = dict.fromkeys(IMPORT_PATHS, settings.import_max_bytes + FORM_BYTES)
    app.add_middleware(BodyLimit, seconds=settings.body_seconds, larger=larger)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RateLimit, policies=policies(settings))
    app.add_middleware(RequestContext, on_failure=http.on_failure, security=SecurityHeaders(settings.public_url))
    app.add_middleware(HeadAlone)


def create_app(settings: Settings | None = None, tracer: "TracerProvider | None" = None) -> FastAPI:
    """Return the application, wired to the database of the settings.

    Parameters
    ----------
    tracer
        What makes its spans; None means what the settings name, if anything.

    Raises
    ------
    ValueError
        If the settings name no database.
    """
    settings = settings or get_settings()
    url = settings.database_url
    if url is None:
        raise ValueError("DATABASE_URL is not set: name a PostgreSQL server, or run `creneau up`")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = make_engine(url, settings, application_name="creneau-api")
        tracing.trace_statements(engine, tracer)
        _equip(app, settings, engine)
        keep_what_was_loaded()
        uses: KeyUses = app.state.key_uses
        async with uses.written_regularly(), keeping_what_serving_leaves():
            yield
        await engine.dispose()
        await tracing.shut_down(tracer)

    logs.configure(settings)
    tracer = tracer or tracing.make_provider(settings, "creneau-api")
    app = FastAPI(
        title="Créneau",
        summary="The marketplace for the manufacturing capacity of biological medicines",
        description=DESCRIPTION,
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,  # the pages are ours, with what they may load: see app.web.docs_router
        redoc_url=None,
        redirect_slashes=False,  # would send callers to whatever host they had named
        telemetry={
            "tracer_provider": tracer,
            "tracing": tracer is not None,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
    )
    app.state.is_stopping = lambda: False  # a server that can tell puts its own word here
    http.install(app)
    _surround(app, settings)
    for router in ROUTERS:
        # As its own routes: to find one through an included router takes FastAPI longer.
        app.router.routes.extend(router.routes)
    problem_docs.install(app)
    policy_docs.install(app)
    return app
