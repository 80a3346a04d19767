"""What the doctor says of policies that somebody has made beside those of the migrations, or widened."""

import pytest

from app.core.settings import APPLICATION_ROLE
from app.doctor.findings import Level
from tests.app.doctor.conftest import Patient, the

pytestmark = pytest.mark.database


def test_the_policies_of_the_migrations_are_well(patient: Patient) -> None:
    assert patient.is_well("policies")


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ("CREATE POLICY oops ON requests USING (true)", "than those of the migrations: oops on requests"),
        ("CREATE POLICY oops ON requests TO creneau_app USING (1 = 1)", "oops on requests"),
        ("CREATE POLICY oops ON sites FOR UPDATE USING (true)", "oops on sites"),
        ("ALTER POLICY seen ON requests USING (true)", "seen on requests"),
        ("ALTER POLICY added ON sites WITH CHECK (true)", "added on sites"),
        ("ALTER POLICY trusted ON bookings TO creneau_service, creneau_app", "trusted on bookings"),
    ],
)
def test_a_policy_that_opens_more_is_a_fault(patient: Patient, change: str, fact: str) -> None:
    patient.sql(change)
    assert fact in the(Level.FAULT, patient.found("policies")).fact


def test_policies_of_the_roles_that_the_service_takes_and_such_as_narrow_are_well(patient: Patient) -> None:
    drill = "creneau_drill"
    made = f"DO $$ BEGIN CREATE ROLE {drill}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    patient.sql(
        made,
        f"CREATE POLICY drills_read ON requests FOR SELECT TO {drill} USING (true)",
        f"CREATE POLICY drills_write ON runs TO {drill} USING (kind = 'crisis') WITH CHECK (kind = 'crisis')",
        f"CREATE POLICY queue ON jobs.pgqueuer TO {APPLICATION_ROLE} USING (true) WITH CHECK (true)",
        "CREATE POLICY narrower ON slots AS RESTRICTIVE USING (status <> 'draft')",
    )
    assert patient.is_well("policies")
