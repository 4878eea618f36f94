"""Knowledge bases: documents at the source and in the index, what was wrong with them, and the checks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _place() -> list[sa.Column[str]]:
    return [
        sa.Column("pipeline", sa.String(length=200), nullable=False),
        sa.Column("knowledge_base", sa.String(length=200), nullable=False),
    ]


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "seamwatch_documents",
        *_place(),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(), nullable=True),
        sa.Column("content_hash", sa.String(length=128), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pipeline", "knowledge_base", "document"),
    )
    op.create_index("ix_seamwatch_documents_expires_at", "seamwatch_documents", ["expires_at"])
    op.create_table(
        "seamwatch_indexed_documents",
        *_place(),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=128), nullable=True),
        sa.Column("indexed_at", sa.DateTime(), nullable=True),
        sa.Column("n_chunks", sa.Float(), nullable=True),
        sa.Column("n_expected", sa.Float(), nullable=True),
        sa.Column("embedding_model", sa.Text(), nullable=True),
        sa.Column("dimension", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("pipeline", "knowledge_base", "document", "number"),
    )
    op.create_table(
        "seamwatch_document_findings",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *_place(),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=True),
        sa.Column("until", sa.DateTime(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_seamwatch_document_findings_place",
        "seamwatch_document_findings",
        ["pipeline", "knowledge_base", "until"],
    )
    op.create_table(
        "seamwatch_freshness_checks",
        *_place(),
        sa.Column("checked_at", sa.DateTime(), nullable=False),
        sa.Column("is_full", sa.Boolean(), nullable=False),
        sa.Column("source_watermark", sa.Text(), nullable=True),
        sa.Column("index_watermark", sa.Text(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pipeline", "knowledge_base", "checked_at"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("freshness_checks", "document_findings", "indexed_documents", "documents"):
        op.drop_table(f"seamwatch_{table}")
