"""What the doctor says of settings, secrets, the demonstration's keys and the disk."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from app.core.clock import now
from app.core.health import REPOSITORY
from app.core.known_secrets import DEMONSTRATION_DOMAIN, DEMONSTRATION_KEY, KNOWN, is_known
from app.core.settings import Settings
from app.doctor.deployment import Deployment
from app.doctor.examination import OF_DATABASE, OF_DEPLOYMENT, WHERE_SET, examine
from app.doctor.findings import Finding, Level
from app.doctor.settings_checks import check_disk
from app.identity.keys import new_key
from app.identity.models import ApiKey, OrganisationKind, Person, Role
from tests.app.doctor.conftest import the
from tests.support.world import World

MAIL = {"mail_from": "creneau@example.org", "public_url": "https://creneau.example.org"}
LONG = "correct-horse-battery-staple"


async def found(check: str, *, local: bool = False, **given: Any) -> list[Finding]:
    deployment = Deployment(Settings(**given), Path("nowhere"), is_local=local)
    return await OF_DEPLOYMENT[check](deployment)


def url(password: str, role: str = "creneau_app") -> str:
    return f"postgresql://{role}:{password}@db.example.org/creneau"


@pytest.mark.parametrize("check", ["secrets", "limits", "egress", "logs", "disk", "two roles"])
async def test_settings_as_they_are_by_default_are_well(check: str) -> None:
    assert all(one.level is Level.OK for one in await found(check))


@pytest.mark.parametrize(
    ("given", "level", "fact"),
    [
        ({"database_url": url("password")}, Level.FAULT, "The password in DATABASE_URL stands in examples"),
        ({"database_url": url("Creneau_App")}, Level.FAULT, "The password in DATABASE_URL stands in examples"),
        (
            {"database_url": url(LONG), "database_owner_url": url("secret", "creneau_owner")},
            Level.FAULT,
            "The password in DATABASE_OWNER_URL stands in examples",
        ),
        (
            {"database_url": url(LONG), "database_owner_url": url(LONG, "creneau_owner")},
            Level.FAULT,
            "Both roles of the database have the same password",
        ),
        (
            {**MAIL, "smtp_url": "smtp://c:Change-Me@mail.example.org"},
            Level.FAULT,
            "The password in SMTP_URL stands in",
        ),
        ({**MAIL, "smtp_url": "smtps://c:changem%65@mail.example.org"}, Level.FAULT, "The password in SMTP_URL stands"),
        ({**MAIL, "smtp_url": "smtp://c:odd@mail.example.org"}, Level.WARNING, "The password in SMTP_URL has fewer"),
        ({"oidc_client_secret": "..."}, Level.FAULT, "OIDC_CLIENT_SECRET stands in examples"),
        ({"metrics_token": "token"}, Level.FAULT, "METRICS_TOKEN stands in examples"),
        ({"metrics_token": "short-but-odd"}, Level.WARNING, "METRICS_TOKEN has fewer than 16 characters"),
        ({"database_url": url("fifteen-letters")}, Level.WARNING, "The password in DATABASE_URL has fewer than 16"),
    ],
)
async def test_a_secret_that_is_known_short_or_used_twice_is_told(
    given: dict[str, Any], level: Level, fact: str
) -> None:
    finding = the(level, await found("secrets", **given))
    assert finding.fact.startswith(fact)
    assert LONG not in str(finding)


async def test_two_long_passwords_and_none_at_all_are_well() -> None:
    two: dict[str, Any] = {"database_url": url(LONG), "database_owner_url": url(f"{LONG}-2", "creneau_owner")}
    none: dict[str, Any] = {
        "database_url": "postgresql://creneau_app@/creneau",
        "database_owner_url": "postgresql://creneau_owner@/c",
    }
    for given in (two, none):
        assert all(one.level is Level.OK for one in await found("secrets", **given))


def test_every_secret_of_the_examples_is_known() -> None:
    given = re.compile(r"(?:postgres(?:ql)?|smtps?)://[^\s:/@]+:([^\s@/]+)@|OIDC_CLIENT_SECRET=([^\s`]+)")
    places = [*REPOSITORY.glob("*.md"), REPOSITORY / "compose.yaml", *(REPOSITORY / "app").rglob("*.py")]
    shown = {match[1] or match[2] for place in places for match in given.finditer(place.read_text(encoding="utf-8"))}
    chosen = {one for one in shown if not one.startswith(("$", "{"))}
    assert chosen  # what README says is found
    assert [one for one in chosen if not is_known(one)] == []
    assert all(one == one.casefold() for one in KNOWN)


@pytest.mark.parametrize(
    ("given", "level", "fact"),
    [
        ({}, Level.WARNING, "PUBLIC_URL is not set"),
        ({"public_url": "http://creneau.example.org"}, Level.FAULT, "keys travel where anybody on the way reads them"),
    ],
)
async def test_callers_must_come_by_https(given: dict[str, Any], level: Level, fact: str) -> None:
    assert fact in the(level, await found("public address", **given)).fact
    (here,) = await found("public address", local=True, **given)
    (private,) = await found("public address", public_url="https://creneau.example.org")
    assert {here.level, private.level} == {Level.OK}


async def test_where_nobody_can_sign_in_it_is_told() -> None:
    finding = the(Level.WARNING, await found("ways in"))
    assert finding.fact.startswith("Neither SMTP_URL nor OIDC_ISSUER is set: nobody can sign in by a page")
    mail: dict[str, Any] = {**MAIL, "smtp_url": "smtp://mail.example.org"}
    issuer: dict[str, Any] = {
        "oidc_issuer": "https://id.example.org",
        "oidc_client_id": "c",
        "oidc_client_secret": LONG,
    }
    for given, way in ((mail, "a link by mail"), ({**issuer, "public_url": MAIL["public_url"]}, "an issuer")):
        assert [(one.level, way in one.fact) for one in await found("ways in", **given)] == [(Level.OK, True)]
    assert [one.level for one in await found("ways in", local=True)] == [Level.OK]


@pytest.mark.parametrize("name", ["rate_limit_reads", "rate_limit_writes", "rate_limit_address", "key_longest_days"])
async def test_a_limit_that_is_off_is_told(name: str) -> None:
    assert name.upper() in the(Level.WARNING, await found("limits", local=False, **{name: 0})).fact


@pytest.mark.parametrize("given", [{"egress_http": True}, {"egress_networks": "10.0.0.0/8"}])
async def test_a_way_into_other_networks_is_told(given: dict[str, Any]) -> None:
    (name,) = given
    assert name.upper() in the(Level.WARNING, await found("egress", **given)).fact
    assert [one.level for one in await found("egress", local=True, **given)] == [Level.OK]


async def test_logs_that_tell_too_much_are_told() -> None:
    assert "LOG_LEVEL is DEBUG" in the(Level.WARNING, await found("logs", log_level="DEBUG")).fact


@pytest.mark.parametrize(("gib", "level"), [(100.0, Level.OK), (1.0, Level.WARNING), (0.1, Level.FAULT)])
async def test_a_disk_that_fills_up_is_told_where_a_database_is_on_it(tmp_path: Path, gib: float, level: Level) -> None:
    def free(_: str) -> int:
        return int(gib * 1024**3)

    deployment = Deployment(Settings(), tmp_path)
    (without,) = await check_disk(deployment, free)
    assert without.level is Level.OK
    (tmp_path / "postgres").mkdir()
    (finding,) = await check_disk(deployment, free)
    assert (finding.level, bool(finding.advice)) == (level, level is not Level.OK)
    assert f"{gib:.1f} GiB" in finding.fact
    (real,) = await check_disk(deployment)
    assert "GiB are free" in real.fact


@pytest.mark.database
async def test_keys_of_the_demonstration_are_told_while_they_open_anything(
    world: World, owner: AsyncEngine, settings: Settings
) -> None:
    async def look(*, local: bool = False) -> list[Finding]:
        deployment = Deployment(settings, Path("nowhere"), is_local=local)
        check = {"demonstration": OF_DATABASE["demonstration"]}
        return [one.finding for one in await examine(deployment, check, {})]

    async def put(**values: datetime | None) -> None:
        async with owner.begin() as connection:
            await connection.execute(update(ApiKey).where(col(ApiKey.name) == DEMONSTRATION_KEY).values(**values))

    organisation = await world.organisation(OrganisationKind.OBSERVER)
    await world.headers(organisation, Role.OBSERVER)  # somebody's own key
    assert [one.level for one in await look()] == [Level.OK]
    person = await world.add(
        Person(organisation_id=organisation.id, name="P", email=f"p{DEMONSTRATION_DOMAIN}", role=Role.OBSERVER)
    )
    key = new_key()
    await world.add(
        ApiKey(
            organisation_id=organisation.id,
            person_id=person.id,
            role=Role.OBSERVER,
            name=DEMONSTRATION_KEY,
            prefix=key.prefix,
            secret_sha256=key.sha256,
        )
    )
    assert "1 keys of the demonstration still work" in the(Level.FAULT, await look()).fact
    assert [one.level for one in await look(local=True)] == [Level.OK]
    await put(expires_at=now() + timedelta(days=1))
    assert [one.level for one in await look()] == [Level.FAULT]
    await put(expires_at=now() - timedelta(days=1))
    assert [one.level for one in await look()] == [Level.OK]
    await put(expires_at=None, revoked_at=now())
    assert [one.level for one in await look()] == [Level.OK]


def test_the_registry_names_each_check_once() -> None:
    checks: list[Callable[..., Any]] = [*OF_DATABASE.values(), *OF_DEPLOYMENT.values()]
    assert len({check.__name__ for check in checks}) == len(checks)
    assert not set(OF_DATABASE) & set(OF_DEPLOYMENT)


@pytest.mark.parametrize(
    ("check", "given"),
    [
        ("mail server", {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@creneau.fr"}),
        ("sender of mail", {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "a@example.org"}),
        (
            "issuer of identities",
            {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "c", "oidc_client_secret": "s"},
        ),
        ("issuer of tokens", {"jwt_issuer": "http://127.0.0.1:9", "jwt_audience": "creneau"}),
        (
            "keys of tokens",
            {"jwt_issuer": "http://127.0.0.1:9/a", "jwt_audience": "c", "jwt_jwks_url": "http://127.0.0.1:9"},
        ),
    ],
)
async def test_the_ways_in_are_looked_at_where_there_are_any(check: str, given: dict[str, Any], tmp_path: Path) -> None:
    async def found(**told: Any) -> list[Finding]:
        deployment = Deployment(Settings(**told), tmp_path)
        return [one.finding for one in await examine(deployment, {}, WHERE_SET) if one.check == check]

    assert await found() == []
    the(Level.FAULT, await found(public_url="http://localhost", **given))
