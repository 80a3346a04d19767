"""The issuer of identities: what it says of itself, its keys, and what it answers for a code.

Nothing that it says is believed before its signature is, and nothing goes to any address but those that it names in
its discovery document, by https.

Source: OpenID Connect Core 1.0 and Discovery 1.0; RFC 6749, RFC 7636, RFC 8414, RFC 9207, RFC 9700.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import structlog
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import get_well_known_url
from joserfc.jwk import KeySet

from app.core.sign_in_settings import SignInSettings
from app.core.web_addresses import is_loopback, is_safe_address
from app.identity.errors import IssuerUnavailable
from app.identity.oidc_tokens import Claims, TokenRefused, UnknownSigner, signing_keys, verified_claims

CALLBACK_PATH = "/sign-in/oidc/callback"
TIMEOUT_SECONDS = 5.0
METADATA_SECONDS = 3_600.0
KEYS_SECONDS = 600.0
AGAIN_SECONDS = 15.0
"""Between two looks at the keys because of one that is unknown: nobody can have the issuer asked without end."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an issuer says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    client_auth: str
    names_itself: bool

    @classmethod
    def read(cls, document: object, issuer: str) -> "Metadata":
        """Return a discovery document, read.

        Raises
        ------
        TokenRefused
            If it is another issuer's, lacks an address, or names one that is not by https.
        """
        if not isinstance(document, dict) or document.get("issuer") != issuer:
            raise TokenRefused("discovery_issuer")
        named = {
            name: document.get(name)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
        }
        if named["userinfo_endpoint"] is None:
            del named["userinfo_endpoint"]
        if not all(isinstance(url, str) and is_safe_address(url) for url in named.values()):
            raise TokenRefused("discovery_address")
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return cls(
            issuer=issuer,
            authorization_endpoint=str(named["authorization_endpoint"]),
            token_endpoint=str(named["token_endpoint"]),
            jwks_uri=str(named["jwks_uri"]),
            userinfo_endpoint=named.get("userinfo_endpoint"),
            client_auth="client_secret_basic" if "client_secret_basic" in methods else "client_secret_post",
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )


class Tokens(NamedTuple):
    """What an issuer answers for a code."""

    id_token: str
    access_token: str | None


class _Kept(NamedTuple):
    value: Any
    at: float


class Issuer:
    """One issuer, its document kept for an hour and its keys for ten minutes; it is asked for each by one at a time."""

    def __init__(self, settings: SignInSettings) -> None:
        assert settings.oidc_issuer is not None  # noqa: S101 - the caller has looked
        assert settings.oidc_client_id is not None  # noqa: S101 - the settings have
        assert settings.oidc_client_secret is not None  # noqa: S101
        self.issuer, self.client_id = settings.oidc_issuer, settings.oidc_client_id
        self._secret = settings.oidc_client_secret
        self._settings = settings
        self._metadata: _Kept | None = None
        self._keys: _Kept | None = None
        self._lock = asyncio.Lock()

    @property
    def redirect_uri(self) -> str:
        """Where browsers come back to."""
        return f"{self._settings.public_url}{CALLBACK_PATH}"

    async def metadata(self) -> Metadata:
        """Return what the issuer says of itself.

        Raises
        ------
        IssuerUnavailable
            If it does not answer, or says what cannot be.
        """
        async with self._lock:
            if self._metadata is None or time.monotonic() - self._metadata.at > METADATA_SECONDS:
                document = await self._document(get_well_known_url(self.issuer, external=True))
                try:
                    self._metadata = _Kept(Metadata.read(document, self.issuer), time.monotonic())
                except TokenRefused as error:
                    raise _unavailable(error.reason) from None
            found: Metadata = self._metadata.value
        return found

    async def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Return where to send a browser."""
        challenge: dict[str, str] = {}
        if self._settings.oidc_pkce:
            challenge = {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
        url: str = prepare_grant_uri(
            (await self.metadata()).authorization_endpoint,
            self.client_id,
            "code",
            redirect_uri=self.redirect_uri,
            scope=self._settings.oidc_scopes,
            state=state,
            nonce=nonce,
            **challenge,
        )
        return url

    async def exchange(self, code: str, verifier: str) -> Tokens:
        """Return the tokens for a code.

        Raises
        ------
        TokenRefused
            If the issuer gives none for it.
        IssuerUnavailable
            If it does not answer.
        """
        about = await self.metadata()
        given = {"code_verifier": verifier} if self._settings.oidc_pkce else {}
        body = prepare_token_request("authorization_code", redirect_uri=self.redirect_uri, code=code, **given)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        client = ClientAuth(self.client_id, self._secret.get_secret_value(), about.client_auth)
        url, headers, body = client.prepare("POST", about.token_endpoint, headers, body)
        answer = await self._send("POST", url, headers=headers, content=body)
        if answer.status_code != httpx.codes.OK:
            raise TokenRefused("code")
        told = _json(answer)
        id_token, access_token = told.get("id_token"), told.get("access_token")
        if not isinstance(id_token, str):
            raise TokenRefused("no_id_token")
        return Tokens(id_token, access_token if isinstance(access_token, str) else None)

    async def claims_of(self, token: str) -> tuple[Claims, str]:
        """Return the claims of a token that the issuer has signed, and the algorithm; looks for new keys once.

        Raises
        ------
        TokenRefused
            If it has not.
        """
        try:
            return verified_claims(token, await self._key_set())
        except UnknownSigner:
            return verified_claims(token, await self._key_set(older_than=AGAIN_SECONDS))

    async def userinfo(self, access_token: str, subject: str) -> Claims:
        """Return what the issuer tells of the person beside the ID token, as JSON or signed; empty if it tells nothing.

        Raises
        ------
        TokenRefused
            If it is of another person, or signed by nobody known, or for another client.
        """
        url = (await self.metadata()).userinfo_endpoint
        if url is None:
            return {}
        answer = await self._send("GET", url, headers={"Authorization": f"Bearer {access_token}"})
        if answer.status_code != httpx.codes.OK:
            raise TokenRefused("userinfo")
        told: Claims
        if answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/jwt":
            told, _ = await self.claims_of(answer.text)
            if told.get("iss", self.issuer) != self.issuer or told.get("aud", self.client_id) not in (
                self.client_id,
                [self.client_id],
            ):
                raise TokenRefused("userinfo")
        else:
            told = _json(answer)
        if told.get("sub") != subject:
            raise TokenRefused("userinfo_subject")
        return told

    async def _key_set(self, older_than: float = KEYS_SECONDS) -> KeySet:
        about = await self.metadata()
        async with self._lock:
            if self._keys is None or time.monotonic() - self._keys.at > older_than:
                document = await self._document(about.jwks_uri)
                try:
                    self._keys = _Kept(signing_keys(document), time.monotonic())
                except TokenRefused as error:
                    raise _unavailable(error.reason) from None
            found: KeySet = self._keys.value
        return found

    async def _document(self, url: str) -> Mapping[str, Any]:
        answer = await self._send("GET", url, headers={"Accept": "application/json"})
        if answer.status_code != httpx.codes.OK:
            raise _unavailable("status")
        try:
            return _json(answer)
        except TokenRefused as error:
            raise _unavailable(error.reason) from None

    async def _send(self, method: str, url: str, **request: Any) -> httpx.Response:
        try:
            by_proxy = not is_loopback(httpx.URL(url).host)
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=by_proxy) as client:
                return await client.request(method, url, **request)
        except httpx.HTTPError as error:
            raise _unavailable(type(error).__name__) from None


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        raise TokenRefused("not_json") from None
    if not isinstance(told, dict):
        raise TokenRefused("not_json")
    return told


def _unavailable(reason: str) -> IssuerUnavailable:
    log.warning("issuer_unavailable", reason=reason)
    return IssuerUnavailable("The issuer did not answer as it should. Try again in a moment, or use a link by mail.")
