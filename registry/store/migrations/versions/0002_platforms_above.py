"""Platforms above: how we register with them, what each may see, and what each was last told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "uppers",
        sa.Column("code", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("charset", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("our_code", sa.Text(), nullable=False),
        sa.Column("local_host", sa.Text(), nullable=False),
        sa.Column("expires_s", sa.Integer(), nullable=False),
        sa.Column("keepalive_interval_s", sa.Float(precision=53), nullable=False),
        sa.Column("keepalive_count", sa.Integer(), nullable=False),
        sa.Column("page_size", sa.Integer(), nullable=False),
        sa.Column("secrecy", sa.Boolean(), nullable=False),
        sa.Column("arrangement", sa.Text(), nullable=False),
        sa.Column("share_all", sa.Boolean(), nullable=False),
        sa.Column("push_alarms", sa.Boolean(), nullable=False),
        sa.Column("push_positions", sa.Boolean(), nullable=False),
        sa.Column("initial_report", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("media_transport", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_uppers")),
    )
    op.create_table(
        "share_rules",
        sa.Column("upper", KEY, nullable=False),
        sa.Column("node", KEY, nullable=False),
        sa.Column("include", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("upper", "node", name=op.f("pk_share_rules")),
    )
    op.create_table(
        "share_names",
        sa.Column("upper", KEY, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("code_there", KEY, nullable=False),
        sa.Column("name_there", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("upper", "owner", "code", name=op.f("pk_share_names")),
    )
    op.create_table(
        "upper_sent",
        sa.Column("upper", KEY, nullable=False),
        sa.Column("code_there", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("upper", "code_there", name=op.f("pk_upper_sent")),
    )
    op.create_index(
        op.f("ix_upper_sent_upper_code_code_there"), "upper_sent", ["upper", "code", "code_there"], unique=False
    )
    # A catalog is told upward in order of code, and those who share a code one after the other.
    op.create_index(op.f("ix_channels_code_owner"), "channels", ["code", "owner"], unique=False)
    op.drop_index(op.f("ix_channels_code"), table_name="channels")


def downgrade() -> None:
    op.create_index(op.f("ix_channels_code"), "channels", ["code"], unique=False)
    op.drop_index(op.f("ix_channels_code_owner"), table_name="channels")
    op.drop_table("upper_sent")
    op.drop_table("share_names")
    op.drop_table("share_rules")
    op.drop_table("uppers")
