"""Readiness fees: who owes them, and each quarter of an agreement charged once.

The funder of an agreement with a fee becomes an organisation: the one of its name, else the one that wrote it down,
else the coordinator; never a maker or a start-up. Without the columns, a charge keeps in its `detail` what it is for,
but who was named as the funder of an agreement is lost: an upgrade after that guesses again.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

NO_FUNDERS = "('cdmo', 'integrator', 'startup')"
FUNDER = """
UPDATE agreements a SET funder_id = coalesce(
    (SELECT o.id FROM organisations o WHERE o.name = a.funder AND o.kind NOT IN {kinds}),
    (SELECT o.id FROM audit_records r JOIN organisations o ON o.id = r.organisation_id
        WHERE r.object_type = 'agreements' AND r.object_id = a.id AND r.action = 'agreement.created'
        AND o.kind NOT IN {kinds} LIMIT 1),
    (SELECT o.id FROM organisations o WHERE o.kind = 'coordinator' ORDER BY o.id LIMIT 1)
) WHERE a.readiness_fee_cents > 0
"""
KEEP_IN_DETAIL = """
UPDATE charges SET detail = detail || jsonb_build_object('agreement_id', agreement_id, 'quarter_on', quarter_on)
    WHERE agreement_id IS NOT NULL
"""
TAKE_FROM_DETAIL = """
UPDATE charges SET agreement_id = CAST(detail ->> 'agreement_id' AS uuid),
    quarter_on = CAST(detail ->> 'quarter_on' AS date), detail = detail - 'agreement_id' - 'quarter_on'
    WHERE kind = 'readiness_fee' AND detail ->> 'agreement_id' IS NOT NULL
"""
CHECKS = {
    "amount_cents": "CASE kind WHEN 'readiness_fee' THEN amount_cents >= 0 ELSE amount_cents <> 0 END",
    "readiness": "(kind = 'readiness_fee') = (agreement_id IS NOT NULL)"
    " AND (agreement_id IS NULL) = (quarter_on IS NULL)",
    "quarter_on": "extract(day FROM quarter_on) = 1 AND extract(month FROM quarter_on) IN (1, 4, 7, 10)",
}


def upgrade() -> None:
    op.add_column("agreements", sa.Column("funder_id", sa.Uuid(), nullable=True))
    op.execute(FUNDER.format(kinds=NO_FUNDERS))
    op.create_foreign_key(op.f("fk_agreements_funder_id"), "agreements", "organisations", ["funder_id"], ["id"])
    op.create_check_constraint(
        op.f("ck_agreements_funder"),
        "agreements",
        "(readiness_fee_cents <= 0 OR funder_id IS NOT NULL) AND funder_id IS DISTINCT FROM organisation_id",
    )
    op.add_column("charges", sa.Column("agreement_id", sa.Uuid(), nullable=True))
    op.add_column("charges", sa.Column("quarter_on", sa.Date(), nullable=True))
    op.drop_constraint(op.f("ck_charges_amount_cents"), "charges")
    _change_charges(TAKE_FROM_DETAIL)
    op.create_foreign_key(op.f("fk_charges_agreement_id"), "charges", "agreements", ["agreement_id"], ["id"])
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_charges_{name}"), "charges", condition)
    op.create_index(
        "ix_charges_agreement_quarter",
        "charges",
        ["agreement_id", "quarter_on"],
        unique=True,
        postgresql_where=sa.text("agreement_id IS NOT NULL"),
    )


def _change_charges(statement: str) -> None:
    """Change charges, which otherwise nobody does: only where what they are for is written changes."""
    op.execute("ALTER TABLE charges DISABLE TRIGGER tr_charges_append_only")
    op.execute(statement)
    op.execute("ALTER TABLE charges ENABLE TRIGGER tr_charges_append_only")


def downgrade() -> None:
    op.drop_index("ix_charges_agreement_quarter", table_name="charges")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_charges_{name}"), "charges")
    _change_charges(KEEP_IN_DETAIL)
    # A quarter of which nothing was earned stays: only new charges must be of something.
    op.create_check_constraint(
        op.f("ck_charges_amount_cents"), "charges", "amount_cents <> 0", postgresql_not_valid=True
    )
    op.drop_column("charges", "quarter_on")
    op.drop_column("charges", "agreement_id")
    op.drop_constraint(op.f("ck_agreements_funder"), "agreements")
    op.drop_column("agreements", "funder_id")
