"""What the settings say, and what they should not."""

import hmac
import shutil
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.known_secrets import is_known, password_of
from app.core.settings import Settings
from app.doctor import repository
from app.doctor.deployment import Deployment
from app.doctor.findings import Finding, fault, ok, warning

SHORTEST_SECRET = 16
FULL_BYTES, NEARLY_FULL_BYTES = 256 * 1024**2, 2 * 1024**3
_MAKE_ONE = "Make one with  openssl rand -hex 24"


def secrets_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """Give each secret of the settings that somebody has chosen, with what it is called."""
    addresses = {"the password in DATABASE_URL": settings.database_url}
    if settings.database_owner_url != settings.database_url:
        addresses["the password in DATABASE_OWNER_URL"] = settings.database_owner_url
    for name, url in addresses.items():
        if password := password_of(url):
            yield name, password
    if settings.smtp_url is not None and (password := urlsplit(settings.smtp_url.get_secret_value()).password):
        yield "the password in SMTP_URL", unquote(password)
    for name, secret in (
        ("OIDC_CLIENT_SECRET", settings.oidc_client_secret),
        ("METRICS_TOKEN", settings.metrics_token),
    ):
        if secret is not None:
            yield name, secret.get_secret_value()


def known_secrets(settings: Settings) -> list[str]:
    """Return what the secrets are called that stand in the project's own examples."""
    return [name for name, secret in secrets_of(settings) if is_known(secret)]


async def check_secrets(deployment: Deployment) -> list[Finding]:
    """Whether every secret is one that nobody can know or guess."""
    found = []
    for name, secret in secrets_of(deployment.settings):
        if is_known(secret):
            found.append(fault(f"{_capital(name)} stands in examples that everybody can read.", f"{_MAKE_ONE}."))
        elif len(secret) < SHORTEST_SECRET:
            fact = f"{_capital(name)} has fewer than {SHORTEST_SECRET} characters."
            found.append(warning(fact, f"{_MAKE_ONE}."))
    settings = deployment.settings
    password = password_of(settings.database_url)
    has_two = settings.database_owner_url != settings.database_url
    other = password_of(settings.database_owner_url)
    if has_two and password and other and hmac.compare_digest(password.encode(), other.encode()):
        fact = "Both roles of the database have the same password: who has the one has the other."
        found.append(fault(fact, f"Give each its own. {_MAKE_ONE}."))
    return found or [ok("No secret of the settings is known, short, or used twice.")]


async def check_demonstration(session: AsyncSession, deployment: Deployment) -> list[Finding]:
    """Whether the keys of the demonstration, which stand in a file in plain text, open nothing any more."""
    alive = await repository.live_demonstration_keys(session)
    if not alive:
        return [ok("No key of the demonstration opens anything.")]
    if deployment.is_local:
        return [ok(f"{alive} keys of the demonstration are in use, on this machine alone.")]
    advice = "Revoke them with `POST /v1/keys/{id}/revoke`, or begin with a database without the demonstration."
    return [fault(f"{alive} keys of the demonstration still work.", advice)]


async def check_public_url(deployment: Deployment) -> list[Finding]:
    """Whether callers come by https, and to one address."""
    url = deployment.settings.public_url
    if deployment.is_local:
        return [ok("On one machine, no public address is needed.")]
    if url is None:
        fact = "PUBLIC_URL is not set: links begin as each request says, and browsers are not told to come by https."
        return [warning(fact, "Set PUBLIC_URL=https://... to where callers reach the service.")]
    if urlsplit(url).scheme != "https":
        advice = "Put a proxy that ends TLS before the service, and set PUBLIC_URL=https://..."
        return [fault(f"PUBLIC_URL is {url}: keys travel where anybody on the way reads them.", advice)]
    return [ok(f"Callers come to {url}.")]


async def check_ways_in(deployment: Deployment) -> list[Finding]:
    """Whether people can sign in, and not programs alone."""
    settings = deployment.settings
    ways = [name for has, name in ((settings.has_mail, "a link by mail"), (settings.has_issuer, "an issuer")) if has]
    if ways:
        return [ok(f"People sign in by {' or '.join(ways)}.")]
    if deployment.is_local:
        return [ok("On one machine, keys open what is needed.")]
    fact = "Neither SMTP_URL nor OIDC_ISSUER is set: nobody can sign in by a page, nor take an invitation up."
    return [warning(fact, "Set SMTP_URL and MAIL_FROM, or OIDC_ISSUER, and PUBLIC_URL; with keys alone, leave it.")]


async def check_limits(deployment: Deployment) -> list[Finding]:
    """Whether no limit is switched off."""
    settings = deployment.settings
    off = [
        name
        for name, most in (
            ("RATE_LIMIT_READS", settings.rate_limit_reads),
            ("RATE_LIMIT_WRITES", settings.rate_limit_writes),
            ("RATE_LIMIT_ADDRESS", settings.rate_limit_address),
        )
        if most == 0
    ]
    found = [warning(f"{', '.join(off)} is 0: no limit.", "Set a number, or unset it for the default.")] if off else []
    if settings.key_longest_days == 0:
        advice = "Set a number of days, or unset it for a year."
        found.append(warning("KEY_LONGEST_DAYS is 0: keys that leak may work for ever.", advice))
    return found or [ok("Requests and the lives of keys are limited.")]


async def check_egress(deployment: Deployment) -> list[Finding]:
    """Whether users can have the service ask public addresses by https alone."""
    settings = deployment.settings
    wide = [
        name
        for is_wide, name in ((settings.egress_http, "EGRESS_HTTP"), (settings.egress_networks, "EGRESS_NETWORKS"))
        if is_wide
    ]
    if wide and not deployment.is_local:
        fact = f"{' and '.join(wide)} let users have the service ask more than public addresses by https."
        return [warning(fact, "Unset what no organisation needs; whoever may give an address can reach what is there.")]
    return [ok("Users can have the service ask what the settings allow.")]


async def check_logs(deployment: Deployment) -> list[Finding]:
    """Whether logs tell what they should and no more."""
    if deployment.settings.log_level.upper() == "DEBUG":
        return [warning("LOG_LEVEL is DEBUG: libraries then log more than is looked through here.", "Unset it.")]
    return [ok(f"LOG_LEVEL is {deployment.settings.log_level}.")]


async def check_disk(
    deployment: Deployment, free: Callable[[str], int] = lambda path: shutil.disk_usage(path).free
) -> list[Finding]:
    """Whether an embedded database has room to grow."""
    folder = deployment.data_dir
    if not (folder / "postgres").is_dir():
        return [ok(f"There is no embedded database in {folder}.")]
    left = free(str(folder))
    shown = f"{left / 1024**3:.1f} GiB are free where {folder} is."
    if left < NEARLY_FULL_BYTES:
        say = fault if left < FULL_BYTES else warning
        return [say(shown, "Make room: PostgreSQL stops when the disk is full.")]
    return [ok(shown)]


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
