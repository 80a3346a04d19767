"""What a browser carries, and whether a request comes from a page of this service.

Source: RFC 6265bis for cookies and their prefixes; W3C Fetch Metadata; OWASP, Cross-Site Request Forgery Prevention.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from app.core.web_addresses import is_loopback
from app.identity.errors import CrossSite
from app.identity.secrets_of_browsers import FORM, is_derived

CSRF_HEADER: Final = "X-CSRF-Token"
SESSION: Final = "creneau_session"
VISIT: Final = "creneau_visit"
"""Of a browser in which nobody is signed in yet: what its forms are bound to."""
ATTEMPT: Final = "creneau_attempt"
"""Of a browser that was sent to the issuer."""

_PORTS = {"http": 80, "https": 443}


class Cookies:
    """The cookies of this service: sent back to this host alone, and read by no script.

    Parameters
    ----------
    public_url
        Where callers reach the service; by https, cookies are sent by nothing else, and under a name that no other
        host can set.
    """

    def __init__(self, public_url: str | None) -> None:
        self.is_secure = public_url is not None and public_url.lower().startswith("https:")

    def name(self, cookie: str) -> str:
        """Return the name under which a cookie goes out."""
        return f"__Host-{cookie}" if self.is_secure else cookie

    def read(self, request: Request, cookie: str) -> str | None:
        """Return what a browser sent, or None."""
        return request.cookies.get(self.name(cookie)) or None

    def set(self, response: Response, cookie: str, value: str, *, seconds: int | None = None) -> None:
        """Give a browser a cookie, until it is closed unless it is for so long."""
        response.set_cookie(
            self.name(cookie), value, max_age=seconds, path="/", secure=self.is_secure, httponly=True, samesite="lax"
        )

    def clear(self, response: Response, cookie: str) -> None:
        """Take a cookie from a browser."""
        response.delete_cookie(self.name(cookie), path="/", secure=self.is_secure, httponly=True, samesite="lax")


def require_own_page(request: Request, secret: str, token: str | None) -> None:
    """Let pass only what a page of this service sends: its browser says so, and it knows the token of the secret.

    Parameters
    ----------
    secret
        The cookie that the request came with.
    token
        What the page was given for it.

    Raises
    ------
    CrossSite
        Otherwise.
    """
    if not _comes_from_here(request):
        raise CrossSite(
            "Send it from a page of this service: the browser says, by `Origin` or `Sec-Fetch-Site`, where it is from."
        )
    if not is_derived(token, secret, FORM):
        raise CrossSite(
            f"Send the token of this session in `{CSRF_HEADER}`: `GET /v1/me` answers it as `csrf_token`. A page that "
            "was open when you signed in elsewhere must be loaded again."
        )


def _comes_from_here(request: Request) -> bool:
    """Tell whether a browser says that a page of this origin sent a request; one that says nothing is not believed."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None or (origin == "null" and site is not None):
        return site is not None
    return _is_own(request, origin)


def _is_own(request: Request, origin: str) -> bool:
    public_url: str | None = request.app.state.settings.public_url
    own = public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    try:
        asked, here = urlsplit(origin), urlsplit(own)
        same = (asked.scheme, _port(asked.scheme, asked.port)) == (here.scheme, _port(here.scheme, here.port))
    except ValueError:  # of a port
        return False
    if not same or asked.path or asked.hostname is None:
        return False
    return asked.hostname == here.hostname or (is_loopback(asked.hostname) and is_loopback(here.hostname))


def _port(scheme: str, port: int | None) -> int | None:
    return port or _PORTS.get(scheme)
