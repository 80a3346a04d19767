"""What the doctor says of the role that serves, in good states and in bad ones."""

import pytest

from app.core.settings import APPLICATION_ROLE, OWNER_ROLE
from app.core.tenancy import SERVICE_ROLE
from app.doctor.findings import Level
from tests.app.doctor.conftest import Patient, the
from tests.support import server

pytestmark = pytest.mark.database

NO_POLICY = """
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT policyname FROM pg_policies WHERE tablename = 'slots' LOOP
        EXECUTE format('DROP POLICY %I ON slots', one.policyname);
    END LOOP;
END $$
"""


@pytest.mark.parametrize("check", ["role", "ownership", "append-only", "two roles"])
def test_the_role_that_the_migrations_make_is_well(patient: Patient, check: str) -> None:
    assert patient.is_well(check)


def test_a_superuser_is_a_fault(patient: Patient) -> None:
    assert "is a superuser" in the(Level.FAULT, patient.found("role", None)).fact
    assert "DATABASE_OWNER_URL" in the(Level.FAULT, patient.found("ownership", None)).advice


@pytest.mark.parametrize("power", ["BYPASSRLS", "CREATEDB", "CREATEROLE"])
def test_a_role_with_a_power_is_a_fault(patient: Patient, power: str) -> None:
    assert power in the(Level.FAULT, patient.found("role", patient.role(power))).fact


@pytest.mark.parametrize("powers", ["OWNER", "BYPASSRLS", "SUPERUSER"])
def test_a_role_that_may_become_a_stronger_one_is_a_fault(patient: Patient, powers: str) -> None:
    stronger = OWNER_ROLE if powers == "OWNER" else patient.role(powers)
    role = patient.role("NOINHERIT")
    patient.sql(f"GRANT {stronger} TO {role}")
    assert f"a member of {stronger}" in the(Level.FAULT, patient.found("role", role)).fact


def test_the_owner_is_a_fault_that_says_what_it_owns_and_how_to_go_on(patient: Patient) -> None:
    owns, makes = patient.found("ownership", OWNER_ROLE)
    assert (owns.level, makes.level) == (Level.FAULT, Level.FAULT)
    assert f"owns the database {patient.name}, " in owns.fact
    assert "With one role for both, the service works" in owns.advice


def test_one_table_is_enough_to_own(patient: Patient) -> None:
    role = patient.role()
    patient.sql(f"GRANT CREATE ON SCHEMA public TO {role}", f"ALTER TABLE slots OWNER TO {role}")
    patient.sql(f"REVOKE CREATE ON SCHEMA public FROM {role}")
    try:
        assert f"{role} owns slots" in the(Level.FAULT, patient.found("ownership", role)).fact
    finally:
        patient.sql(f"REASSIGN OWNED BY {role} TO {OWNER_ROLE}")


@pytest.mark.parametrize(
    ("grant", "place"),
    [
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "the schema public"),
        ("GRANT CREATE ON SCHEMA jobs TO {role}", "the schema jobs"),
        ("GRANT CREATE ON DATABASE {name} TO PUBLIC", "the database"),
    ],
)
def test_a_place_to_make_things_in_is_a_fault(patient: Patient, grant: str, place: str) -> None:
    patient.sql(grant.format(role=APPLICATION_ROLE, name=patient.name))
    assert place in the(Level.FAULT, patient.found("ownership")).fact


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT UPDATE ON audit_records TO {}",
        "GRANT DELETE ON charges TO PUBLIC",
        "GRANT TRUNCATE ON audit_seals TO {}",
        "GRANT UPDATE (reason_text) ON audit_records TO {}",
    ],
)
def test_a_right_to_change_what_only_grows_is_a_fault(patient: Patient, grant: str) -> None:
    patient.sql(grant.format(APPLICATION_ROLE))
    table = grant.partition(" ON ")[2].split()[0]
    assert f"rows of {table}." in the(Level.FAULT, patient.found("append-only")).fact


def test_a_trigger_that_is_off_or_gone_is_a_fault(patient: Patient) -> None:
    patient.sql("ALTER TABLE charges DISABLE TRIGGER tr_charges_append_only")
    found = the(Level.FAULT, patient.found("append-only"))
    assert "changes of charges is switched off" in found.fact
    patient.sql("DROP TRIGGER tr_charges_append_only ON charges")
    assert "Nothing refuses changes of charges" in the(Level.FAULT, patient.found("append-only")).fact


def test_every_table_under_a_forced_policy_is_well(patient: Patient) -> None:
    assert patient.is_well("row-level security")


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ("ALTER TABLE slots NO FORCE ROW LEVEL SECURITY", "do not force it on their owner: slots"),
        ("ALTER TABLE slots DISABLE ROW LEVEL SECURITY", "have row-level security switched off: slots"),
        (NO_POLICY, "have no policy: slots"),
        ("CREATE TABLE public.added (id int)", "have no policy: added"),
    ],
)
def test_a_table_whose_rows_are_open_is_a_fault(patient: Patient, change: str, fact: str) -> None:
    patient.sql(change)
    findings = patient.found("row-level security")
    assert {one.level for one in findings} == {Level.FAULT}
    assert fact in findings[0].fact


@pytest.mark.parametrize(
    ("is_member", "fact"),
    [(False, "may not take creneau_service"), (True, "has the rights of creneau_service without taking it")],
)
def test_the_services_role_is_there_to_be_taken_and_not_inherited(patient: Patient, is_member: bool, fact: str) -> None:
    role = patient.role()
    if is_member:
        patient.sql(f"GRANT {SERVICE_ROLE} TO {role}")
    assert fact in the(Level.FAULT, patient.found("row-level security", role)).fact


def test_one_role_for_both_addresses_is_a_fault_and_the_owners_address_beside_it_a_warning(patient: Patient) -> None:
    address = server.secret(server.address(patient.name, APPLICATION_ROLE))
    assert "the same role" in the(Level.FAULT, patient.found("two roles", database_owner_url=address)).fact
    owner = server.secret(server.address(patient.name, OWNER_ROLE))
    assert "the owner's rights" in the(Level.WARNING, patient.found("two roles", database_owner_url=owner)).fact
    assert patient.is_well("two roles", local=True, database_owner_url=owner)
