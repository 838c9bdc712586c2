"""Neighbours with whom every message is signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "seals",
        sa.Column("code", KEY, nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("is_hex", sa.Boolean(), nullable=False),
        sa.Column("is_of_uris", sa.Boolean(), nullable=False),
        sa.Column("since", sa.Float(precision=53)),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_seals")),
    )


def downgrade() -> None:
    op.drop_table("seals")
