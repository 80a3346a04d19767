"""What kinds of body an operation takes: any other is refused before it is read.

A body that is not said to be JSON is not taken for it: a page elsewhere can have a browser send plain text or a form
to this service without asking it first, but not JSON. Source: Fetch standard, "CORS-safelisted request-header".
"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request

from app.core.errors import DomainError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Those that change nothing. Source: RFC 9110, section 9.2.1."""

JSON = ("application/json", "application/*+json")
FORM = ("multipart/form-data",)


class UnsupportedMediaType(DomainError):
    """The body is of a kind that the operation does not take.

    Source: RFC 9110, sections 15.5.16 and 12.5.1 for `Accept` in an answer.
    """

    type, title, status = "unsupported-media-type", "This kind of body is not taken", HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self, sent: str, accepted: tuple[str, ...]) -> None:
        said = f"is said to be {sent[:100]}" if sent else "is not said to be of any kind"
        super().__init__(
            f"The body {said}: send it with `Content-Type: {accepted[0]}`.", facts={"accepted": list(accepted)}
        )
        self.headers: Mapping[str, str] = {"Accept": ", ".join(accepted)}


def refuse_other_bodies(request: Request, accepted: tuple[str, ...]) -> None:
    """Let pass a request whose body, if it has one, is of a kind that is taken; a safe one's body is not looked at.

    Raises
    ------
    UnsupportedMediaType
        Of any other.
    """
    if request.method in SAFE_METHODS or not _has_body(request):
        return
    sent = request.headers.get("content-type", "")
    kind = sent.partition(";")[0].strip().lower()
    is_json = kind.startswith("application/") and kind.endswith("+json")
    if kind not in accepted and not (is_json and accepted is JSON):
        raise UnsupportedMediaType(sent, accepted)


def _has_body(request: Request) -> bool:
    """Tell whether a request announces a body. Source: RFC 9112, section 6.3."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0").strip("0 ") != ""
