"""Server-sent events: a stream of them as an answer, and whether a caller asks for one.

Source: WHATWG HTML, server-sent events; RFC 9110, section 12.5.1, for `Accept`.
"""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.sse import EventSourceResponse, ServerSentEvent, format_sse_event
from pydantic_core import to_json

EVENT_STREAM = "text/event-stream"
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events as they come", "content": {EVENT_STREAM: {"schema": {"type": "string"}}}}
}
"""The description of an operation that answers a stream."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Neither kept nor held back on the way."""


__all__ = ["RESPONSES", "ServerSentEvent", "event_stream", "wants_events"]


def wants_events(request: Request) -> bool:
    """Tell whether a caller names the media type of events; that it takes anything at all is not enough."""
    accepted = request.headers.get("accept", "")
    return any(part.split(";")[0].strip().lower() == EVENT_STREAM for part in accepted.split(","))


def event_stream(events: AsyncIterator[ServerSentEvent]) -> EventSourceResponse:
    """Return the answer that sends events one by one as they come, and ends with them."""
    return EventSourceResponse(_encoded(events), headers=_HEADERS)


async def _encoded(events: AsyncIterator[ServerSentEvent]) -> AsyncIterator[bytes]:
    async for event in events:
        data = None if event.data is None else to_json(event.data).decode()
        yield format_sse_event(data_str=data, event=event.event, id=event.id, retry=event.retry, comment=event.comment)
