"""Alarms and the steps of their lives, rules about them, and what is followed of a device by choice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", SERIAL, autoincrement=False, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("method", sa.Integer(), nullable=False),
        sa.Column("alarm_type", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Integer()),
        sa.Column("first_at", sa.Float(precision=53), nullable=False),
        sa.Column("last_at", sa.Float(precision=53), nullable=False),
        sa.Column("heard_at", sa.Float(precision=53), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("longitude", sa.Float(precision=53)),
        sa.Column("latitude", sa.Float(precision=53)),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_name", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("video", KEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", sa.Float(precision=53)),
        sa.Column("assigned_to", sa.Text(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.Float(precision=53)),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reset", sa.Text(), nullable=False),
        sa.Column("reset_note", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    op.create_index(op.f("ix_alarms_last_at"), "alarms", ["last_at"])
    op.create_index(op.f("ix_alarms_heard_at"), "alarms", ["heard_at"])
    op.create_index(op.f("ix_alarms_channel_id"), "alarms", ["channel", "id"])
    op.create_index(op.f("ix_alarms_state_priority_id"), "alarms", ["state", "priority", "id"])
    op.create_table(
        "alarm_steps",
        sa.Column("alarm", SERIAL, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alarm", "number", name=op.f("pk_alarm_steps")),
    )
    op.create_table(
        "alarm_rules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("methods", sa.Text(), nullable=False),
        sa.Column("lowest_priority", sa.Integer(), nullable=False),
        sa.Column("record_s", sa.Integer(), nullable=False),
        sa.Column("popup", sa.Boolean(), nullable=False),
        sa.Column("preset", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm_rules")),
    )
    op.add_column("devices", sa.Column("follows", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("devices", "follows")
    op.drop_table("alarm_rules")
    op.drop_table("alarm_steps")
    op.drop_table("alarms")
