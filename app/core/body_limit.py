"""No request body beyond a measure: it is read into memory, and answered 413 as soon as it has grown too large."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1_048_576
FORM_BYTES = 16_384
"""What a form takes around the file in it."""


class BodyLimit:
    """ASGI middleware: refuses the body, not the request, so that whoever does not read one is not concerned.

    Parameters
    ----------
    larger
        The paths that take larger bodies, and how large they may be.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, larger: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, its body counted as it comes: what it declares of its length is nobody's proof."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        max_bytes = self.larger.get(scope["path"], self.max_bytes)
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > max_bytes:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {max_bytes} bytes.")
            return message

        await self.app(scope, receive_within_limit, send)
