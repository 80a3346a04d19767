"""Issuers of identities: a real one in a process of its own, and one that answers whatever a test has it answer."""

import base64
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from app.identity.oidc import Issuer
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.visitors import Visitors

CLIENT = "creneau"
STUB = "https://issuer.example.org"


def oidc(issuer: str, **given: Any) -> dict[str, Any]:
    """Return the settings of a service whose people sign in at an issuer."""
    secret = SecretStr("secret")
    return {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": secret, **given}


def equip(visitors: Visitors, issuer: str, **given: Any) -> None:
    """Have people sign in at an issuer from now on."""
    state = visitors.app.state
    state.settings = state.settings.model_copy(update=oidc(issuer, oidc_name="ProConnect", **given))
    state.issuer = Issuer(state.settings)


@contextmanager
def real_issuer(users: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give the address of an issuer in a process of its own, which knows these people by subject."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    told = [f"--user-claims={json.dumps({'sub': sub, **claims})}" for sub, claims in users.items()]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *told]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(url), seconds=30, what="an issuer that answers")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/jwks", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class StubIssuer:
    """Answers what the service asks of it, by the keys that a test gives it.

    Attributes
    ----------
    claims
        What is different in the next ID token; one that is None is left out.
    raw
        An ID token to answer as it is.
    published
        The key that it shows, where that is not the one that it signs with.
    is_forgetful
        Whether it takes a code more than once.
    """

    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "s-1"})
    userinfo: Any = None
    raw: str | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    challenges: dict[str, Mapping[str, str]] = field(default_factory=dict)
    published: RSAKey | None = None
    is_forgetful: bool = False

    def code_for(self, location: str) -> dict[str, str]:
        """Return what the browser that was sent to an address comes back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = asked
        return {"code": code, "state": asked["state"]}

    def id_token(self, asked: Mapping[str, str]) -> str:
        """Return the token for what was asked."""
        at = int(time.time())
        told = {"iss": STUB, "aud": CLIENT, "iat": at, "exp": at + 60, "nonce": asked["nonce"], **self.claims}
        return self.signed({name: value for name, value in told.items() if value is not None})

    def signed(self, told: Mapping[str, Any]) -> str:
        """Return a token with these claims."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, dict(told), self.key, algorithms=["RS256"])

    async def answer(self, _issuer: object, method: str, url: str, **request: Any) -> httpx.Response:
        """Answer one request of the service."""
        path = url.removeprefix(STUB)
        self.asked.append((method, path))
        if path == "/.well-known/openid-configuration":
            return httpx.Response(200, json=self._document())
        if path == "/jwks":
            return httpx.Response(200, json={"keys": [(self.published or self.key).as_dict(private=False)]})
        if path == "/userinfo":
            assert request["headers"]["Authorization"] == "Bearer access"
            if isinstance(self.userinfo, str):
                return httpx.Response(200, text=self.userinfo, headers={"Content-Type": "application/jwt"})
            return httpx.Response(200, json=self.userinfo)
        return self._token({name: values[0] for name, values in parse_qs(request["content"]).items()})

    def _document(self) -> dict[str, Any]:
        told = {
            "issuer": STUB,
            "authorization_endpoint": f"{STUB}/authorize?tenant=1",
            "token_endpoint": f"{STUB}/token",
            "jwks_uri": f"{STUB}/jwks",
            "userinfo_endpoint": f"{STUB}/userinfo",
            **self.metadata,
        }
        return {name: value for name, value in told.items() if value is not None}

    def _token(self, sent: Mapping[str, str]) -> httpx.Response:
        asked = self.challenges.get(sent.get("code", ""))
        if not self.is_forgetful:
            self.challenges.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        verified = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked.get("code_challenge", verified) != verified:
            return httpx.Response(400, json={"error": "invalid_grant"})
        if sent["redirect_uri"] != asked["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        token = self.raw or self.id_token(asked)
        return httpx.Response(200, json={"access_token": "access", "token_type": "Bearer", "id_token": token})
