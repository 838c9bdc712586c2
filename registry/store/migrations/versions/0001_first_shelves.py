"""The first shelves: devices, channels, the tree with its counts, accounts, and the book of what was done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("last_used", sa.Float(precision=53), nullable=True),
        sa.Column("expires", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_table(
        "audit",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "channels",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_here", sa.Text(), nullable=True),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("playable", sa.Boolean(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("place", KEY, nullable=False),
        sa.Column("also", KEY, nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "code", name=op.f("pk_channels")),
    )
    op.create_index(op.f("ix_channels_code"), "channels", ["code"], unique=False)
    op.create_index(op.f("ix_channels_place_code_owner"), "channels", ["place", "code", "owner"], unique=False)
    op.create_table(
        "devices",
        sa.Column("code", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_here", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("media_transport", sa.Text(), nullable=False),
        sa.Column("send_date", sa.Boolean(), nullable=False),
        sa.Column("keepalive_interval_s", sa.Integer(), nullable=True),
        sa.Column("keepalive_count", sa.Integer(), nullable=True),
        sa.Column("charset", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("presence_reason", sa.Text(), nullable=False),
        sa.Column("presence_since", sa.Float(precision=53), nullable=True),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("remote_host", sa.Text(), nullable=False),
        sa.Column("remote_port", sa.Integer(), nullable=False),
        sa.Column("local_host", sa.Text(), nullable=False),
        sa.Column("local_port", sa.Integer(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.Float(precision=53), nullable=True),
        sa.Column("expires_at", sa.Float(precision=53), nullable=True),
        sa.Column("heard_at", sa.Float(precision=53), nullable=True),
        sa.Column("manufacturer", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("firmware", sa.Text(), nullable=False),
        sa.Column("channels_said", sa.BigInteger(), nullable=True),
        sa.Column("channels_total", sa.BigInteger(), nullable=False),
        sa.Column("channels_online", sa.BigInteger(), nullable=False),
        sa.Column("catalog_at", sa.Float(precision=53), nullable=True),
        sa.Column("catalog_complete", sa.Boolean(), nullable=False),
        sa.Column("catalog_note", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.Float(precision=53), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.Column("refusal_note", sa.Text(), nullable=False),
        sa.Column("added_at", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_devices")),
    )
    op.create_table(
        "directories",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "code", name=op.f("pk_directories")),
    )
    op.create_table(
        "holdings",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("places", KEY, nullable=False),
        sa.Column("channels", sa.BigInteger(), nullable=False),
        sa.Column("cameras", sa.BigInteger(), nullable=False),
        sa.Column("online", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "places", name=op.f("pk_holdings")),
    )
    op.create_table(
        "memberships",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("place", KEY, nullable=False),
        sa.PrimaryKeyConstraint("owner", "code", "place", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_place_code_owner"), "memberships", ["place", "code", "owner"], unique=False)
    op.create_table(
        "nodes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent", KEY, nullable=True),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("online", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("standing", sa.BigInteger(), nullable=False),
        sa.Column("kids", sa.BigInteger(), nullable=False),
        sa.Column("lit", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
    )
    op.create_table(
        "refusals",
        sa.Column("code", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_refusals")),
    )
    op.create_table(
        "sessions",
        sa.Column("id_hash", KEY, nullable=False),
        sa.Column("user", KEY, nullable=False),
        sa.Column("created", sa.Float(precision=53), nullable=False),
        sa.Column("expires", sa.Float(precision=53), nullable=False),
        sa.Column("ttl_s", sa.Float(precision=53), nullable=False),
        sa.Column("last_seen", sa.Float(precision=53), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_sessions")),
    )
    op.create_table(
        "settings",
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "users",
        sa.Column("name", KEY, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )


def downgrade() -> None:
    op.drop_table("users")
    op.drop_table("settings")
    op.drop_table("sessions")
    op.drop_table("refusals")
    op.drop_table("nodes")
    op.drop_table("memberships")
    op.drop_table("holdings")
    op.drop_table("directories")
    op.drop_table("devices")
    op.drop_table("channels")
    op.drop_table("audit")
    op.drop_table("api_keys")
