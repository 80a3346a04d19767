"""An invitation is open only while whoever sent it is active, also where both are said at the same moment.

The maker of a key that is in nobody's hands stands in the audit trail alone: of those the service sees to it.

Revision ID: 0042
Revises: 0041
"""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

LEFT_OPEN = """
UPDATE invitations SET withdrawn_at = now()
 WHERE accepted_at IS NULL AND withdrawn_at IS NULL
   AND invited_by_id IN (SELECT id FROM people WHERE deactivated_at IS NOT NULL)
"""

ACTIVE = """
CREATE FUNCTION require_active_inviter() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    left_at timestamptz;
BEGIN
    SELECT deactivated_at INTO left_at FROM people WHERE id = NEW.invited_by_id FOR SHARE;
    IF left_at IS NOT NULL THEN
        RAISE EXCEPTION 'the inviter is deactivated' USING ERRCODE = '23514',
            CONSTRAINT = 'ck_invitations_inviter_active', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$
"""

# Not where one is accepted: whoever puts its sender out has locked them, and waits for the invitation.
TRIGGER = (
    "CREATE TRIGGER tr_invitations_inviter_active BEFORE INSERT OR UPDATE OF invited_by_id, accepted_at, withdrawn_at"
    " ON invitations FOR EACH ROW WHEN (NEW.accepted_at IS NULL AND NEW.withdrawn_at IS NULL)"
    " EXECUTE FUNCTION require_active_inviter()"
)


def upgrade() -> None:
    op.execute(LEFT_OPEN)
    op.execute(ACTIVE)
    op.execute("REVOKE EXECUTE ON FUNCTION require_active_inviter() FROM PUBLIC")
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER tr_invitations_inviter_active ON invitations")
    op.execute("DROP FUNCTION require_active_inviter()")
