"""No request body beyond a measure of size and time: it is read into memory, and refused as soon as it is too much."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.media_types import SAFE_METHODS

MAX_BODY_BYTES = 1_048_576
FORM_BYTES = 16_384
"""What a form takes around the file in it."""

CALLER_GONE = 499
"""What the log has where nobody is left to be answered; nginx's number for it, for there is none in the standard."""


async def read_early(request: Request) -> None:
    """Read the body of a request whose operation takes none.

    What tells who sends it, and whether it was sent before, looks into it with a connection to the database in hand,
    which would wait for as long as its sender likes.
    """
    if request.method not in SAFE_METHODS:
        await request.body()


class BodyLimit:
    """ASGI middleware: refuses the body, not the request, so that whoever does not read one is not concerned.

    Parameters
    ----------
    seconds
        How long a body may take to come.
    larger
        The paths that take larger bodies, and how large they may be.
    """

    def __init__(self, app: ASGIApp, seconds: float, larger: Mapping[str, int]) -> None:
        self.app = app
        self.seconds = seconds
        self.larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, its body counted as it comes; nothing reads that of a method that changes nothing."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        limited = _LimitedBody(scope, receive, self.larger.get(scope["path"], MAX_BODY_BYTES), self.seconds)
        await self.app(scope, limited.receive, send)


class _LimitedBody:
    """What comes of one body, until it is there as a whole."""

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int, seconds: float) -> None:
        self._scope = scope
        self._receive = receive
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._ends_at = asyncio.get_running_loop().time() + seconds
        self._received = 0
        self._is_whole = False

    async def receive(self) -> Message:
        """Return the next message, unless it comes too late, or is too much."""
        if self._is_whole:
            return await self._receive()
        if not self._received:
            self._require_size(_declared(self._scope))
        message = await self._next()
        if message["type"] == "http.disconnect":
            raise HTTPException(CALLER_GONE, "The caller went away before its body was there.")
        self._received += len(message.get("body", b""))
        self._require_size(self._received)
        self._is_whole = not message.get("more_body", False)
        return message

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout_at(self._ends_at):
                return await self._receive()
        except TimeoutError:
            told = f"The body was not there within {self._seconds:g} s."
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, told, {"Connection": "close"}) from None

    def _require_size(self, size: int) -> None:
        if size > self._max_bytes:
            told = f"The body is larger than {self._max_bytes} bytes."
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)


def _declared(scope: Scope) -> int:
    """Return the length that a request says its body has: nobody's proof, but enough to refuse it."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
