"""`creneau doctor`: its exit code, its JSON, its table; and never a secret."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli import main
from app.core.settings import APPLICATION_ROLE
from app.doctor.examination import OF_DATABASE, OF_DEPLOYMENT
from tests.app.doctor.conftest import A_WORKER, Patient
from tests.support import server
from tests.support.ports import free_port

pytestmark = pytest.mark.database

Doctor = Callable[..., tuple[int, str, str]]
SECRET = "open-sesame-please-1"


@pytest.fixture
def well(database: str, tmp_path: Path) -> Iterator[Patient]:
    """A database with nothing to be said against."""
    made = Patient(f"creneau_doctor_command_{os.getpid()}", tmp_path)
    server.copy_template(made.name)
    made.sql(A_WORKER)
    yield made
    server.drop(made.name)


@pytest.fixture
def doctor(well: Patient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    address = server.secret(server.address(well.name, APPLICATION_ROLE).set(password=SECRET)).get_secret_value()
    monkeypatch.setenv("DATABASE_URL", address)
    monkeypatch.setenv("PUBLIC_URL", "https://creneau.example.org")
    monkeypatch.setenv("METRICS_TOKEN", f"{SECRET}-too")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("DATA", str(well.folder))
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["creneau", "doctor", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "sesame" not in said.out + said.err
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_deployment_that_is_well_ends_with_0_and_every_check_has_said_something(doctor: Doctor) -> None:
    code, output, errors = doctor("--json")
    results = json.loads(output)
    assert (code, errors) == (0, "")
    assert {one["check"] for one in results} == {*OF_DATABASE, *OF_DEPLOYMENT}
    assert {one["level"] for one in results} <= {"ok", "warning"}
    assert set(results[0]) == {"check", "level", "fact", "advice"}
    assert all(bool(one["advice"]) == (one["level"] != "ok") for one in results)


def test_a_fault_ends_with_1_and_is_a_line_that_says_what_to_do(doctor: Doctor, well: Patient) -> None:
    assert doctor()[0] == 0
    well.sql("GRANT DELETE ON audit_records TO PUBLIC")
    code, output, errors = doctor()
    (line,) = [line for line in output.splitlines() if line.startswith("fault\t")]
    assert (code, errors) == (1, "")
    assert line.startswith("fault\tappend-only\tThe role has a right to change or remove rows of audit_records.")
    assert "REVOKE" in line
    assert output.splitlines()[-1].startswith("Faults: 1, warnings: ")


def test_on_a_terminal_it_is_a_table(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, output, _ = doctor()
    assert code == 0
    assert "what was found, and what to do next" in output
    assert "\x1b[32mok" in output


def test_a_database_that_is_away_is_a_fault_and_the_rest_is_looked_at(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://creneau_app:{SECRET}@127.0.0.1:{free_port()}/creneau")
    code, output, errors = doctor("--json")
    faults = [one["check"] for one in json.loads(output) if one["level"] == "fault"]
    assert (code, faults, errors) == (1, ["database"], "")


def test_it_explains_itself_with_an_example(doctor: Doctor) -> None:
    code, output, _ = doctor("--help")
    assert code == 0
    assert "Example: creneau doctor --json" in output
