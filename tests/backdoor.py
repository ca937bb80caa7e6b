"""What somebody does who owns the database itself, on either kind: past the triggers, and past the station."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings


@contextmanager
def owned(home: Path, *, past_triggers: bool = False) -> Iterator[sa.Connection]:
    """A connection of the database's owner; commits at the end. With `past_triggers` nothing stands in the way any more."""
    engine = sa.create_engine(Settings(home=home).url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if past_triggers:
            _disarm(connection)
        yield connection


def behind_the_back(home: Path, *statements: str) -> None:
    """Each must change something. Bytes are written as SQLite does: x'00'."""
    with owned(home, past_triggers=True) as connection:
        for statement in statements:
            assert connection.execute(sa.text(in_dialect(connection, statement))).rowcount, statement


def in_dialect(connection: sa.Connection, statement: str) -> str:
    statement = statement.replace(":", r"\:")
    return statement if connection.dialect.name == "sqlite" else re.sub(r"x'([0-9a-f]*)'", r"'\\x\1'\:\:bytea", statement)


def _disarm(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET session_replication_role = replica")
        return
    for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


REFUSED = sa.exc.DBAPIError
"""What the database says when a trigger refuses."""


@contextmanager
def without_trigger(session: Session, name: str, table: str) -> Iterator[None]:
    """One trigger asleep for as long as this lasts."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER {name}"))
        yield
        session.flush()
        session.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER {name}"))
        return
    text = session.scalar(sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name"), {"name": name})
    session.execute(sa.text(f"DROP TRIGGER {name}"))
    yield
    session.flush()
    session.execute(sa.text(text))
