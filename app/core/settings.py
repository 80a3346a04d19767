"""Settings come from the environment, and from nowhere else."""

import re
from functools import lru_cache
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url

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


IN_ADDRESSES = re.compile(r"[A-Za-z0-9._~:/\[\]@!$&'()*+,;=%-]+")
"""What an address without a query or a fragment is written in. Source: RFC 3986, appendix A."""


def _base_address(url: str | None) -> str | None:
    """Accept an address to which the path of a request can be added, and drop the slash at its end.

    It goes into a header of answers: what is not plain ASCII there would be no answer at all.
    """
    if url is None or (IN_ADDRESSES.fullmatch(url) and _names_a_host(url)):
        return url and url.rstrip("/")
    raise ValueError(
        "must be an address such as https://creneau.example.org: in plain ASCII without spaces (an international name"
        " begins with xn--), with a port up to 65535 if any, and without a user, a query or a fragment"
    )


def _names_a_host(url: str) -> bool:
    """Tell whether an address says by http or https where a host is, and not who asks there."""
    try:
        parsed = urlsplit(url)
        port = parsed.port
    except ValueError:  # of brackets, or of the port
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.hostname) and "@" not in parsed.netloc and port != 0


DatabaseUrl = Annotated[SecretStr | None, AfterValidator(_with_asyncpg)]


class Settings(BaseSettings):
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
    solver_memory_bytes: int = Field(default=8 * 1024**3, ge=2 * 1024**3)

    job_attempts: int = Field(default=5, ge=1, le=100)
    job_backoff_seconds: float = Field(default=5.0, gt=0)
    job_retention_days: int = Field(default=30, ge=1)
    person_retention_days: int = Field(default=1_095, ge=0)
    invitation_retention_days: int = Field(default=180, ge=0)
    batch_record_years: int = Field(default=5, ge=0)
    crisis_record_years: int = Field(default=10, ge=0)
    key_longest_days: int = Field(default=365, ge=0)
    rate_limit_reads: int = Field(default=20_000, ge=0)
    rate_limit_writes: int = Field(default=6_000, ge=0)
    rate_limit_address: int = Field(default=3_000, ge=0)
    metrics_token: SecretStr | None = None
    otel_exporter_otlp_endpoint: str | None = None
    otel_exporter_otlp_traces_endpoint: str | None = None
    otel_sdk_disabled: bool = False
    import_max_bytes: int = Field(default=5 * 1024**2, ge=1024)
    import_max_rows: int = Field(default=5_000, ge=1)
    import_memory_bytes: int = Field(default=512 * 1024**2, ge=128 * 1024**2)
    import_seconds: float = Field(default=20.0, gt=0)

    log_json: bool = True
    log_level: str = "INFO"

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
