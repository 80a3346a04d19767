"""The head of a request has an end, in bytes and in time, and nothing else is cut off by that."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.core.head_limit import MAX_HEAD_BYTES, HeadLimit
from app.core.settings import Settings
from tests.support.api import Api
from tests.support.ports import free_port

START = b"POST /first HTTP/1.1\r\nHost: test\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
PIECE = b"a" * 8_192


class Impatient(HeadLimit):
    """One that waits for a head no longer than a moment."""

    head_seconds = 0.3


class Patient(HeadLimit):
    """One that waits for a head for longer than any test lasts."""

    head_seconds = 3_600.0


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path and how long the body was; some without looking at it, and some late."""
    length, more = 0, scope["path"] != "/unread"
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/late":
        await asyncio.sleep(5 * Impatient.head_seconds)
    told = f"{scope['path']} {length};".encode()
    headers = [(b"content-length", str(len(told)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


class Connection:
    """A connection to the server on which a test writes what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send something, whatever becomes of it."""
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def told(self, word: bytes) -> bytes:
        """Return what is answered up to a word."""
        return await self.reader.readuntil(word)

    async def last(self) -> bytes:
        """Return all that is answered until the server closes the connection."""
        async with asyncio.timeout(30):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def connected(protocol: type[HeadLimit]) -> AsyncIterator[Connection]:
    """A connection to a server that speaks by a protocol."""
    port = free_port()
    config = uvicorn.Config(tell, port=port, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=3_600)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Connection(reader, writer)
    writer.close()
    server.should_exit = True
    await task


def is_refusal(answer: bytes) -> bool:
    """Tell whether an answer is 431 with a problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.splitlines()
    assert b"content-type: application/problem+json" in lines
    assert b"content-length: %d" % len(body) in lines
    return status_line.startswith(b"HTTP/1.1 431 ") and json.loads(body)["status"] == 431


def head(size: int) -> bytes:
    """The head of a request without a body, of a size."""
    start, end = b"GET /first HTTP/1.1\r\nHost: test\r\nX: ", b"\r\n\r\n"
    return start + b"a" * (size - len(start) - len(end)) + end


async def test_a_head_of_the_largest_size_is_taken_and_no_other() -> None:
    async with connected(Patient) as connection:
        for _ in range(2):
            await connection.send(head(MAX_HEAD_BYTES))
            assert (await connection.told(b";")).startswith(b"HTTP/1.1 200 ")
        await connection.send(head(MAX_HEAD_BYTES + 1))
        assert is_refusal(await connection.last())


@pytest.mark.parametrize("start", [START + b"X: ", b"POST /", START + b"X: 1\r\nX"])
async def test_a_head_without_end_is_refused(start: bytes) -> None:
    async with connected(Patient) as connection:
        await connection.send(start)
        await connection.send(b"a" * (MAX_HEAD_BYTES - len(start)))
        await connection.send(b"a")
        assert is_refusal(await connection.last())


async def test_blank_lines_without_end_are_refused() -> None:
    async with connected(Patient) as connection:
        await connection.send(b"\r\n" * (MAX_HEAD_BYTES // 2) + b"\r")
        assert is_refusal(await connection.last())


@pytest.mark.parametrize("start", [b"1\r\na\r\n0\r\nX: ", b"1;"], ids=["a trailer", "the extension of a chunk"])
async def test_a_body_in_chunks_without_end_is_cut_off(start: bytes) -> None:
    async with connected(Patient) as connection:
        await connection.send(CHUNKED + start)
        for _ in range(2 * MAX_HEAD_BYTES // len(PIECE) + 1):
            await connection.send(PIECE)
        assert await connection.last() == b""


async def test_bodies_of_any_size_are_taken_one_after_the_other() -> None:
    size = 3 * MAX_HEAD_BYTES + 7
    with_length = START + b"Content-Length: %d\r\n\r\n" % size + b"b" * size
    in_chunks = CHUNKED + (b"%x\r\n" % len(PIECE) + PIECE + b"\r\n") * 32 + b"0\r\nX: trailer\r\n\r\n"
    async with connected(Patient) as connection:
        await connection.send((with_length + in_chunks) * 2 + b"GET /last HTTP/1.1\r\nHost: test\r\n\r\n")
        answers = await connection.told(b"/last 0;")
    told = [b"%d;" % size, b"%d;" % (32 * len(PIECE))] * 2
    assert [one[:-8] if one.endswith(b"HTTP/1.1") else one for one in answers.split() if b";" in one] == [*told, b"0;"]


@pytest.mark.parametrize("start", [b"", START])
async def test_a_head_that_does_not_come_is_not_waited_for(start: bytes) -> None:
    async with connected(Impatient) as connection:
        await connection.send(start)
        assert await connection.last() == b""


@pytest.mark.parametrize("more", [START, b"\r\n"])
async def test_nor_is_the_second_of_a_connection(more: bytes) -> None:
    async with connected(Impatient) as connection:
        await connection.send(b"GET /first HTTP/1.1\r\nHost: test\r\n\r\n")
        await connection.told(b"/first 0;")
        await connection.send(more)
        assert await connection.last() == b""


async def test_nor_the_rest_of_a_body_whose_request_was_answered() -> None:
    async with connected(Impatient) as connection:
        await connection.send(b"POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n")
        await connection.told(b"/unread 0;")
        await connection.send(b"b")
        assert await connection.last() == b""


async def test_an_answer_and_the_next_request_may_take_longer() -> None:
    async with connected(Impatient) as connection:
        for _ in range(2):
            await connection.send(b"POST /late HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n")
            await asyncio.sleep(2 * Impatient.head_seconds)
            await connection.send(b"b")
            assert (await connection.told(b"/late 1;")).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(2 * Impatient.head_seconds)


@pytest.mark.database
async def test_the_service_is_served_so(settings: Settings, tmp_path: Path) -> None:
    assert settings.database_url is not None
    with Api(settings.database_url.get_secret_value(), tmp_path / "api.log") as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(head(MAX_HEAD_BYTES + 1))
        assert is_refusal(await reader.read())
        writer.close()
