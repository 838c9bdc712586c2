"""Which camera looks at what an alarm input guards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "alarm_links",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("input", KEY, nullable=False),
        sa.Column("camera", KEY, nullable=False),
        sa.PrimaryKeyConstraint("owner", "input", name=op.f("pk_alarm_links")),
    )


def downgrade() -> None:
    op.drop_table("alarm_links")
