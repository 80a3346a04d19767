"""Signing in at the issuer: a browser is sent there with a secret of its own, and must come back with what fits it.

State, nonce and code verifier are derived from that secret, which the browser's cookie alone has; the database has its
digest, and forgets it when the browser is back. So another browser's answer, and an answer that was given before, fit
nothing.
"""

from datetime import timedelta
from typing import NamedTuple

import structlog
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.addresses import is_address
from app.core.clock import now
from app.core.sign_in_settings import SignInSettings
from app.identity import link_repository
from app.identity.arrivals import Identity
from app.identity.errors import SignInRefused
from app.identity.keys import digest
from app.identity.oidc import Issuer
from app.identity.oidc_tokens import Claims, TokenRefused, check_access_token, check_id_token
from app.identity.secrets_of_browsers import NONCE, STATE, VERIFIER, derived, is_derived, new_secret
from app.identity.sign_in_models import SignInAttempt

ATTEMPT_MINUTES = 10
LONGEST_SUBJECT = 255

log = structlog.get_logger(__name__)


class Departure(NamedTuple):
    """Where a browser is sent, and the secret that it takes along."""

    url: str
    secret: str


class Answer(BaseModel):
    """What a browser came back with, in the query of its address."""

    code: str | None = Field(default=None, max_length=4_000)
    state: str | None = Field(default=None, max_length=200)
    iss: str | None = Field(default=None, max_length=1_000)
    error: str | None = Field(default=None, max_length=1_000)


async def depart(session: AsyncSession, issuer: Issuer) -> Departure:
    """Begin an attempt.

    Raises
    ------
    IssuerUnavailable
        If the issuer does not say where to go.
    """
    secret = new_secret()
    url = await issuer.authorization_url(
        state=derived(secret.plain, STATE), nonce=derived(secret.plain, NONCE), verifier=derived(secret.plain, VERIFIER)
    )
    session.add(SignInAttempt(secret_sha256=secret.sha256, expires_at=now() + timedelta(minutes=ATTEMPT_MINUTES)))
    return Departure(url, secret.plain)


async def come_back(session: AsyncSession, secret: str | None, state: str | None) -> str:
    """End the attempt of a browser, and return its secret; whatever comes of it, it does not come back twice.

    Raises
    ------
    SignInRefused
        If this browser was not sent with this state, is back already, or was away for too long.
    """
    if secret is None or not is_derived(state, secret, STATE):
        raise _refused("state")
    if not await link_repository.claim_attempt(session, digest(secret)):
        raise _refused("attempt")
    return secret


async def identify(issuer: Issuer, answer: Answer, secret: str, settings: SignInSettings) -> Identity:
    """Return whom the issuer vouches for in its answer to this very attempt. No transaction may be open meanwhile.

    Raises
    ------
    SignInRefused
        If its answer is not believed, or is a refusal.
    IssuerUnavailable
        If it does not answer.
    """
    if answer.error is not None:
        raise _refused("issuer_refused")
    names_itself = (await issuer.metadata()).names_itself
    if (answer.iss is not None or names_itself) and answer.iss != issuer.issuer:
        raise _refused("iss")
    if not answer.code:
        raise _refused("code")
    try:
        return await _identified(issuer, answer.code, secret, settings)
    except TokenRefused as error:
        raise _refused(error.reason) from None


async def _identified(issuer: Issuer, code: str, secret: str, settings: SignInSettings) -> Identity:
    tokens = await issuer.exchange(code, derived(secret, VERIFIER))
    claims, algorithm = await issuer.claims_of(tokens.id_token)
    check_id_token(claims, issuer=issuer.issuer, client_id=issuer.client_id, nonce=derived(secret, NONCE))
    subject = claims["sub"]
    if not 0 < len(subject) <= LONGEST_SUBJECT or "\x00" in subject:
        raise TokenRefused("sub")
    told = claims
    if tokens.access_token is not None:
        check_access_token(claims, algorithm, tokens.access_token)
        if "email" not in claims:
            told = await issuer.userinfo(tokens.access_token, subject)
    return Identity(issuer.issuer, subject, _verified_email(told, trusted=settings.oidc_trust_email))


def _verified_email(claims: Claims, *, trusted: bool) -> str | None:
    """Return the address that an issuer vouches for: it says so, or is trusted where it says nothing."""
    email, verified = claims.get("email"), claims.get("email_verified", trusted)
    if verified is not True or not isinstance(email, str) or not is_address(email):
        return None
    return email.lower()


def _refused(reason: str) -> SignInRefused:
    log.warning("sign_in_refused", reason=reason)
    return SignInRefused("What came back does not fit what this browser was sent with: begin again.")
