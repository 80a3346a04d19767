"""A mail server on this machine: it speaks SMTP, takes whatever comes, and can be told not to."""

import asyncio
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import NamedTuple


class Taken(NamedTuple):
    """A message as it came."""

    to: str
    subject: str
    text: str
    message_id: str


@dataclass
class MailServer:
    """A mail server, and what it has heard and taken.

    Attributes
    ----------
    answers
        What it says instead of `250`, to a verb or to a whole line, both in capitals.
    most
        So many messages are taken; of the next it keeps silent, and takes none.
    late
        So many seconds after it has taken a message it says so.
    """

    answers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    most: int | None = None
    late: float = 0.0
    heard: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it keeps silent."""
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["MailServer"]:
        """Listen, on the same port each time, as long as the block lasts."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = listening.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._ended.set()
            listening.close()
            await asyncio.sleep(0)

    @property
    def messages(self) -> list[Taken]:
        """What was taken, in the order of its coming."""
        return [_read(raw) for raw in self.taken]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            said = line.decode().strip()
            verb = said.upper().partition(" ")[0]
            self.heard.append(said)
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                await self._take(await reader.readuntil(b"\r\n.\r\n"))
                await asyncio.sleep(self.late)
                writer.write(b"250 taken\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                answer = self.answers.get(said.upper(), self.answers.get(verb, "250 good"))
                writer.write(answer.encode() + b"\r\n")
            await writer.drain()

    async def _take(self, message: bytes) -> None:
        if self.most is not None and len(self.taken) >= self.most:
            self.silent.set()
            await self._ended.wait()
            raise ConnectionResetError
        self.taken.append(message)


def _read(raw: bytes) -> Taken:
    told = email.message_from_bytes(raw, policy=default)
    assert isinstance(told, EmailMessage)
    text = told.get_content().replace("\r\n", "\n").removesuffix(".\n").strip()
    return Taken(told["To"], told["Subject"], text, told["Message-ID"])
