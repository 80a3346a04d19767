"""An issuer of access tokens on the loopback, with real keys; it signs whatever it is asked to."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

AUDIENCE = "https://creneau.example.org"
Key = RSAKey | ECKey | OKPKey

_MADE: dict[str, Callable[[str], Key]] = {
    "RS256": lambda kid: RSAKey.generate_key(2048, {"kid": kid}),
    "ES256": lambda kid: ECKey.generate_key("P-256", {"kid": kid}),
    "EdDSA": lambda kid: OKPKey.generate_key("Ed25519", {"kid": kid}),
}


def encoded(part: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def signed(header: Mapping[str, Any], payload: bytes, key: Key | bytes | None) -> str:
    """Return a token by the header's algorithm, or with bytes by HMAC; without a key its signature is empty."""
    signing = f"{encoded(json.dumps(header).encode())}.{encoded(payload)}"
    if isinstance(key, bytes):
        return f"{signing}.{encoded(hmac.digest(key, signing.encode(), 'sha256'))}"
    algorithm = JWSRegistry.algorithms[header["alg"]]
    return f"{signing}.{encoded(algorithm.sign(signing.encode(), key)) if key else ''}"


@dataclass
class Issuer:
    """What the issuer serves, and how often it was asked.

    Attributes
    ----------
    answers
        What it answers at a path instead of the usual: status, content, further headers.
    delay_s
        How long it takes to answer.
    """

    port: int
    keys: dict[str, Key] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, tuple[int, bytes, Mapping[str, str]]] = field(default_factory=dict)
    delay_s: float = 0.0
    path: str = ""

    @property
    def url(self) -> str:
        """Its identifier."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    def add(self, algorithm: str, kid: str) -> Key:
        """Make a key, and publish it."""
        self.keys[kid] = _MADE[algorithm](kid)
        return self.keys[kid]

    def claims(self, **given: Any) -> dict[str, Any]:
        """Return the claims of a sound token; one given as None is left out."""
        now = time.time()
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "erp",
            "client_id": "erp",
            "iat": now,
            "exp": now + 60,
            "jti": "1",
        }
        return {name: value for name, value in (usual | given).items() if value is not None}

    def token(self, kid: str = "rsa", *, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Return a token signed with one of its keys; a member of the header given as None is left out."""
        key = self.keys[kid]
        algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[key.key_type]
        told = {"alg": algorithm, "typ": "at+jwt", "kid": kid, **(header or {})}
        told = {name: value for name, value in told.items() if value is not None}
        return signed(told, json.dumps(self.claims(**claims)).encode(), key)

    def answer(self, path: str) -> tuple[int, bytes, Mapping[str, str]]:
        """Return what it answers at a path."""
        self.asked.append(path)
        time.sleep(self.delay_s)
        if path in self.answers:
            return self.answers[path]
        if path == f"{self.path}/.well-known/openid-configuration":
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode(), {}
        if path == f"{self.path}/keys":
            keys = [key.as_dict(private=False, use="sig") for key in self.keys.values()]
            return 200, json.dumps({"keys": keys}).encode(), {}
        return 404, b"", {}


@contextmanager
def serving(port: int = 0) -> Iterator[Issuer]:
    """Give an issuer that answers meanwhile, with a key of each kind."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content, headers = issuer.answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_told: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        issuer = Issuer(server.server_port)
        for algorithm, kid in (("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")):
            issuer.add(algorithm, kid)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
