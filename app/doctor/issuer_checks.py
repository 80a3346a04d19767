"""Whether an issuer of tokens says who it is, and shows the keys that it signs with."""

import json
from typing import Any

import httpx

from app.core.web_addresses import is_safe_address
from app.doctor.findings import Finding, fault, ok

SECONDS = 5.0
LARGEST_BYTES = 1024**2
DISCOVERY = "/.well-known/openid-configuration"
"""Source: OpenID Connect Discovery 1.0, section 4."""


class _NotRead(Exception):
    """A document could not be had; the message says why."""


async def check_issuer(variable: str, issuer: str) -> list[Finding]:
    """Whether the discovery document of an issuer is there, of that issuer, and leads to keys.

    Parameters
    ----------
    variable
        Name of the environment variable.
    issuer
        Its value, as it stands in tokens.
    """
    if not is_safe_address(issuer):
        return [fault(f"{variable} is no address by https.", f"Set {variable} to what the issuer calls itself.")]
    async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
        try:
            about = await _read(client, issuer.rstrip("/") + DISCOVERY, "the discovery document")
            if about.get("issuer") != issuer:
                fact = f"The issuer at {variable} calls itself {_shown(about.get('issuer'))}, not {issuer}."
                return [
                    fault(fact, f"Set {variable} to exactly that, slash at the end or not: tokens are compared by it.")
                ]
            if not isinstance(keys_at := about.get("jwks_uri"), str) or not is_safe_address(keys_at):
                return [fault(f"The issuer at {variable} names no `jwks_uri` by https.", "See its configuration.")]
            return [
                await _shows_keys(client, keys_at, f"The issuer at {variable}", f"The issuer {issuer} is there, and")
            ]
        except _NotRead as reason:
            return [_unread(variable, reason)]


async def check_keys(variable: str, address: str) -> list[Finding]:
    """Whether the keys of an issuer are where a variable says, without asking the issuer where they are."""
    async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
        try:
            return [await _shows_keys(client, address, f"The address in {variable}", f"The key set {address}")]
        except _NotRead as reason:
            return [_unread(variable, reason)]


async def _shows_keys(client: httpx.AsyncClient, address: str, what: str, well: str) -> Finding:
    keys = (await _read(client, address, "the key set")).get("keys")
    if not isinstance(keys, list) or not keys:
        return fault(f"{what} shows no keys: no token can be verified.", "See its configuration.")
    return ok(f"{well} shows {len(keys)} keys.")


def _unread(variable: str, reason: _NotRead) -> Finding:
    return fault(f"{variable}: {reason}", "See whether it runs, and whether this machine may reach it.")


async def _read(client: httpx.AsyncClient, address: str, what: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises
    ------
    _NotRead
        It cannot be had, is too long, or is none.
    """
    content = b""
    try:
        async with client.stream("GET", address) as answer:
            if answer.status_code != httpx.codes.OK:
                raise _NotRead(f"{what} is answered with {answer.status_code}.")
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > LARGEST_BYTES:
                    raise _NotRead(f"{what} is longer than {LARGEST_BYTES} bytes.")
        document = json.loads(content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _NotRead(f"{what} cannot be read ({type(error).__name__}).") from None
    except ValueError:
        raise _NotRead(f"{what} is no JSON.") from None
    if not isinstance(document, dict):
        raise _NotRead(f"{what} is no JSON object.")
    return document


def _shown(value: object) -> str:
    return str(value)[:200] if isinstance(value, str) else "nothing"
