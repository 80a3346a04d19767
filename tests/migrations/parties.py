"""Valid rows of who there is, and of what is recorded of what they do: a part of the specimens."""

from hashlib import sha256

from sqlmodel import SQLModel

from app.audit.models import ActorKind, AuditRecord
from app.audit.personal_models import AuditPersonalValue
from app.audit.seal_models import AuditCheckpoint, AuditSeal
from app.core.idempotency import IdempotencyKey
from app.core.model import new_id
from app.identity.models import ApiKey, ApiKeyUse, Organisation, OrganisationKind, OrganisationLabel, Person, Role
from app.identity.token_client_models import TokenClient
from app.indicators.models import IndicatorEdition
from app.jobs.models import JobAttempt, Outcome
from app.letters.models import Letter, LetterKind
from app.privacy.models import Erasure, ErasureReason
from tests.migrations.ways_in import INSTANT, ways_in
from tests.support.world import day

OTHER_PERSON = new_id()
"""Somebody who has not been erased, for a copy of the erasure that there is."""


def parties() -> list[SQLModel]:
    """Return a row of each table of organisations and their people, of the trail, and of what the service keeps."""
    organisation = Organisation(kind=OrganisationKind.CDMO, name="Maker")
    person = Person(organisation_id=organisation.id, name="P", email="p@example.org", role=Role.COORDINATOR)
    key = ApiKey(
        organisation_id=organisation.id,
        person_id=person.id,
        role=Role.COORDINATOR,
        name="k",
        prefix="crn_",
        secret_sha256=b"1" * 32,
        previous_sha256=b"2" * 32,
        previous_ends_at=INSTANT,
    )
    use = ApiKeyUse(api_key_id=key.id, last_used_at=INSTANT)
    client = TokenClient(
        organisation_id=organisation.id,
        issuer="https://issuer.example.org",
        client_id="erp",
        subject="erp",
        name="ERP",
        role=Role.CDMO_PLANNER,
        scopes=["read"],
    )
    label = OrganisationLabel(organisation_id=organisation.id, name="MEARY", issuer="State")
    trail = AuditRecord(actor=ActorKind.JOB, action="row.made", object_type="rows", object_id=new_id())
    seal = AuditSeal(
        sequence=1,
        first_record_id=1,
        last_record_id=2,
        record_ids=[1, 2],
        record_digests=b"1" * 64,
        total_records=2,
        first_at=INSTANT,
        last_at=INSTANT,
        sealed_at=INSTANT,
        digest=b"1" * 32,
    )
    checkpoint = AuditCheckpoint(sequence=1, digest=seal.digest, total_records=2, made_at=INSTANT)
    answered = IdempotencyKey(holder_id=key.id, key="k", request_sha256=b"1" * 32, status=201, body=b"{}")
    attempt = JobAttempt(
        job_id=1,
        attempt=1,
        kind="solve",
        subject_id=new_id(),
        worker="host:1",
        started_at=INSTANT,
        finished_at=INSTANT,
        outcome=Outcome.DONE,
    )
    value = AuditPersonalValue(
        commitment=sha256(b"3" * 32 + b"people.name=P").digest(),
        subject_id=person.id,
        object_type="people",
        column_name="name",
        salt=b"3" * 32,
        value="P",
    )
    other = Person(
        id=OTHER_PERSON, organisation_id=organisation.id, name="Q", email="q@example.org", role=Role.COORDINATOR
    )
    erased = Erasure(person_id=person.id, organisation_id=organisation.id, reason_code=ErasureReason.RETENTION)
    letter = Letter(kind=LetterKind.NOTICE, subject_id=new_id(), person_id=person.id, sent_at=INSTANT)
    edition = IndicatorEdition(quarter_on=day(0), made_at=INSTANT)
    beside = [other, value, erased, letter, edition]
    ways = ways_in(person)
    return [organisation, person, key, use, client, *ways, label, trail, seal, checkpoint, answered, attempt, *beside]
