"""Windows, verdicts, replays, budgets, incidents and deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "seamwatch_baselines",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("accuracy", sa.Float(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("measured_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline"),
    )
    op.create_table(
        "seamwatch_budgets",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("n_calls", sa.Integer(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "scope"),
    )
    op.create_table(
        "seamwatch_causes",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("responsibility", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=200), nullable=True),
        sa.Column("n_records", sa.Integer(), nullable=False),
        sa.Column("is_change", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "window", "number"),
    )
    op.create_table(
        "seamwatch_discrepancies",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("field", sa.String(length=500), nullable=False),
        sa.Column("recorded", sa.Text(), nullable=True),
        sa.Column("expected", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_seamwatch_discrepancies_place", "seamwatch_discrepancies", ["pipeline", "window", "stage"], unique=False
    )
    op.create_table(
        "seamwatch_incidents",
        sa.Column("id", sa.String(length=300), nullable=False),
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("incident", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("pipeline", "fingerprint", name="uq_seamwatch_incidents_cause"),
    )
    op.create_index(op.f("ix_seamwatch_incidents_opened_at"), "seamwatch_incidents", ["opened_at"], unique=False)
    op.create_index(op.f("ix_seamwatch_incidents_state"), "seamwatch_incidents", ["state"], unique=False)
    op.create_table(
        "seamwatch_replays",
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "request_hash", "attempt"),
    )
    op.create_table(
        "seamwatch_reservations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("run", sa.String(length=200), nullable=False),
        sa.Column("day", sa.String(length=20), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "seamwatch_stage_results",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=200), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "window", "stage"),
    )
    op.create_table(
        "seamwatch_verdicts",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("responsibility", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=200), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "window", "number"),
    )
    op.create_index(op.f("ix_seamwatch_verdicts_key"), "seamwatch_verdicts", ["key"], unique=False)
    op.create_table(
        "seamwatch_windows",
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=False),
        sa.Column("start_at", sa.DateTime(), nullable=False),
        sa.Column("end_at", sa.DateTime(), nullable=False),
        sa.Column("begun_at", sa.DateTime(), nullable=False),
        sa.Column("n_judged", sa.Integer(), nullable=True),
        sa.Column("n_failing", sa.Integer(), nullable=True),
        sa.Column("n_pending", sa.Integer(), nullable=True),
        sa.Column("attributed_at", sa.DateTime(), nullable=True),
        sa.Column("attribution", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("pipeline", "window"),
    )
    op.create_index(op.f("ix_seamwatch_windows_start_at"), "seamwatch_windows", ["start_at"], unique=False)
    op.create_table(
        "seamwatch_deliveries",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.String(length=300), nullable=False),
        sa.Column("dedupe_key", sa.String(length=400), nullable=False),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("change", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=200), nullable=False),
        sa.Column("connection", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(), nullable=False),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("message_id", sa.String(length=200), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["seamwatch_incidents.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dedupe_key"),
    )
    op.create_index(op.f("ix_seamwatch_deliveries_incident_id"), "seamwatch_deliveries", ["incident_id"], unique=False)
    op.create_index(op.f("ix_seamwatch_deliveries_state"), "seamwatch_deliveries", ["state"], unique=False)
    op.create_table(
        "seamwatch_incident_events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("incident_id", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("window", sa.String(length=64), nullable=True),
        sa.Column("by", sa.String(length=200), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["seamwatch_incidents.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_seamwatch_incident_events_incident_id"), "seamwatch_incident_events", ["incident_id"], unique=False
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_index(op.f("ix_seamwatch_incident_events_incident_id"), table_name="seamwatch_incident_events")
    op.drop_table("seamwatch_incident_events")
    op.drop_index(op.f("ix_seamwatch_deliveries_state"), table_name="seamwatch_deliveries")
    op.drop_index(op.f("ix_seamwatch_deliveries_incident_id"), table_name="seamwatch_deliveries")
    op.drop_table("seamwatch_deliveries")
    op.drop_index(op.f("ix_seamwatch_windows_start_at"), table_name="seamwatch_windows")
    op.drop_table("seamwatch_windows")
    op.drop_index(op.f("ix_seamwatch_verdicts_key"), table_name="seamwatch_verdicts")
    op.drop_table("seamwatch_verdicts")
    op.drop_table("seamwatch_stage_results")
    op.drop_table("seamwatch_reservations")
    op.drop_table("seamwatch_replays")
    op.drop_index(op.f("ix_seamwatch_incidents_state"), table_name="seamwatch_incidents")
    op.drop_index(op.f("ix_seamwatch_incidents_opened_at"), table_name="seamwatch_incidents")
    op.drop_table("seamwatch_incidents")
    op.drop_index("ix_seamwatch_discrepancies_place", table_name="seamwatch_discrepancies")
    op.drop_table("seamwatch_discrepancies")
    op.drop_table("seamwatch_causes")
    op.drop_table("seamwatch_budgets")
    op.drop_table("seamwatch_baselines")
