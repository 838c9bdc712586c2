"""The part of the network a device stands in, so that a media host near it takes its streams."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("devices", sa.Column("media_zone", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("devices", "media_zone")
