"""Pages for signing in: by a link in a mail, or at the issuer of identities."""

import re
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.addresses import folded
from app.core.database import transaction
from app.core.driver import driver_of
from app.core.errors import NotFound
from app.core.http import DbSession, Sessions
from app.core.settings import Settings
from app.core.tenancy import EVERYBODY, act_for
from app.identity import arrivals, links, oidc_sign_in
from app.identity.browser import ATTEMPT, SESSION, VISIT, Cookies, require_own_page
from app.identity.dependencies import signed_in
from app.identity.link_mail import LINK_PATH
from app.identity.models import Person
from app.identity.oidc import CALLBACK_PATH, Issuer
from app.identity.secrets_of_browsers import FORM, derived, new_secret
from app.identity.sessions import begin_session
from app.identity.sign_in_models import SignInMethod
from app.web.pages import PageRouter, go_to, language_of, page
from app.web.sign_in_limit import SignInLimit
from app.web.words import WORDS


async def _by_the_service() -> None:
    """Ask the database across organisations: nobody is known yet, and to find out who it is is the service's own."""
    act_for(EVERYBODY)


router = PageRouter(dependencies=[Depends(_by_the_service)])

_SECRET = re.compile(r"[\w-]{43}", re.ASCII)

Token = Annotated[str, Form(max_length=200)]
MayToken = Annotated[str | None, Form(max_length=200)]


def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


def _cookies(request: Request) -> Cookies:
    found: Cookies = request.app.state.cookies
    return found


def _visit(request: Request) -> str:
    """Return the secret of a browser in which nobody is signed in yet: its own, or a new one."""
    known = _cookies(request).read(request, VISIT)
    return known if known is not None and _SECRET.fullmatch(known) else new_secret().plain


def _require_visit(request: Request, token: str | None) -> None:
    """Let pass only the form of a page that this very browser was given.

    Nobody so has it come in as somebody else, without noticing.
    """
    require_own_page(request, _visit(request), token)


def _form(request: Request, template: str, *, status: int = 200, **told: object) -> Response:
    """Return a page with a form that only this browser can send."""
    visit = _visit(request)
    answer = page(request, template, status=status, csrf_token=derived(visit, FORM), **told)
    _cookies(request).set(answer, VISIT, visit)
    return answer


def _sign_in_page(request: Request, *, status: int = 200, email: str = "", fault: str | None = None) -> Response:
    settings = _settings(request)
    return _form(
        request,
        "sign_in.html",
        status=status,
        issuer_name=settings.oidc_name if settings.has_issuer else None,
        has_mail=settings.has_mail,
        email=email,
        fault=fault,
    )


async def _let_in(request: Request, session: AsyncSession, person: Person, method: SignInMethod) -> Response:
    """Begin a session under a new secret, and show the account."""
    settings, cookies = _settings(request), _cookies(request)
    begun = await begin_session(
        session,
        person,
        method,
        hours=settings.session_hours,
        user_agent=request.headers.get("user-agent"),
        replaced=cookies.read(request, SESSION),
        request_id=request.scope.get("request_id"),
    )
    answer = go_to("/account")
    cookies.set(answer, SESSION, begun.secret, seconds=settings.session_hours * 3_600)
    cookies.clear(answer, VISIT)
    return answer


@router.get("/sign-in")
async def sign_in(request: Request, session: DbSession) -> Response:
    """Ask who it is; whoever is signed in already sees their account."""
    if _cookies(request).read(request, SESSION) and await signed_in(request, await driver_of(session)):
        return go_to("/account")
    return _sign_in_page(request)


@router.post("/sign-in")
async def ask_for_link(
    request: Request, session: DbSession, email: Annotated[str, Form(max_length=1_000)], csrf_token: MayToken = None
) -> Response:
    """Have a link mailed, if anybody has the address: the answer is the same either way."""
    _require_visit(request, csrf_token)
    settings = _settings(request)
    if not settings.has_mail:
        raise NotFound("No mail is set up here.")
    try:
        address = folded(email)
    except ValueError:
        said = WORDS[language_of(request)]["not_an_address"]
        return _sign_in_page(request, status=422, email=email, fault=said)
    limit: SignInLimit = request.app.state.sign_in_limit
    await limit.require(request)
    await links.ask_for_link(session, address, language_of(request), settings)
    return go_to("/sign-in/sent")


@router.get("/sign-in/sent")
async def sent(request: Request) -> Response:
    """Say where to look."""
    return page(request, "sent.html", minutes=_settings(request).sign_in_link_minutes)


@router.get(LINK_PATH)
async def look_at_link(request: Request, session: DbSession, token: Annotated[str, Query(max_length=200)]) -> Response:
    """Show whom a link is for, with a button; looking does not use it up."""
    return _form(request, "confirm.html", to=await links.look_at_link(session, token), token=token)


@router.post(LINK_PATH)
async def use_link(request: Request, session: DbSession, token: Token, csrf_token: MayToken = None) -> Response:
    """Sign in by a link, once."""
    _require_visit(request, csrf_token)
    person = await links.use_link(session, token, request_id=request.scope.get("request_id"))
    return await _let_in(request, session, person, SignInMethod.LINK)


@router.get("/sign-in/oidc")
async def depart(request: Request, session: DbSession) -> Response:
    """Send the browser to the issuer."""
    departure = await oidc_sign_in.depart(session, _issuer(request))
    answer = go_to(departure.url)
    _cookies(request).set(answer, ATTEMPT, departure.secret, seconds=oidc_sign_in.ATTEMPT_MINUTES * 60)
    return answer


@router.get(CALLBACK_PATH)
async def come_back(request: Request, sessions: Sessions, told: Annotated[oidc_sign_in.Answer, Query()]) -> Response:
    """Sign in whom the issuer vouches for; no transaction is open while it is asked."""
    issuer, cookies = _issuer(request), _cookies(request)
    async with transaction(sessions) as session:
        secret = await oidc_sign_in.come_back(session, cookies.read(request, ATTEMPT), told.state)
    identity = await oidc_sign_in.identify(issuer, told, secret, _settings(request))
    async with transaction(sessions) as session:
        person = await arrivals.person_by_identity(session, identity, request_id=request.scope.get("request_id"))
        answer = await _let_in(request, session, person, SignInMethod.OIDC)
    cookies.clear(answer, ATTEMPT)
    return answer


def _issuer(request: Request) -> Issuer:
    issuer: Issuer | None = request.app.state.issuer
    if issuer is None:
        raise NotFound("No issuer of identities is set up here.")
    return issuer
