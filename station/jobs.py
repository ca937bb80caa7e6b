"""The execution engine, DBOS, and the only file that knows it: a document's work survives the death of the process that did it.

`work` steps happen at least once and are written to be repeated; `record` steps happen exactly once, for their rows, their ledger entry
and their checkpoint commit in one transaction.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID, SQLAlchemyDatasource
from dbos._error import DBOSException
from sqlalchemy.orm import Session

from station.outagelog import fold_lines
from station.records.database import Database, keep_private, prepare_sqlite, server_address

P = ParamSpec("P")
R = TypeVar("R")
Story: TypeAlias = Callable[["Steps", str, int], str]
"""(steps, document id, attempt) → the state in which it ends."""
Rescue: TypeAlias = Callable[["Steps", str, int, BaseException], str]
"""What is done when a story breaks off: the document must not be left in a state in which nobody works it."""
QUEUES = {"document": "documents", "reading": "readings"}
"""One for each kind of story: what waits in one keeps nothing back in another."""
APPLICATION_VERSION = "sceau-1"
"""Pinned: a workflow begun by an older build is finished by a newer one."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The two kinds of step that a story is made of."""

    datasource: SQLAlchemyDatasource

    def work(self, name: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """At least once; the result must be small and plain JSON."""
        return DBOS.run_step({"name": name}, function, *args, **kwargs)

    def record(self, name: str, function: Callable[[Session], R]) -> R:
        """Exactly once, in one transaction."""
        source = self.datasource

        def within() -> R:
            return function(source.sql_session())

        return source.run_tx_step({"name": name, "isolation_level": _isolation(source)}, within)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many stories of each kind run at a time."""

    documents: int
    """Of each executor."""
    everywhere: int = 0
    """Documents of all executors together; 0: no bound."""
    readings: int = 1
    """Of each executor."""


class Engine:
    """One executor: takes documents from the queue and runs their story."""

    def __init__(self, database: Database, home: Path, executor: str, limits: Limits, stories: Mapping[str, Story], rescue: Rescue) -> None:
        self._database = database
        self._executor = executor
        self._limits = limits
        serializer = DBOSPortableJSONSerializer()
        _calm_logging()
        DBOS(config=self._config(home, serializer))
        self._steps = SQLAlchemyDatasource.create(database.url, engine=database.writer, serializer=serializer)
        steps = Steps(self._steps)
        self._running: set[str] = set()
        self._idle: dict[str, set[str]] = {}
        self._workflows = {name: _workflow(name, story, rescue, steps, self._running) for name, story in stories.items()}

    def start(self) -> None:
        """Recover what this executor left unfinished, then take from the queue."""
        DBOS.launch()
        limits = self._limits
        each, bound = (min(limits.documents, limits.everywhere), limits.everywhere) if limits.everywhere else (limits.documents, None)
        DBOS.register_queue(QUEUES["document"], worker_concurrency=each, global_concurrency=bound, polling_interval_sec=0.1)
        DBOS.register_queue(QUEUES["reading"], worker_concurrency=limits.readings, polling_interval_sec=0.5)

    def settle(self, patience_seconds: float) -> bool:
        """Let running documents finish for a while; False where some did not, which a living worker or the next start takes up."""
        deadline = time.monotonic() + patience_seconds
        # DBOS itself looks only once a second, the first time after a second.
        while (busy := self._is_busy()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return not busy

    def stop(self) -> None:
        """Take and note nothing more. What still runs meets troubles of all kinds from here on: its rescue must know that it is ending."""
        DBOS.destroy(workflow_completion_timeout_sec=0, destroy_registry=True)

    def _is_busy(self) -> bool:
        return bool(DBOS.list_workflows(executor_id=self._executor, status="PENDING", limit=1, load_input=False, load_output=False))

    def enqueue(self, story: str, document_id: str, attempt: int) -> None:
        """Queue one attempt of a story on a document; the same attempt twice is one workflow."""
        with SetWorkflowID(_name(story, document_id, attempt)):
            DBOS.enqueue_workflow(QUEUES[story], self._workflows[story], document_id, attempt)

    def take_over(self, dead_executor: str) -> int:
        """Give the unfinished work of a dead executor to the living; returns how many documents."""
        pending = DBOS.list_workflows(executor_id=dead_executor, status="PENDING", load_input=False, load_output=False)
        for workflow in pending:
            DBOS.resume_workflow(workflow.workflow_id, queue_name=QUEUES[_story_of(workflow.workflow_id)])
        return len(pending)

    def executors_at_work(self) -> set[str]:
        """Everyone who has unfinished work, living or dead."""
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {workflow.executor_id for workflow in pending if workflow.executor_id}

    def forgotten(self, story: str, attempts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Of these (document, attempt), those that neither wait nor run: they broke off, or the engine's file was lost or restored."""
        names = {_name(story, document_id, attempt): (document_id, attempt) for document_id, attempt in attempts}
        found = DBOS.list_workflows(workflow_ids=list(names), load_input=False, load_output=False) if names else []
        alive = {workflow.workflow_id for workflow in found if workflow.status in ("ENQUEUED", "PENDING", "DELAYED")}
        alive -= self._given_up(story, {w.workflow_id for w in found if w.status == "PENDING" and w.executor_id == self._executor})
        return [pair for name, pair in names.items() if name not in alive]

    def _given_up(self, story: str, ours: set[str]) -> set[str]:
        """Of our own, those which the engine believes to run and which do not: on a full disk it could not note that they broke off.

        Cancelled, so that a further attempt is alone. Seen at two looks at its kind, for one just taken from the queue does not run yet.
        """
        idle = ours - self._running
        lost, self._idle[story] = idle & self._idle.get(story, set()), idle
        for name in lost:
            DBOS.cancel_workflow(name)
        return lost

    def _config(self, home: Path, serializer: DBOSPortableJSONSerializer) -> DBOSConfig:
        config: dict[str, Any] = {
            "name": "sceau",
            "application_version": APPLICATION_VERSION,
            "executor_id": self._executor,
            "serializer": serializer,
            "log_level": "WARNING",
            "use_listen_notify": False,
        }
        if self._database.url.startswith("sqlite"):
            # A file of its own, whose polling never waits for the records. It may be lost: what it forgot is queued again.
            config["system_database_url"] = f"sqlite:///{home / 'engine.db'}"
            config["system_database_engine"] = engine_file(home)
        else:
            config["system_database_url"] = server_address(self._database.url).render_as_string(hide_password=False)
        return cast(DBOSConfig, config)


def _name(story: str, document_id: str, attempt: int) -> str:
    return f"{story}-{document_id}-{attempt}"


def _story_of(name: str) -> str:
    return name.partition("-")[0]


def _calm_logging() -> None:
    """The engine's words go where all of ours go; a handler of its own would keep the first output it saw, closed or not."""
    log = logging.getLogger("dbos")
    log.setLevel(logging.WARNING)
    log.handlers[:] = [logging.NullHandler()]
    log.propagate = True
    fold_lines("dbos")


def _workflow(name: str, story: Story, rescue: Rescue, steps: Steps, running: set[str]) -> Callable[[str, int], str]:
    @DBOS.workflow(name=name)
    def run(document_id: str, attempt: int) -> str:
        running.add(_name(name, document_id, attempt))
        try:
            return story(steps, document_id, attempt)
        except DBOSException:
            # The engine's own signals: another process owns this workflow, or it was cancelled.
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 handed on to the rescue, which logs it and tells it on the document
            # A library that gives up its program ends this thread alone: the story would be begun again for ever, and nobody told.
            return rescue(steps, document_id, attempt, error)
        finally:
            running.discard(_name(name, document_id, attempt))

    return run


def engine_file(home: Path) -> sa.Engine:
    """SQLite for DBOS' own tables, opened as safely as ours."""
    keep_private(home / "engine.db")
    engine = sa.create_engine(f"sqlite:///{home / 'engine.db'}", connect_args={"check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # DBOS writes its own BEGINs, so ours would nest: the driver's implicit one is made IMMEDIATE instead, as DBOS does.
        connection.isolation_level = "IMMEDIATE"
        prepare_sqlite(connection)

    return engine


def _isolation(source: SQLAlchemyDatasource) -> Any:
    # PostgreSQL: SERIALIZABLE failed more often than it committed when measured; the ledger's advisory lock gives the order.
    return "SERIALIZABLE" if source.engine.dialect.name == "sqlite" else "READ COMMITTED"
