"""Alembic's entry: runs the migrations on the engine that the caller hands in."""

from alembic import context

from station.records.tables import Base

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        # The engine's own tables live in the same database and are not ours to compare.
        include_name=lambda name, kind, _parents: kind != "table" or name in Base.metadata.tables,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
