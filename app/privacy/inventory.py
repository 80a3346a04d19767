"""Which columns hold personal data, for what, on which ground, and how long; and which texts hold none.

A test walks all tables: a text that stands in no list here fails it, and so does a column that looks personal.

Source: Regulation (EU) 2016/679, articles 5, 6, 17 and 30.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CONTRACT = "article 6(1)(b) and (f): an organisation lets its people act for it here"
DUTY = "article 6(1)(c): records that show who decided (EU GMP Annex 11 and Part I 4.11; acts of the State)"
SECURITY = "article 6(1)(f): that nobody acts in another's name"


@dataclass(frozen=True, slots=True)
class Use:
    """Why a column is there.

    Attributes
    ----------
    kept
        Until when, and what then becomes of it.
    """

    purpose: str
    basis: str
    kept: str


_ACCOUNT = "until the person is erased: when asked, or PERSON_RETENTION_DAYS after they were deactivated"
_TRAIL = "as long as the trail; who it was is told by `people`, which is erased"

PERSONAL: Mapping[str, Use] = {
    "people.name": Use("shows colleagues and auditors who acted", CONTRACT, _ACCOUNT),
    "people.email": Use("tells one person from another, and reaches them", CONTRACT, _ACCOUNT),
    "people.language": Use("writes to them in their language", CONTRACT, _ACCOUNT),
    "letters.person_id": Use(
        "shows who was told by mail, and when",
        DUTY,
        f"{_TRAIL}; of offers and approvals the row goes after JOB_RETENTION_DAYS, and its record stays in the trail",
    ),
    "api_keys.name": Use("tells the holder's keys apart", CONTRACT, "until the person is erased"),
    "api_keys.person_id": Use("says in whose hands a key is, for signatures", SECURITY, _TRAIL),
    "audit_records.person_id": Use("says who wrote", DUTY, _TRAIL),
    "audit_personal_values.value": Use("shows what a record was written with", DUTY, "until the person is erased"),
    "audit_personal_values.subject_id": Use("finds what is to be erased", DUTY, _TRAIL),
    "crises.declared_by_id": Use("says who declared a crisis", DUTY, _TRAIL),
    "crisis_signatures.person_id": Use("shows that two people signed", DUTY, _TRAIL),
    "crisis_powers.signatory": Use("names who signed an act of the State, as published", DUTY, "as long as the crisis"),
    "runs.requested_by_id": Use("says who asked for a run", DUTY, _TRAIL),
    "idempotency_keys.holder_id": Use("gives a repeated request its answer", CONTRACT, "24 hours; then removed"),
    "idempotency_keys.body": Use("is that answer, which may name people", CONTRACT, "24 hours; then removed"),
    "erasures.person_id": Use("shows that an erasure was done", DUTY, _TRAIL),
    "person_identities.subject": Use("recognises a person at their issuer", SECURITY, "until the person is erased"),
    "person_identities.person_id": Use("says whose identity it is", SECURITY, "until the person is erased"),
    "invitations.name": Use("greets who is invited", CONTRACT, "INVITATION_RETENTION_DAYS after it ended"),
    "invitations.email": Use("reaches who is invited", CONTRACT, "INVITATION_RETENTION_DAYS after it ended"),
    "invitations.invited_by_id": Use("says who invited", SECURITY, _TRAIL),
    "invitations.person_id": Use("says who came", SECURITY, _TRAIL),
    "sign_in_links.email": Use("reaches who signs in", SECURITY, "until it is used or has expired; then removed"),
    "sessions.person_id": Use("says who is signed in", SECURITY, "until some days after its end; then removed"),
    "sessions.device": Use("lets a person recognise a session", SECURITY, "as the session"),
}

FREE_TEXT = frozenset(
    {
        "organisations.note",
        "organisations.source",
        "organisation_labels.evidence",
        "sites.note",
        "sites.source",
        "production_lines.capacity_note",
        "production_lines.source",
        "production_lines.not_bookable_reason",
        "requests.priority_grounds",
        "feasibilities.disclosed_summary",
        "feasibilities.condition",
        "feasibilities.nda_reference",
        "commitments.note",
        "slips.reason_text",
        "audit_records.reason_text",
        "audit_records.before",
        "audit_records.after",
    }
)
"""Texts that people write, which are for no personal data and could be given some; their authors are told so."""

_OTHER = """
agreements            funder
alerts                filters
api_keys              prefix scopes secret_sha256 previous_sha256
audit_personal_values commitment object_type column_name salt
audit_records         job action object_type reason_code request_id
audit_seals           record_ids record_digests digest
audit_checkpoints     digest
bookings              terms ended_reason_code move
charges               detail
crises                title scenario scope countermeasure targets rules ended_reason_code
crisis_closings       statement
crisis_notices        reason_code facts
crisis_orders         counter_reason_code withdrawal_reason_code
crisis_plans          plan_hash body labels grounds
crisis_powers         act_reference scope
crisis_signatures     role plan_hash
displacements         replacement
drill_scores          figures
erasures              rows
freed_periods         reason_code
idempotency_keys      key request_sha256 headers
indicator_editions    figures
job_attempts          kind worker error
line_modalities       yield_unit modality
modalities            code name_en name_fr
organisation_labels   name issuer
organisations         name city region country
person_identities     issuer
production_lines      name modalities platforms gmp_phases phases_basis containment sourced_fields declared_fields
products              code_name platform containment modality
requests              quantity_unit
restorations          reason_code
round_requests        derivation
rounds                name reserves modalities regions policy policy_version
run_certificates      plan_sha256 document error
run_explanations      plan_sha256 document
runs                  problem references calendar_versions parameters progress solution baselines error replay
sessions              secret_sha256
sign_in_attempts      secret_sha256
sign_in_links         secret_sha256
sites                 name city department_code region country clusters modalities platforms gmp_phases containment
slip_moves            unplaced_code
slips                 reason_code
sweep_turns           name
token_clients         name issuer client_id subject scopes
units                 name
waiting_decisions     policy reason_code
waiting_lines         reason_code facts
worker_heartbeats     host
"""

NOT_PERSONAL = frozenset(
    f"{table}.{name}" for table, *names in map(str.split, _OTHER.strip().splitlines()) for name in names
)
"""Texts about organisations, products, machines and the service itself."""
