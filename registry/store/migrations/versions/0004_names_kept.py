"""Our own names of channels that are gone, for when they come back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "names_kept",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("gone_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("owner", "code", name=op.f("pk_names_kept")),
    )


def downgrade() -> None:
    op.drop_table("names_kept")
