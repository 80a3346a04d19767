"""The client that keeps to the rules: resolves once, looks at every address, and connects to what it has looked at."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

import httpx

from app.core.egress.addresses import Address, EgressRefused, EgressRules, host_of, port_of
from app.core.egress.names import Resolver, system_resolver


def egress_client(rules: EgressRules, *, resolver: Resolver = system_resolver) -> httpx.AsyncClient:
    """Return a client for addresses that users give; use it as a context manager.

    It follows no redirect, keeps no connection, and uses no proxy of the environment; certificates are believed as
    `SSL_CERT_FILE` says, else those that are publicly trusted. Every request raises `EgressRefused` where a rule
    forbids it or its answer, `TimeoutError` when its time is over, and httpx's own errors else.

    Parameters
    ----------
    resolver
        What tells where a name leads.
    """
    return httpx.AsyncClient(
        transport=_Guarded(rules, resolver),
        trust_env=False,
        follow_redirects=False,
        timeout=rules.seconds,
        headers={"Accept-Encoding": "identity", "User-Agent": "creneau"},
    )


class _Guarded(httpx.AsyncBaseTransport):
    """Sends a request to an address of its host that has been looked at, under the name of the host."""

    def __init__(self, rules: EgressRules, resolver: Resolver) -> None:
        self._rules = rules
        self._resolver = resolver
        # A connection belongs to the name that its certificate was checked for, and the pool knows its address alone.
        unkept = httpx.Limits(max_connections=100, max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(limits=unkept)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._transport.__aexit__(exc_type, exc_value, traceback)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = self._rules.check(request.url)
        deadline = asyncio.get_running_loop().time() + self._rules.seconds
        async with asyncio.timeout_at(deadline):
            response = await self._send(request, await self._addresses_of(url))
        try:
            self._check_head(response)
        except EgressRefused:
            await response.aclose()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - what an asynchronous transport gives
        body = _Limited(response.stream, self._rules.answer_bytes, deadline)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=body, extensions=response.extensions
        )

    async def _addresses_of(self, url: httpx.URL) -> Sequence[Address]:
        """Return where the host is; one address that is not public rules out all of them."""
        addresses = await self._resolver(host_of(url), port_of(url))
        if not addresses:
            raise EgressRefused("its host has no address")
        for address in addresses:
            self._rules.check_address(address)
        return addresses

    async def _send(self, request: httpx.Request, addresses: Sequence[Address]) -> httpx.Response:
        """Try one address after the other until one takes the connection."""
        name = {"sni_hostname": host_of(request.url)}
        for address in addresses[:-1]:
            try:
                return await self._transport.handle_async_request(_to(address, request, name))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._transport.handle_async_request(_to(addresses[-1], request, name))

    def _check_head(self, response: httpx.Response) -> None:
        """Refuse what would be larger than it seems, or says itself that it is too large."""
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise EgressRefused("its answer is compressed, which was not asked for")
        length = response.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._rules.answer_bytes:
            raise EgressRefused(f"its answer is longer than {self._rules.answer_bytes} bytes")


def _to(address: Address, request: httpx.Request, name: dict[str, str]) -> httpx.Request:
    """Return a request as it goes to an address: with the `Host` that it had, and the certificate checked for that."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions=request.extensions | name,
    )


class _Limited(httpx.AsyncByteStream):
    """The content of an answer, up to a size and until a deadline."""

    def __init__(self, content: httpx.AsyncByteStream, most: int, deadline: float) -> None:
        self._content = content
        self._most = most
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._most
        pieces = aiter(self._content)
        while True:
            async with asyncio.timeout_at(self._deadline):
                piece = await anext(pieces, None)
            if piece is None:
                return
            left -= len(piece)
            if left < 0:
                raise EgressRefused(f"its answer is longer than {self._most} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._content.aclose()
