"""The pages that show the interface's description; what they may load is said to the letter.

Their scripts and styles come from the wheel ``fastapi_offline``, which holds what FastAPI would have fetched from a
public network: the pages work where there is none, and what they run is pinned with the service.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import fastapi_offline
from fastapi import APIRouter
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

router = APIRouter(include_in_schema=False)

_TITLE = "Créneau"
_DESCRIPTION = "openapi.json"  # beside the page, whatever the address before it
_NO_ICON = "data:,"
_FILES = Path(fastapi_offline.__file__).parent / "static"
_BESIDE = "docs/"
_SCRIPT, _STYLE, _BOOK_SCRIPT = _LOADED = ("swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js")
_FOR_A_DAY = {"Cache-Control": "public, max-age=86400"}
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class _Page(NamedTuple):
    """A page and its policy."""

    content: str
    policy: str

    def answer(self) -> HTMLResponse:
        """Return the answer that is this page."""
        headers = {"Content-Security-Policy": self.policy, "Cross-Origin-Opener-Policy": "same-origin"}
        return HTMLResponse(self.content, headers=headers)


def _page(answer: HTMLResponse) -> _Page:
    """Return a page that loads scripts and styles from this service alone, and runs of its own only what it has now.

    Source: Content Security Policy Level 3, section 6.7.3 (hashes).
    """
    content = bytes(answer.body).decode()
    own = " ".join(f"'sha256-{_digest(script)}'" for script in _INLINE.findall(content))
    policy = (
        f"default-src 'none'; script-src 'self' {own}".rstrip(),
        "style-src 'self' 'unsafe-inline'",
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
        swagger_js_url=_BESIDE + _SCRIPT,
        swagger_css_url=_BESIDE + _STYLE,
        swagger_favicon_url=_NO_ICON,
    )
)
_BOOK = _page(
    get_redoc_html(
        openapi_url=_DESCRIPTION,
        title=_TITLE,
        redoc_js_url=_BESIDE + _BOOK_SCRIPT,
        redoc_favicon_url=_NO_ICON,
        with_google_fonts=False,
    )
)


@router.get("/docs")
async def docs() -> HTMLResponse:
    """The interface, to be tried out."""
    return _DOCS.answer()


@router.get("/redoc")
async def book() -> HTMLResponse:
    """The interface, to be read."""
    return _BOOK.answer()


def _file(name: str) -> Callable[[], Awaitable[FileResponse]]:
    async def read_file() -> FileResponse:
        return FileResponse(_FILES / name, headers=_FOR_A_DAY)

    return read_file


for _name in _LOADED:
    router.get(f"/docs/{_name}")(_file(_name))
