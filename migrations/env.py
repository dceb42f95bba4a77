"""One Alembic environment for both services: the section of the ini names whose tables and whose revisions to use.

The connection comes from `twelve333.adapters.sql.migrate`, or, for developers, from `-x url=...`.
"""

from __future__ import annotations

from importlib import import_module

from alembic import context
from sqlalchemy import Connection

from twelve333.adapters.sql import migrate


def run(connection: Connection) -> None:
    """Run the revisions asked for, each in a transaction of its own, on either database."""
    service = context.config.config_ini_section
    metadata = import_module(f"{service}.store").metadata
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        transactional_ddl=True,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
        # The search index is written out by hand: FTS5 makes tables of its own, which no metadata declares.
        include_name=lambda name, kind, _parents: kind != "table" or not (name or "").startswith("library_index"),
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    migrate.with_connection(context.get_x_argument(as_dictionary=True)["url"], run)
