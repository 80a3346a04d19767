"""The actor of a request, for routers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import ActorKind
from app.core.database import Opening, transaction
from app.core.driver import Driver, driver_of
from app.core.errors import NotAllowed, NotAuthenticated
from app.core.http import DbSession, Sessions, driver_at_once
from app.core.idempotency import checked_key, required_key
from app.core.media_types import SAFE_METHODS
from app.core.request_context import notes, route_template
from app.core.routing import REQUIRED, claim_key
from app.core.sheets.http import DryRun
from app.core.tenancy import EVERYBODY, act_for, acting_for
from app.identity.access_tokens import AccessTokens, Claims, is_token
from app.identity.actor import Actor
from app.identity.browser import CSRF_HEADER, SESSION, Cookies, require_own_page
from app.identity.errors import ScopeMissing
from app.identity.key_uses import KeyUses
from app.identity.keys import digest
from app.identity.known_keys import KnownKeys, KnownSessions
from app.identity.models import KeyScope
from app.identity.policy import POLICY
from app.identity.service import authenticate

KEY_HEADER = "Idempotency-Key"
_TOLD = "A text of your own, such as a random UUID: sent again with the same request, nothing is done twice"
_KEY = Header(alias=KEY_HEADER, description=_TOLD, json_schema_extra={REQUIRED: True})
_MAY_KEY = Header(alias=KEY_HEADER, description=_TOLD)
_KEY_TO_WRITE = Header(
    alias=KEY_HEADER, description=f"{_TOLD}. Required where `dry_run` is false; a dry run neither needs nor uses it"
)

CSRF_FIELD = "csrf_token"
FORM_TYPE = "application/x-www-form-urlencoded"

Told = TypeVar("Told")
_bearer = HTTPBearer(auto_error=False, description="An API key, `Authorization: Bearer crn_...`, or an access token")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def _optional_actor(request: Request, session: DbSession, credentials: Credentials) -> Actor | None:
    """Return who is acting, or None without a key or a live session; a wrong key is refused all the same."""
    if credentials is None:
        return await permitted_person(request, await driver_of(session)) if "cookie" in request.headers else None
    shown = await _shown(request, credentials)
    return await _known(request, await driver_of(session), shown)


async def permitted_person(request: Request, driver: Driver) -> Actor | None:
    """Return the person who is signed in, or None; whom the policy refuses this operation is refused at once."""
    actor = await signed_in(request, driver)
    if actor is not None:
        _require_policy(request, actor)
    return actor


async def _shown(request: Request, credentials: HTTPAuthorizationCredentials) -> str | Claims:
    """Return a key as it stands, or what a token proves: before a connection is taken, for its issuer may be slow."""
    tokens: AccessTokens | None = request.app.state.access_tokens
    if tokens is None or not is_token(credentials.credentials):
        return credentials.credentials
    return await tokens.prove(credentials.credentials)


async def _known(request: Request, driver: Driver, shown: str | Claims) -> Actor:
    """Return who is acting: whatever the operation, its key is known here, and what the policy asks required here."""
    request_id: str | None = request.scope.get("request_id")
    if isinstance(shown, Claims):
        tokens: AccessTokens = request.app.state.access_tokens
        with acting_for(EVERYBODY):
            actor = await tokens.actor_of(driver, shown, request_id=request_id)
        notes().facts["token_client_id"] = str(actor.token_client_id)
    else:
        known: KnownKeys = request.app.state.known_keys
        uses: KeyUses = request.app.state.key_uses
        with acting_for(EVERYBODY):
            actor = await authenticate(driver, known, shown, request_id=request_id)
        notes().facts["api_key_id"] = str(actor.api_key_id)
        uses.note(actor)
    notes().facts["organisation_id"] = str(actor.organisation_id)
    act_for(actor.tenancy)
    _require_policy(request, actor)
    return actor


def _require_policy(request: Request, actor: Actor) -> None:
    """Let pass whom the operation is not refused to at once; one without a rule is refused to everybody."""
    rule = POLICY.get((request.method, route_template(request.scope) or ""))
    if rule is None:
        raise NotAllowed("No rule says who may do this, and so nobody may.")
    if rule.scope is not None:
        actor.require_scope(rule.scope)
    actor.require(*rule.roles)


async def signed_in(request: Request, driver: Driver) -> Actor | None:
    """Return the person who is signed in where a request comes from, or None; what changes anything needs its token.

    Raises
    ------
    CrossSite
        If the request would change something, and does not come from a page of this service.
    """
    cookies: Cookies = request.app.state.cookies
    secret = cookies.read(request, SESSION)
    known: KnownSessions = request.app.state.known_sessions
    with acting_for(EVERYBODY):
        found = await known.find(driver, digest(secret)) if secret is not None else None
    if secret is None or found is None:
        return None
    actor = Actor(
        kind=ActorKind.PERSON,
        organisation_id=found.organisation_id,
        person_id=found.person_id,
        role=found.role,
        scopes=frozenset(KeyScope),
        session_id=found.session_id,
        request_id=request.scope.get("request_id"),
    )
    notes().facts |= {"session_id": str(actor.session_id), "organisation_id": str(actor.organisation_id)}
    if request.method not in SAFE_METHODS:
        require_own_page(request, secret, await _token_of(request))
    uses: KeyUses = request.app.state.key_uses
    uses.note(actor)
    act_for(actor.tenancy)
    return actor


async def _token_of(request: Request) -> str | None:
    """Return the token that a page was given: in a header, or in a field of a page's own form."""
    sent = request.headers.get(CSRF_HEADER)
    if sent is not None or not request.headers.get("content-type", "").startswith(FORM_TYPE):
        return sent
    field = (await request.form()).get(CSRF_FIELD)
    return field if isinstance(field, str) else None


OptionalActor = Annotated[Actor | None, Depends(_optional_actor, scope="function")]
"""Who is acting, where everybody may read."""


async def _current_actor(actor: OptionalActor) -> Actor:
    """Return who is acting."""
    return _given(actor)


def _given(told: Told | None) -> Told:
    if told is None:
        raise NotAuthenticated("Send a key: `Authorization: Bearer crn_...`, or sign in.")
    return told


CurrentActor = Annotated[Actor, Depends(_current_actor, scope="function")]
"""Who is acting; without a valid key the answer is 401."""


@asynccontextmanager
async def acting_at_once(request: Request) -> AsyncIterator[tuple[Driver, Actor]]:
    """Give a driver whose statements are transactions of their own, and who is acting.

    Raises
    ------
    NotAuthenticated
        Without a valid key.
    """
    sent = await _bearer(request)
    if sent is None and "cookie" not in request.headers:
        _given(sent)
    shown = None if sent is None else await _shown(request, sent)
    async with driver_at_once(request) as driver:
        acting = permitted_person(request, driver) if shown is None else _known(request, driver, shown)
        yield driver, _given(await acting)


async def _waiting_actor(request: Request, sessions: Sessions, credentials: Credentials) -> Actor:
    """Return who is acting, told in a transaction of its own."""
    async with transaction(sessions) as session:
        return _given(await _optional_actor(request, session, credentials))


WaitingActor = Annotated[Actor, Depends(_waiting_actor)]
"""Who is acting, where the answer takes long: no transaction stays open."""


async def _still_acting(
    request: Request, sessions: Sessions, credentials: Credentials
) -> Callable[[], Awaitable[bool]]:
    async def is_known() -> bool:
        try:
            async with transaction(sessions) as session:
                return await _optional_actor(request, session, credentials) is not None
        except (NotAuthenticated, ScopeMissing):
            return False

    return is_known


StillActing = Annotated[Callable[[], Awaitable[bool]], Depends(_still_acting)]
"""Tells, each time that it is asked, whether who acts still may: for an answer that goes on for long."""


async def _claim_required(
    request: Request, session: DbSession, actor: CurrentActor, sent: Annotated[str | None, _KEY] = None
) -> None:
    await claim_key(request, session, actor.holder_id, required_key(sent))


async def _claim_given(
    request: Request, session: DbSession, actor: CurrentActor, sent: Annotated[str | None, _MAY_KEY] = None
) -> None:
    key = checked_key(sent)
    if key is not None:
        await claim_key(request, session, actor.holder_id, key)


ONCE = Depends(_claim_required, scope="function")
"""Of an operation that creates or moves money or capacity: it needs an `Idempotency-Key`, and has one effect for it."""

ONCE_IF_ASKED = Depends(_claim_given, scope="function")
"""Of any other operation that adds something: with an `Idempotency-Key` it has one effect, and it needs none."""


async def _opened_once(
    *,
    request: Request,
    sessions: Sessions,
    actor: WaitingActor,
    credentials: Credentials,
    dry_run: DryRun,
    sent: Annotated[str | None, _KEY_TO_WRITE] = None,
) -> AsyncIterator[Opening]:
    """Give what begins the transaction, which commits before the response leaves; what is to be written claims its key.

    Without a usable key what is to be written is refused before anything is done.
    """
    key = checked_key(sent) if dry_run else required_key(sent)
    async with AsyncExitStack() as stack:

        async def begin() -> AsyncSession:
            session = await stack.enter_async_context(transaction(sessions))
            _given(await _optional_actor(request, session, credentials))  # its key may have ended while a file was read
            if key is not None and not dry_run:
                await claim_key(request, session, actor.holder_id, key)
            return session

        yield begin


OpenedOnce = Annotated[Opening, Depends(_opened_once, scope="function")]
"""Of an operation that takes long before it writes, and may be tried out: to write, it needs an `Idempotency-Key`."""
