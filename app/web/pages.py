"""Pages: made on the server, without scripts, in the language of the browser, kept by nobody and framed by nobody."""

import base64
import hashlib
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute, APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.core.body_limit import read_early
from app.core.database import DATABASE_FAILURES
from app.core.errors import DomainError, Invalid, Unavailable
from app.core.request_context import notes
from app.core.vocabulary import Language
from app.web.words import WORDS, Told, refusal_in

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1rem;color:#161616;"
    "background:#fff}header{border-bottom:2px solid #000091;font-weight:bold}a{color:#000091}"
    "label,input{display:block}input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;"
    "border:1px solid #3a3a3a}button,.button{font:inherit;display:inline-block;padding:.5rem 1rem;color:#fff;"
    "background:#000091;border:0;text-decoration:none;cursor:pointer}:focus-visible{outline:3px solid #0a76f6;"
    "outline-offset:2px}.fault{color:#b00020}dt{font-weight:bold}dd{margin:0 0 .5rem}table{border-collapse:collapse;"
    "width:100%}th,td{text-align:left;padding:.4rem;border-bottom:1px solid #ddd}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    # With `no-referrer` a browser does not say where a form comes from, not even to its own origin.
    "Referrer-Policy": "same-origin",
    "Vary": "Accept-Language, Cookie",
}
"""A page has the one style that it holds, and sends forms to this service alone."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

log = structlog.get_logger(__name__)


class SignInFirst(Exception):
    """Nobody is signed in in this browser."""


def language_of(request: Request) -> Language:
    """Return the language that a browser asks for first, of those that there are; English if it asks for none."""
    best, language = 0.0, Language.EN
    for part in request.headers.get("accept-language", "").split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            wanted = Language(name.partition("-")[0].lower())
            quality = float(weight or 1)
        except ValueError:
            continue
        if quality > best:
            best, language = quality, wanted
    return language


def page(request: Request, template: str, *, status: int = 200, **told: Any) -> HTMLResponse:
    """Return a page."""
    language = language_of(request)
    content = _TEMPLATES.get_template(template).render(
        language=language.value, say=WORDS[language], style=_STYLE, **told
    )
    return HTMLResponse(content, status_code=status, headers=_HEADERS | {"Content-Language": language.value})


def go_to(path: str) -> RedirectResponse:
    """Return the answer that has a browser load another page, whatever it has just sent."""
    return RedirectResponse(path, status_code=HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def _refusal(request: Request, error: DomainError) -> HTMLResponse:
    notes().facts["problem"] = error.type
    told = refusal_in(language_of(request), error.type, Told(error.title, error.detail))
    answer = page(request, "error.html", status=error.status, told=told)
    answer.headers.update(error.headers)
    return answer


class _PageRoute(APIRoute):
    """A route whose refusals are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what serves one request of this route."""
        handle, takes_none = super().get_route_handler(), self.body_field is None

        async def serve(request: Request) -> Response:
            if takes_none:
                await read_early(request)
            try:
                return await handle(request)
            except SignInFirst:
                return go_to("/sign-in")
            except DomainError as error:
                return _refusal(request, error)
            except RequestValidationError:
                return _refusal(request, Invalid("A field of the form is missing, or does not fit."))
            except DATABASE_FAILURES as error:
                log.warning("database_unreachable", error=error)
                return _refusal(request, Unavailable("The database did not answer. Try again in a moment."))

        return serve


class PageRouter(APIRouter):
    """A router of pages, which are no part of the interface's description."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=_PageRoute, include_in_schema=False, **options)
