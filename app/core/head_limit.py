"""No head of a request beyond a measure of size and time; uvicorn with httptools alone takes one without end."""

import json
from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.core.http import PROBLEM_JSON, TYPE_PREFIX, HttpRefusal

MAX_HEAD_BYTES = 65_536
HEAD_SECONDS = 20.0

_STATUS = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
_PROBLEM = json.dumps(
    {
        "type": TYPE_PREFIX + HttpRefusal.type,
        "title": HttpRefusal.title,
        "status": _STATUS,
        "detail": f"The head of the request is larger than {MAX_HEAD_BYTES} bytes.",
    }
).encode()
_ANSWER = b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
    PROBLEM_JSON.encode(),
    len(_PROBLEM),
    _PROBLEM,
)


class HeadLimit(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection whose sender goes on for too long without saying what it wants.

    Counted is what comes with neither a whole head nor a piece of a body, so also the trailers of a body in chunks;
    of what follows such a piece at once, up to one measure more is not.
    Timed is how long nothing is asked: a head that does not end, or the rest of a body whose request was answered.
    """

    head_seconds = HEAD_SECONDS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pending_bytes = 0
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._begin_to_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._end_to_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what comes, so much at once that the measure is not passed unseen."""
        while (room := MAX_HEAD_BYTES - self._pending_bytes) < len(data):
            self._pending_bytes = MAX_HEAD_BYTES
            super().data_received(data[:room])
            data = data[room:]
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            if self._pending_bytes == MAX_HEAD_BYTES:
                self._refuse()
                return
        self._pending_bytes += len(data)
        super().data_received(data)
        if self._deadline is None and self._owes_nothing():
            self._begin_to_wait()

    def on_headers_complete(self) -> None:
        """Serve the request."""
        self._pending_bytes = 0
        self._end_to_wait()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Begin to count for the next request."""
        self._pending_bytes = 0
        super().on_message_complete()

    def _owes_nothing(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # none at first

    def _begin_to_wait(self) -> None:
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _end_to_wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        """Close the connection, with a word of it where no other answer is under way."""
        self.logger.warning("The head of a request is too large.")
        if self._owes_nothing():
            self.transport.write(STATUS_LINE[_STATUS] + _ANSWER)
        self.transport.close()
