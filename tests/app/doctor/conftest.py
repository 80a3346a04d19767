"""A database of a test's own, to be put into a good or a bad state by real SQL."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.core.settings import APPLICATION_ROLE, Settings
from app.doctor.deployment import Deployment
from app.doctor.examination import OF_DATABASE, OF_DEPLOYMENT, examine
from app.doctor.findings import Finding, Level
from tests.support import server

A_WORKER = """
INSERT INTO worker_heartbeats (worker_id, host, pid, started_at, seen_at)
VALUES (gen_random_uuid(), 'h', 1, now(), now())
"""


class Patient:
    """A database, and what a deployment on it is told."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.roles: list[str] = []

    def sql(self, *statements: str) -> None:
        """Do something to it as the superuser."""
        asyncio.run(server.run(server.address(self.name), *statements))

    def role(self, *powers: str) -> str:
        """Make a role that is gone after the test."""
        name = f"doctor_{uuid4().hex}"
        self.sql(f"CREATE ROLE {name} LOGIN {' '.join(powers)}")
        self.roles.append(name)
        return name

    def settings(self, role: str | None = APPLICATION_ROLE, **given: Any) -> Settings:
        """Return settings that name it under a role; None means the superuser's."""
        return Settings(**{"database_url": server.secret(server.address(self.name, role)), **given})

    def deployment(self, role: str | None = APPLICATION_ROLE, *, local: bool = False, **given: Any) -> Deployment:
        return Deployment(self.settings(role, **given), self.folder, is_local=local)

    def found(
        self, check: str, role: str | None = APPLICATION_ROLE, *, local: bool = False, **given: Any
    ) -> list[Finding]:
        """Return what one check of the registry says of it."""
        of_database = {check: OF_DATABASE[check]} if check in OF_DATABASE else {}
        of_deployment = {check: OF_DEPLOYMENT[check]} if check in OF_DEPLOYMENT else {}
        assert of_database or of_deployment
        results = asyncio.run(examine(self.deployment(role, local=local, **given), of_database, of_deployment))
        assert {one.check for one in results} <= {check}, results
        return [one.finding for one in results]

    def is_well(self, check: str, role: str | None = APPLICATION_ROLE, *, local: bool = False, **given: Any) -> bool:
        findings = self.found(check, role, local=local, **given)
        return all(one.level is Level.OK and not one.advice for one in findings)


def the(level: Level, findings: list[Finding]) -> Finding:
    """Return the one finding that is not well, after a look at its level and at what it advises."""
    (finding,) = [one for one in findings if one.level is not Level.OK]
    assert finding.level is level, finding
    assert finding.fact.endswith("."), finding
    assert finding.advice, finding
    return finding


@pytest.fixture
def patient(database: str, tmp_path: Path) -> Iterator[Patient]:
    """A copy of the migrated database, and roles that a test makes."""
    made = Patient(f"creneau_doctor_{os.getpid()}", tmp_path)
    server.copy_template(made.name)
    yield made
    server.drop(made.name)
    for role in made.roles:
        asyncio.run(server.run(server.address("postgres"), f"DROP ROLE {role}"))
