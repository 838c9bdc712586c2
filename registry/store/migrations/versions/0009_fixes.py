"""Where moving things were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "fixes",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("longitude", sa.Float(precision=53), nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=False),
        sa.Column("speed", sa.Float(precision=53)),
        sa.Column("direction", sa.Float(precision=53)),
        sa.Column("altitude", sa.Float(precision=53)),
        sa.PrimaryKeyConstraint("owner", "code", "at_ms", name=op.f("pk_fixes")),
    )
    op.create_index(op.f("ix_fixes_at_ms"), "fixes", ["at_ms"])


def downgrade() -> None:
    op.drop_index(op.f("ix_fixes_at_ms"), table_name="fixes")
    op.drop_table("fixes")
