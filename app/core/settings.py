"""Settings come from the environment, and from nowhere else."""

from functools import lru_cache
from ipaddress import ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url

from app.core.sign_in_settings import SignInSettings
from app.core.web_addresses import is_base_address, is_safe_address

APPLICATION_ROLE = "creneau_app"
OWNER_ROLE = "creneau_owner"


def _with_asyncpg(url: SecretStr | None) -> SecretStr | None:
    """Accept the usual `postgres://` and `postgresql://` forms and name the asyncpg driver."""
    if url is None:
        return None
    parsed = make_url(url.get_secret_value())
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError("must be a PostgreSQL address: postgresql://user:password@host/database")
    return SecretStr(parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False))


def _base_address(url: str | None) -> str | None:
    """Accept an address to which the path of a request can be added, and drop the slash at its end.

    It goes into a header of answers: what is not plain ASCII there would be no answer at all.
    """
    if url is None or is_base_address(url):
        return url and url.rstrip("/")
    raise ValueError(
        "must be an address such as https://creneau.example.org: in plain ASCII without spaces (an international name"
        " begins with xn--), with a port up to 65535 if any, and without a user, a query or a fragment"
    )


def _listed(value: object) -> object:
    """Accept values with commas between them, as an environment variable has them."""
    return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value


def _ports(ports: tuple[int, ...]) -> tuple[int, ...]:
    if not ports or not all(1 <= port <= 65_535 for port in ports):
        raise ValueError("must be ports from 1 to 65535, with commas between them")
    return ports


def _networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(network)) for network in networks)
    except ValueError as error:
        raise ValueError(f"must be networks such as 10.20.0.0/16, with commas between them: {error}") from None


def _issuer_address(url: str | None) -> str | None:
    """Accept an address of an issuer as it stands: it is compared letter by letter with what tokens say."""
    if url is None or (is_safe_address(url) and len(url) <= 400):
        return url
    raise ValueError("must be an address by https, or by http on this very machine, of at most 400 characters")


def _words(told: object) -> object:
    """Accept a list between commas, as the environment has it."""
    return tuple(filter(None, map(str.strip, told.split(",")))) if isinstance(told, str) else told


ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Algorithms of signatures that whoever can verify them cannot make. Source: RFC 7518, RFC 8037, RFC 9864."""


def _asymmetric(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not ASYMMETRIC.issuperset(names):
        raise ValueError(f"must name algorithms of these, between commas: {', '.join(sorted(ASYMMETRIC))}")
    return names


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
IssuerAddress = Annotated[str | None, AfterValidator(_issuer_address)]
DatabaseUrl = Annotated[SecretStr | None, AfterValidator(_with_asyncpg)]


class Settings(SignInSettings):
    """The whole configuration of a process.

    `DATABASE_URL` is the application's role, `DATABASE_OWNER_URL` the owner's (migrations, seed); the second
    defaults to the first. Without either, `creneau up` starts the embedded server and sets both for its children.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: DatabaseUrl = None
    database_owner_url: DatabaseUrl = None
    database_pool_size: int = Field(default=16, ge=1, le=200)
    database_pool_timeout_s: float = Field(default=10.0, gt=0)
    lock_timeout_ms: int = Field(default=3_000, ge=100)
    statement_timeout_ms: int = Field(default=15_000, ge=100)

    public_url: Annotated[str | None, AfterValidator(_base_address)] = None
    hold_minutes: int = Field(default=30, ge=1)
    approval_hours: int = Field(default=120, ge=1)
    repeat_hold_hours: int = Field(default=240, ge=1)
    offer_hours: int = Field(default=72, ge=1)
    solver_workers: int = Field(default=2, ge=1)
    run_freeze_minutes: int = Field(default=120, ge=1)
    solver_memory_bytes: int = Field(default=8 * 1024**3, ge=2 * 1024**3)

    job_attempts: int = Field(default=5, ge=1, le=100)
    job_backoff_seconds: float = Field(default=5.0, gt=0)
    job_retention_days: int = Field(default=30, ge=1)
    key_longest_days: int = Field(default=365, ge=0, le=36_500)
    key_most_live: int = Field(default=200, ge=1)
    jwt_issuer: IssuerAddress = None
    jwt_audience: str | None = Field(default=None, min_length=1, max_length=400)
    jwt_jwks_url: IssuerAddress = None
    jwt_algorithms: Annotated[Words, AfterValidator(_asymmetric)] = ("RS256", "ES256", "EdDSA")
    jwt_types: Words = Field(default=("at+jwt",), min_length=1)
    jwt_leeway_s: int = Field(default=30, ge=0, le=300)
    person_retention_days: int = Field(default=1_095, ge=0)
    invitation_retention_days: int = Field(default=180, ge=0)
    batch_record_years: int = Field(default=5, ge=0)
    crisis_record_years: int = Field(default=10, ge=0)
    body_seconds: float = Field(default=60.0, gt=0)
    rate_limit_reads: int = Field(default=20_000, ge=0)
    rate_limit_writes: int = Field(default=6_000, ge=0)
    rate_limit_address: int = Field(default=3_000, ge=0)
    metrics_token: SecretStr | None = None
    otel_exporter_otlp_endpoint: str | None = None
    otel_exporter_otlp_traces_endpoint: str | None = None
    otel_sdk_disabled: bool = False
    egress_http: bool = False
    egress_ports: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_ports)] = (443,)
    egress_networks: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_networks)] = ()
    import_max_bytes: int = Field(default=5 * 1024**2, ge=1024)
    import_max_rows: int = Field(default=5_000, ge=1)
    import_memory_bytes: int = Field(default=512 * 1024**2, ge=128 * 1024**2)
    import_seconds: float = Field(default=20.0, gt=0)

    creneau_local: bool = False
    log_json: bool = True
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _issuer_and_audience_go_together(self) -> Self:
        """Refuse an issuer whose tokens for anybody would do."""
        if (self.jwt_issuer is None) != (self.jwt_audience is None):
            raise ValueError("JWT_ISSUER and JWT_AUDIENCE are set together, or not at all")
        return self

    @model_validator(mode="after")
    def _owner_defaults_to_application(self) -> Self:
        """Let one address serve both roles where only one is given."""
        if self.database_owner_url is None and self.database_url is not None:
            object.__setattr__(self, "database_owner_url", self.database_url)
        return self


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
