"""What Alembic runs: our revisions over the connection that `migrate.py` opened."""

from __future__ import annotations

from alembic import context

from registry.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table only by making it anew
)
with context.begin_transaction():
    context.run_migrations()
