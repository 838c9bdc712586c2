"""Recordings: what shall be recorded, what is being recorded, every file of it, and what is missing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "record_plans",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("stream", sa.Integer(), nullable=False),
        sa.Column("always", sa.Boolean(), nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        sa.Column("on_alarm", sa.Boolean(), nullable=False),
        sa.Column("post_s", sa.Integer(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("quota_bytes", sa.BigInteger()),
        sa.Column("keep_days", sa.Integer()),
        sa.Column("fills", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settled_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("owner", "channel", "stream", name=op.f("pk_record_plans")),
    )
    op.create_table(
        "record_gaps",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("stream", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.Float(precision=53), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "channel", "stream", "start_ms", name=op.f("pk_record_gaps")),
    )
    op.create_table(
        "record_calls",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "channel", "start_ms", name=op.f("pk_record_calls")),
    )
    op.create_table(
        "recordings_open",
        sa.Column("id", KEY, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("stream", sa.Integer(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recordings_open")),
    )
    op.create_table(
        "segments",
        sa.Column("recording", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("stream", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("recording", "name", name=op.f("pk_segments")),
    )
    op.create_index(op.f("ix_segments_owner_channel_start_ms"), "segments", ["owner", "channel", "start_ms"])
    op.create_index(op.f("ix_segments_start_ms"), "segments", ["start_ms"])


def downgrade() -> None:
    for table in ("segments", "recordings_open", "record_calls", "record_gaps", "record_plans"):
        op.drop_table(table)
