"""The station at work: threads that take in, hand documents to the engine, beat, take over from the dead and tidy up."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import uuid4

from capture.watch import Hint
from config.logs import name_worker
from config.options import recipe_of
from station.access import purge_access
from station.alerts import tend_alerts
from station.allocator import bound_arenas, give_back
from station.api_tokens import drop_answers
from station.batches import end_quiet_batches, form_ended_batches
from station.checkpoints import tend_checkpoints
from station.children import clear_scratch, prepare_children
from station.circuits import tend_circuits
from station.controls import tend_lots
from station.dossier import tend_places
from station.drills import TURN_SECONDS as BACKUP_SECONDS
from station.drills import tend_backups
from station.erasure import finish_erasures
from station.exports import drop_outdated
from station.figures import OUTAGES, note_lost, tend_figures, write_tallies
from station.fixity import TURN_SECONDS, tend_fixity
from station.jobs import Engine, Limits
from station.learning import read_on
from station.leftovers import clear_leftovers
from station.machines import claim_dead, forget_erased, forget_missing, require_ledger_keys
from station.outagelog import fold_lines, pages, tell_end, tell_over
from station.outbox import drop_old
from station.particulars import note_old_keys
from station.pipeline import Pipeline
from station.probe import probe_stations
from station.problems import problem_of
from station.receivables import tend_receivables
from station.reception import Reception, look_at_all
from station.records import batches, documents
from station.records.documents import DEAD_AFTER
from station.renewal import tend_renewals
from station.retention import tend_retention
from station.review import tend_reviews
from station.scanning import Scanning
from station.search import tend_search
from station.senders import tend_outbox
from station.slots import executor_of, is_held, slot_of
from station.stillness import Stillness
from station.stores import STORE_SECONDS, tend_copies, tend_locks
from station.tasks import tend_approvals
from station.ticking import TURN_SECONDS as AGENDA_SECONDS
from station.ticking import tend_agenda
from station.tidy import empty_processed
from station.timekeeping import in_true_time, tend_clock
from station.trustlists import tend_trust
from station.walks import tend_walk
from station.witnesses import deliver_due
from station.workstation import Workstation

log = logging.getLogger("sceau.running")
BEAT_SECONDS = 2.0
SWEEP_SECONDS = 0.3
TIDY_SECONDS = 60.0
RECALL_SECONDS = 20.0
SEARCH_SECONDS = 1.0
"""Between two lots of documents that are indexed."""
PROBE_SECONDS = 600.0
WALK_SECONDS = 600.0
BATCH_SECONDS = 1.0
CLOCK_SECONDS = 60.0
REVIEW_SECONDS = 15.0
RENEWAL_SECONDS = 900.0
TRUST_SECONDS = 60.0
CHECKPOINT_SECONDS = 30.0
OUTBOX_SECONDS = 5.0
FIGURES_SECONDS = 10.0
ALERT_SECONDS = 20.0
MEMORY_SECONDS = 30.0
CIRCUIT_SECONDS = 2.0
"""Between two looks at what changed, was decided or has its day."""
CIRCUITS_ALL_SECONDS = 300.0


class Running:
    """One process at work: `serve` watches folders and works, `work` and `take` only work."""

    def __init__(self, workstation: Workstation, kind: str, slot: str, watch: bool) -> None:
        self._workstation = workstation
        self._kind = kind
        # A server's database may have workers in other homes.
        self._slot = slot
        self._executor = executor_of(workstation.home, slot, shared=not workstation.database.url.startswith("sqlite"))
        self._heard = Stillness()
        """Of workers: their newest heartbeat, if any."""
        self._fed = Stillness()
        """Of open folder batches: when something came into them last."""
        self._pipeline = Pipeline(workstation)
        stories = {"document": self._pipeline.process, "reading": self._pipeline.read_late}
        work = workstation.settings.work
        limits = Limits(work.documents_at_once, work.documents_everywhere, work.late_readings_at_once)
        self._engine = Engine(workstation.database, workstation.home, self._executor, limits, stories, self._pipeline.rescue)
        self._receptions = [Reception(workstation, station) for station in workstation.settings.stations] if watch else []
        self.scanning = Scanning(workstation) if watch else None
        """The devices that this process feeds."""
        self._stopping = threading.Event()
        self._due = threading.Event()
        self._threads: list[threading.Thread] = []
        self._told_look = float("-inf")

    def start(self) -> None:
        """Start the engine, then the threads. Raises Unusable where this home lacks keys that its database's ledgers are signed with."""
        require_ledger_keys(self._workstation, serves=self._kind == "serve")
        bound_arenas()
        prepare_children()
        fold_lines(log.name, pages.name)
        name_worker(self._executor)
        clear_scratch(self._workstation.home / "scratch")
        note_old_keys(self._workstation)
        self._beat()
        self._engine.start()
        self._spawn("sweep", self._sweep, SWEEP_SECONDS, self._due.wait)
        self._spawn("recall", self._recall, RECALL_SECONDS, self._stopping.wait)
        self._spawn("unlearn", partial(read_on, self._workstation), RECALL_SECONDS, self._stopping.wait)
        self._spawn("beat", self._beat_and_bury, BEAT_SECONDS, self._stopping.wait)
        if self._kind != "take":
            self._spawn("checkpoints", self._tend_checkpoints, CHECKPOINT_SECONDS, self._stopping.wait)
            self._spawn("trust", self._tend_trust, TRUST_SECONDS, self._stopping.wait)
            self._spawn(
                "agenda", in_true_time(self._workstation, partial(tend_agenda, self._workstation)), AGENDA_SECONDS, self._stopping.wait
            )
            self._spawn("circuits", partial(tend_circuits, self._workstation), CIRCUIT_SECONDS, self._stopping.wait)
            everything = partial(tend_circuits, self._workstation, whole=True)
            self._spawn("circuits-all", everything, CIRCUITS_ALL_SECONDS, self._stopping.wait)
            self._spawn("alerts", partial(tend_alerts, self._workstation), ALERT_SECONDS, self._stopping.wait)
            self._spawn("outbox", partial(tend_outbox, self._workstation), OUTBOX_SECONDS, self._stopping.wait)
        self._spawn("approvals", partial(tend_approvals, self._workstation), REVIEW_SECONDS, self._stopping.wait)
        self._spawn("reviews", partial(tend_reviews, self._workstation), REVIEW_SECONDS, self._stopping.wait)
        self._spawn("receivables", partial(tend_receivables, self._workstation), TIDY_SECONDS, self._stopping.wait)
        self._spawn("figures", partial(tend_figures, self._workstation), FIGURES_SECONDS, self._stopping.wait)
        self._spawn("clock", partial(tend_clock, self._workstation), CLOCK_SECONDS, self._stopping.wait)
        self._spawn("memory", give_back, MEMORY_SECONDS, self._stopping.wait)
        self._spawn(
            "leftovers", in_true_time(self._workstation, partial(clear_leftovers, self._workstation)), TRUST_SECONDS, self._stopping.wait
        )
        self._watch_stores()
        self._pipeline.warm_up()
        if self._receptions:
            self._spawn("tidy", in_true_time(self._workstation, self._tidy), TIDY_SECONDS, self._stopping.wait)
            for reception in self._receptions:
                if reception.folder.is_relative_to(self._workstation.home):
                    # Only our own: a share that is not mounted must not look like an empty folder.
                    reception.folder.mkdir(parents=True, exist_ok=True)
            self._spawn("probe", partial(probe_stations, self._workstation), PROBE_SECONDS, self._stopping.wait)
            self._spawn("fixity", partial(tend_fixity, self._workstation), TURN_SECONDS, self._stopping.wait)
            self._spawn("search", partial(tend_search, self._workstation), SEARCH_SECONDS, self._stopping.wait)
            self._spawn("walk", partial(tend_walk, self._workstation), WALK_SECONDS, self._stopping.wait)
            self._spawn("backups", partial(tend_backups, self._workstation), BACKUP_SECONDS, self._stopping.wait)
            self._spawn("renewals", partial(tend_renewals, self._workstation), RENEWAL_SECONDS, self._stopping.wait)
            self._spawn("batches", self._tend_batches, BATCH_SECONDS, self._stopping.wait)
            self._hint = Hint([reception.folder for reception in self._receptions])
            for station in self._workstation.settings.stations:
                if station.kind == "mailbox":
                    # A tenth of a second of imports that others need not wait for.
                    from station.post import Postman

                    look = Postman(self._workstation, station, stopping=self._stopping.is_set).look
                    self._spawn(f"post-{station.name}", partial(self._fetch, look), station.mail_seconds, self._stopping.wait)
            self._spawn("reception", self._receive, self._workstation.settings.intake.poll_seconds, self._hint.wait)

    def stop(self, patience_seconds: float = 20.0) -> None:
        """Stop taking in, let what runs finish for a while, say goodbye. What does not finish is left to the next start or the living."""
        try:
            self._wind_down(patience_seconds)
        finally:
            # Also where the database does not serve, and the goodbye breaks off.
            tell_end()

    def _wind_down(self, patience_seconds: float) -> None:
        if self.scanning is not None:
            self.scanning.close()
        self._stopping.set()
        self._due.set()
        if self._receptions:
            self._hint.wake()
        for thread in self._threads:
            thread.join(timeout=10)
        if self._receptions:
            self._hint.close()
        finished = self._engine.settle(patience_seconds)
        # Before the engine ends: whatever breaks off from here on is neither done nor failed.
        self._pipeline.halt()
        self._engine.stop()
        self._pipeline.stop()
        write_tallies(self._workstation)
        self._last_checkpoint()
        if finished:
            with self._workstation.database.writing() as session:
                documents.end_worker(session, self._executor)
        # Otherwise the row stays: silent, it tells the living whose work to take over.

    def _watch_stores(self) -> None:
        if self._workstation.settings.store.url:
            self._spawn("derived", partial(forget_erased, self._workstation), STORE_SECONDS, self._stopping.wait)
        if self._workstation.originals.locks:
            self._spawn("copies", partial(tend_copies, self._workstation), STORE_SECONDS, self._stopping.wait)
            if self._receptions:
                self._spawn("locks", partial(tend_locks, self._workstation), STORE_SECONDS, self._stopping.wait)

    def _spawn(self, name: str, turn: Callable[[], object], seconds: float, wait: Callable[[float], object]) -> None:
        def loop() -> None:
            while not self._stopping.is_set():
                try:
                    turn()
                except (Exception, SystemExit) as error:
                    # Whatever one turn met, the next one comes: a watcher that died would be blind and silent.
                    problem = problem_of(error)
                    if problem.code == "unexpected":
                        log.exception("%s: a turn failed, the next one follows", name)
                    else:
                        log.warning("%s: %s %s", name, problem.happened, problem.todo)
                    self._stopping.wait(1.0)
                wait(seconds)

        thread = threading.Thread(target=loop, name=f"sceau-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _receive(self) -> None:
        taken, trouble = look_at_all(self._receptions, time.monotonic())
        if taken:
            self._due.set()
        if taken or time.monotonic() - self._told_look > BEAT_SECONDS:
            self._told_look = time.monotonic()
            with self._workstation.database.writing() as session:
                documents.note_look(session, self._executor, self._workstation.clock(), taken=bool(taken))
        if trouble is not None:
            raise trouble

    def _tend_checkpoints(self) -> None:
        tend_checkpoints(self._workstation)
        # At once: from now on the seed is known.
        tend_lots(self._workstation)
        deliver_due(self._workstation)

    def _last_checkpoint(self) -> None:
        """What came since the newest one is covered before the process ends; mail and other witnesses get it at the next start."""
        try:
            tend_checkpoints(self._workstation, closing=True)
            tend_lots(self._workstation)
            deliver_due(self._workstation, ("folder",))
        except Exception as error:  # noqa: BLE001 whatever it is, the process ends in order, and the next one makes it
            log.warning("no checkpoint at the end: %s", error)

    def _tidy(self) -> None:
        tend_places(self._workstation)
        tend_retention(self._workstation)
        purge_access(self._workstation)
        finish_erasures(self._workstation)
        empty_processed(self._workstation)
        drop_outdated(self._workstation)
        drop_old(self._workstation)
        drop_answers(self._workstation)

    def _tend_trust(self) -> None:
        """Revocation lists and trusted lists are fetched when they are due; sealing uses what is here and waits for none."""
        tend_trust(self._workstation.settings, self._workstation.clock)

    def _tend_batches(self) -> None:
        """Folder batches into which nothing came for their station's delay are ended; what ended is formed, whatever kept it."""
        if end_quiet_batches(self._workstation, self._fed, time.monotonic()):
            self._due.set()
        self._form_ended_batches()

    def _form_ended_batches(self) -> None:
        with self._workstation.database.reading() as session:
            if not batches.waiting_batches(session):
                return
        recipes = {station.name: recipe_of(station) for station in self._workstation.settings.stations}
        with self._workstation.database.writing() as session:
            form_ended_batches(session, recipes, self._workstation.clock(), lambda: uuid4().hex)
        self._due.set()

    def _fetch(self, look: Callable[[float], int]) -> None:
        if look(time.monotonic()):
            self._hint.wake()

    def _sweep(self) -> None:
        self._due.clear()
        with self._workstation.database.reading() as session:
            now = self._workstation.clock()
            due = [("document", d.id, d.attempt) for d in documents.due_documents(session, now)]
            due += [("reading", d.id, d.tries) for d in documents.late_documents(session, now)]
        for story, document_id, attempt in due:
            # Queued first, noted second: dying between the two queues the same attempt again, which is one workflow.
            self._engine.enqueue(story, document_id, attempt)
            with self._workstation.database.writing() as session:
                documents.mark_queued(session, story, document_id, attempt)

    def _beat(self) -> None:
        with self._workstation.database.writing() as session:
            documents.beat(session, self._executor, self._kind, os.getpid(), self._workstation.clock(), socket.gethostname()[:80])
            # Each time: taken for dead in a pause it comes back without a start, and may have been noted after its first beat.
            forget_missing(session, self._executor)

    def _beat_and_bury(self) -> None:
        self._beat()
        if (seconds := tell_over()) is not None:
            # Counted when it is over: nobody could write it down while it lasted.
            self._workstation.tallies.note(OUTAGES, self._executor, seconds, by_hour=True)
        with self._workstation.database.reading() as session:
            beats = {worker.executor: worker.beat_at for worker in documents.all_workers(session) if worker.executor != self._executor}
        # A worker without a row left work behind when its row was removed, or comes from a restored engine file.
        ghosts = self._engine.executors_at_work() - beats.keys() - {self._executor}
        self._heard.keep(beats.keys() | ghosts)
        silent = {name for name in beats if self._is_silent(name, beats[name])}
        for executor in silent | {name for name in ghosts if self._is_silent(name, None)}:
            with self._workstation.database.writing() as session:
                if executor in beats and not claim_dead(session, executor, beats[executor]):
                    continue  # Another takes over, or it is back.
                note_lost(session, executor, self._workstation.clock())
            # Dying from here on leaves a worker without a row, which the next turn of the living finds.
            count = self._engine.take_over(executor)
            self._heard.forget(executor)
            log.warning("worker %s is silent; %d documents taken over", executor, count)

    def _is_silent(self, executor: str, beat_at: datetime | None) -> bool:
        """Whether a worker is dead for all we know; of this home the kernel knows better than its heartbeat.

        Otherwise the heartbeat tells: one that stays the same for as long, by our own count, for a clock may be set and another machine's
        may differ.
        `beat_at`: None where it has no row; one that comes back from a pause has none until it beats again.
        """
        held = is_held(self._workstation.home, executor)
        if held and slot_of(executor) == self._slot:
            held = False  # Ours: what bears its name without our home's number is of the version before.
        if held:
            return False
        if held is not None and (beat_at is None or beat_at < self._workstation.clock() - DEAD_AFTER):
            return True
        return self._heard.seconds(executor, beat_at, time.monotonic()) > DEAD_AFTER.total_seconds()

    def _recall(self) -> None:
        """Start over what the engine has forgotten: a story that broke off on a full disk, a lost engine file, a renamed step."""
        with self._workstation.database.reading() as session:
            queued = [(d.id, d.attempt) for d in documents.queued_documents(session)]
            awaited = [(d.id, d.tries) for d in documents.awaited_readings(session)]
        for document_id, attempt in self._engine.forgotten("document", queued):
            with self._workstation.database.writing() as session:
                if documents.start_over(session, document_id, attempt, self._workstation.clock()):
                    log.warning("document %s: started over", document_id)
        for document_id, tries in self._engine.forgotten("reading", awaited):
            with self._workstation.database.writing() as session:
                document = documents.get_document(session, document_id)
                if (document.tries, document.try_at, document.problem) == (tries, None, documents.READING_LATE):
                    documents.note_late_try(document, False, self._workstation.clock())
