"""HEAD wherever there is GET: the same answer, without its content.

Source: RFC 9110, section 9.3.2.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAlone:
    """ASGI middleware: sends the head alone of what answers HEAD, whoever answers, a refusal or a failure too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self.app(scope, receive, send_head)


class HeadAsGet:
    """ASGI middleware: has HEAD served as GET.

    The answer is over with its head: a stream that would go on is told that nobody listens any more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whoever comes before still sees HEAD, and the route that it took."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        served = {**scope, "method": "GET"}
        answered, asked = asyncio.Event(), False

        async def receive_nothing() -> Message:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await answered.wait()
            return {"type": "http.disconnect"}

        async def note_answer(message: Message) -> None:
            await send(message)
            answered.set()

        try:
            await self.app(served, receive_nothing, note_answer)
        finally:
            scope["route"] = served.get("route")
