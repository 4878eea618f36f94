"""Weekly reviews, what was agreed in them, what the gate said, and verdicts put before people."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_EVENTS = "seamwatch_incident_events"
_GATE, _REVIEWS, _DIGESTS = "seamwatch_gate_answers", "seamwatch_weekly_reviews", "seamwatch_weekly_digests"
_AGREED, _AGREED_EVENTS = "seamwatch_agreed_actions", "seamwatch_agreed_action_events"
_SAMPLES = "seamwatch_verdict_samples"


def upgrade() -> None:
    """Create the tables, and a column for whose an incident was said to be."""
    with op.batch_alter_table(_EVENTS) as batch:
        batch.add_column(sa.Column("verdict", sa.JSON(), nullable=True))
    op.create_index("ix_seamwatch_incident_events_at", _EVENTS, ["at"])
    op.create_table(
        _GATE,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("pipeline", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("is_allowed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=True),
    )
    op.create_index("ix_seamwatch_gate_answers_place", _GATE, ["pipeline", "at"])
    op.create_table(
        _REVIEWS,
        sa.Column("week", sa.String(8), primary_key=True),
        sa.Column("closed_at", sa.DateTime(), nullable=False),
        sa.Column("review", sa.JSON(), nullable=False),
    )
    op.create_table(
        _DIGESTS,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("week", sa.String(8), nullable=False),
        sa.Column("channel", sa.String(200), nullable=False),
        sa.Column("connection", sa.String(200), nullable=False),
        sa.Column("pipelines", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False, index=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(), nullable=False),
        sa.Column("lease_owner", sa.String(64), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("token", sa.String(64), nullable=True),
        sa.Column("post_began_at", sa.DateTime(), nullable=True),
        sa.Column("message_id", sa.String(200), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("recheck_at", sa.DateTime(), nullable=True),
        sa.UniqueConstraint("week", "channel", "connection", name="uq_seamwatch_weekly_digests_place"),
    )
    op.create_table(
        _AGREED,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("pipeline", sa.String(200), nullable=True, index=True),
        sa.Column("incident_id", sa.String(300), nullable=True),
        sa.Column("state", sa.String(20), nullable=False, index=True),
        sa.Column("agreed_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("action", sa.JSON(), nullable=False),
    )
    op.create_table(
        _AGREED_EVENTS,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("action_id", sa.String(64), sa.ForeignKey(f"{_AGREED}.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("door", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("action", sa.JSON(), nullable=False),
    )
    op.create_table(
        _SAMPLES,
        sa.Column("week", sa.String(8), primary_key=True),
        sa.Column("incident_id", sa.String(300), primary_key=True),
        sa.Column("pipeline", sa.String(200), nullable=False, index=True),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in (_SAMPLES, _AGREED_EVENTS, _AGREED, _DIGESTS, _REVIEWS, _GATE):
        op.drop_table(table)
    op.drop_index("ix_seamwatch_incident_events_at", _EVENTS)
    with op.batch_alter_table(_EVENTS) as batch:
        batch.drop_column("verdict")
