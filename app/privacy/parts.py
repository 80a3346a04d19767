"""What each table holds of a person: which rows, what of them is given out, and what erasure does to them.

A table that is added with personal data gets an entry here, and its columns one in `inventory`.
"""

from dataclasses import dataclass

ERASED_NAME = "Erased person"


def erased_email(person_id: object) -> str:
    """Return the address that stands for an erased person: unique, and nobody's (RFC 2606)."""
    return f"erased-{person_id}@erased.invalid"


@dataclass(frozen=True, slots=True)
class Part:
    """One table's part of a person.

    Attributes
    ----------
    whose
        The condition on its rows; `:person` is the person.
    columns
        What of them is given out: no secrets, and nothing that is another's.
    erase
        What erasure does to these rows, as SQL; None: they stay, for they say nothing but that identifier.
    """

    table: str
    whose: str
    columns: tuple[str, ...]
    erase: str | None = None


_KEYS = "(SELECT id FROM api_keys WHERE person_id = :person)"
_ADDRESS = "(SELECT lower(email) FROM people WHERE id = :person)"
_INVITED = f"(person_id = :person OR email = {_ADDRESS})"

PARTS: tuple[Part, ...] = (
    Part("api_key_uses", f"api_key_id IN {_KEYS}", ("api_key_id", "last_used_at"), "DELETE FROM api_key_uses"),
    Part(
        "api_keys",
        "person_id = :person",
        ("id", "name", "prefix", "role", "scopes", "created_at", "expires_at", "revoked_at"),
        "UPDATE api_keys SET name = 'Erased', revoked_at = coalesce(revoked_at, now())",
    ),
    Part(
        "idempotency_keys",
        f"(holder_id = :person OR holder_id IN {_KEYS})",
        ("key", "status", "created_at"),
        "DELETE FROM idempotency_keys",
    ),
    Part("sessions", "person_id = :person", ("device", "created_at", "last_seen_at"), "DELETE FROM sessions"),
    Part("person_identities", "person_id = :person", ("issuer", "subject"), "DELETE FROM person_identities"),
    Part("sign_in_links", f"email = {_ADDRESS}", ("email", "created_at", "used_at"), "DELETE FROM sign_in_links"),
    Part(
        "invitations",
        _INVITED,
        ("name", "email", "created_at", "accepted_at"),
        f"UPDATE invitations SET name = '{ERASED_NAME}', email = 'erased-' || id || '@erased.invalid',"  # noqa: S608
        " withdrawn_at = CASE WHEN accepted_at IS NULL THEN coalesce(withdrawn_at, now()) ELSE withdrawn_at END",
    ),
    Part("letters", "person_id = :person", ("kind", "subject_id", "created_at", "sent_at", "dropped_as")),
    Part("crisis_signatures", "person_id = :person", ("plan_id", "role", "created_at")),
    Part("crises", "declared_by_id = :person", ("id", "title", "created_at")),
    Part("runs", "requested_by_id = :person", ("id", "kind", "created_at")),
    Part(
        "audit_records",
        "organisation_id = (SELECT organisation_id FROM people WHERE id = :person) AND person_id = :person",
        ("id", "at", "action", "object_type", "object_id", "reason_code", "reason_text"),
    ),
    Part(
        "audit_personal_values",
        "subject_id = :person",
        ("object_type", "column_name", "value", "erased_at"),
    ),
    Part("erasures", "person_id = :person", ("created_at", "reason_code")),
    Part(
        "people",
        "id = :person",
        ("name", "email", "role", "language", "organisation_id", "created_at", "deactivated_at"),
    ),
)
"""In the order in which erasure goes through them; the person and the values of the trail it does by itself, last."""

INVITED_SUBJECTS = f"SELECT id FROM invitations WHERE {_INVITED}"  # noqa: S608
"""Whose values of the trail are the person's too."""
