"""Settings of signing in: mail, the issuer of identities, and how long links and sessions last."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from app.core.addresses import is_address
from app.core.web_addresses import is_safe_address


def _mail_server(url: SecretStr | None) -> SecretStr | None:
    if url is None:
        return None
    parsed = urlsplit(url.get_secret_value())
    if parsed.scheme not in {"smtp", "smtps"} or not parsed.hostname:
        raise ValueError("must be smtp://user:password@host:587, with STARTTLS, or smtps://user:password@host:465")
    return url


def _sender(address: str | None) -> str | None:
    if address is None or is_address(address):
        return address
    raise ValueError("must be an address of mail such as creneau@example.org")


def _issuer(url: str | None) -> str | None:
    if url is None or (is_safe_address(url) and not urlsplit(url).query and not urlsplit(url).fragment):
        return url
    raise ValueError("must be the issuer's address by https, to the letter as its discovery document has it")


class SignInSettings(BaseSettings):
    """How people sign in; without mail and without an issuer they do not, and keys work as ever."""

    public_url: str | None = None

    smtp_url: Annotated[SecretStr | None, AfterValidator(_mail_server)] = None
    mail_from: Annotated[str | None, AfterValidator(_sender)] = None
    mail_to_console: bool = False

    oidc_issuer: Annotated[str | None, AfterValidator(_issuer)] = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_scopes: str = Field(default="openid email profile", pattern=r"^openid( \S+)*$")
    oidc_name: str = Field(default="OpenID Connect", max_length=60)
    oidc_pkce: bool = True
    oidc_trust_email: bool = False

    sign_in_link_minutes: int = Field(default=15, ge=1, le=60)
    sign_in_links_from_a_network: int = Field(default=30, ge=0)
    invitation_days: int = Field(default=7, ge=1, le=30)
    session_idle_minutes: int = Field(default=120, ge=5)
    session_hours: int = Field(default=12, ge=1, le=24 * 30)

    @property
    def has_mail(self) -> bool:
        """Whether mail goes anywhere."""
        return self.smtp_url is not None or self.mail_to_console

    @property
    def has_issuer(self) -> bool:
        """Whether people can sign in at an issuer."""
        return self.oidc_issuer is not None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse half of a way to sign in."""
        if self.smtp_url is not None and self.mail_from is None:
            raise ValueError("MAIL_FROM is not set: SMTP_URL needs an address to send from")
        if self.has_issuer and not (self.oidc_client_id and self.oidc_client_secret):
            raise ValueError("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET")
        if (self.has_mail or self.has_issuer) and not (self.public_url and is_safe_address(self.public_url)):
            raise ValueError(
                "PUBLIC_URL must be the address of the service by https, or on localhost, to sign in there"
            )
        return self
