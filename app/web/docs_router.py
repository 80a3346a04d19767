"""The pages that show the interface's description; what they may load is said to the letter.

The scripts come from where FastAPI takes them: the rest of the pages, and where their requests go, is this service.
"""

import base64
import hashlib
import re
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_TITLE = "Créneau"
_DESCRIPTION = "openapi.json"  # beside the page, whatever the address before it
_NO_ICON = "data:,"
_SWAGGER = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/"
_REDOC = "https://cdn.jsdelivr.net/npm/redoc@2/"
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class _Page(NamedTuple):
    """A page and its policy."""

    content: str
    policy: str

    def answer(self) -> HTMLResponse:
        """Return the answer that is this page."""
        headers = {"Content-Security-Policy": self.policy, "Cross-Origin-Opener-Policy": "same-origin"}
        return HTMLResponse(self.content, headers=headers)


def _page(answer: HTMLResponse, origin: str) -> _Page:
    """Return a page that loads scripts and styles from one place alone, and runs of its own only what it has now.

    Source: Content Security Policy Level 3, sections 6.7.3 (hashes) and 6.7.2.7 (a path that ends with a slash).
    """
    content = bytes(answer.body).decode()
    own = " ".join(f"'sha256-{_digest(script)}'" for script in _INLINE.findall(content))
    policy = (
        f"default-src 'none'; script-src {origin} {own}".rstrip(),
        f"style-src {origin} 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return _Page(content, "; ".join(policy))


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


_DOCS = _page(
    get_swagger_ui_html(
        openapi_url=_DESCRIPTION,
        title=_TITLE,
        swagger_js_url=f"{_SWAGGER}swagger-ui-bundle.js",
        swagger_css_url=f"{_SWAGGER}swagger-ui.css",
        swagger_favicon_url=_NO_ICON,
    ),
    _SWAGGER,
)
_BOOK = _page(
    get_redoc_html(
        openapi_url=_DESCRIPTION,
        title=_TITLE,
        redoc_js_url=f"{_REDOC}bundles/redoc.standalone.js",
        redoc_favicon_url=_NO_ICON,
        with_google_fonts=False,
    ),
    _REDOC,
)


@router.get("/docs")
async def docs() -> HTMLResponse:
    """The interface, to be tried out."""
    return _DOCS.answer()


@router.get("/redoc")
async def book() -> HTMLResponse:
    """The interface, to be read."""
    return _BOOK.answer()
