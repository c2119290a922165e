"""Run migrations on the connection that `jobmon.store.migrate` holds."""

from alembic import context

# All of it is in the transaction of the one who calls, on SQLite too.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
