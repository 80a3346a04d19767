"""Structured logs: JSON lines for machines, plain colours for a terminal; never a secret or a product's name.

What an error says of itself may hold anything: a key of a dictionary, a value that does not fit, the row that
a constraint refused. So the log tells its class, where it came from, and of the database's errors the code
and the name of the rule; never its words. Libraries that log by themselves go through the same.
"""

import io
import logging
import sys
from collections.abc import Iterator
from traceback import extract_tb
from typing import Any, TextIO, cast

import structlog
from asyncpg import PostgresError
from opentelemetry import trace
from sqlalchemy.exc import DBAPIError
from structlog.typing import EventDict, Processor, WrappedLogger

from app.core.constraints import constraint_of, sqlstate_of
from app.core.settings import Settings

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029)
}


def configure(settings: Settings) -> None:
    """Set up the logs of this process, those of libraries from WARNING on too; all goes to standard error."""
    renderer: list[Processor] = (
        [structlog.processors.JSONRenderer()]
        if settings.log_json
        else [escape_control_characters, structlog.dev.ConsoleRenderer()]
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
        describe_exceptions,
    ]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
    _take_over_libraries(shared, renderer, settings.log_level)


class _StandardError(io.TextIOBase):
    """Writes to what standard error is at the time: a logger outlives what it was at its first line."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _take_over_libraries(shared: list[Processor], renderer: list[Processor], level: str) -> None:
    """Send what libraries log through the same processors."""
    handler = logging.StreamHandler(_StandardError())
    handler.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[first_line, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    for other in [one for one in root.handlers if isinstance(getattr(one, "stream", None), _StandardError)]:
        root.removeHandler(other)
    root.addHandler(handler)


def describe(error: BaseException) -> str:
    """Return what may be told of an error: its class, and what the database or the system calls it."""
    name = type(error).__qualname__
    if isinstance(error, DBAPIError):
        told = (sqlstate_of(error), constraint_of(error))
    elif isinstance(error, PostgresError):
        told = (error.sqlstate, getattr(error, "constraint_name", None))
    else:
        told = (error.strerror if isinstance(error, OSError) else None, None)
    words = " ".join(word for word in told if word)
    return f"{name}: {words}" if words else name


def first_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep the first line of what a library says: further ones show objects, and what is in them."""
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the trace that a line belongs to, if there is one."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def describe_exceptions(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the classes and places of an exception in the place of its words; values that are errors likewise."""
    for name, value in event.items():
        if isinstance(value, BaseException) and name != "exc_info":
            event[name] = describe(value)
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = "\n".join(_places(error))
    return event


def escape_control_characters(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Let no value begin a line of its own, or steer a terminal; the traceback, which is ours, keeps its lines."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = value.translate(_CONTROL)
    return event


def _error_of(given: Any) -> BaseException | None:
    """Return the exception that is meant by what logging calls take as `exc_info`."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        error: BaseException | None = given[1]
        return error
    return sys.exc_info()[1] if given else None


def _places(error: BaseException) -> Iterator[str]:
    """Yield an error's class and the way it came, innermost last, then the same of what it came from."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield describe(following)
        yield from (f"  {at.filename}:{at.lineno} in {at.name}" for at in extract_tb(following.__traceback__))
        if isinstance(following, BaseExceptionGroup):
            for one in following.exceptions:
                yield from _places(one)
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
        if following is not None:
            yield "from"
