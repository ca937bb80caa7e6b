"""What happens to a document, in order; `Pipeline.process` tells the story, everything else is how.

Its bytes are in the vault and the ledger says so before this begins. Pixels are worked in child processes; what a step finds out lies in
files of the document's work folder, so that the engine stores identifiers only.
"""

import hashlib
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from capture.catalogue import finding
from capture.decode import Undecodable
from capture.findings import Finding, Level
from capture.originals import Condition
from capture.scan import Format, Page, Scan
from capture.separate import Recipe
from config.logs import lines_about
from config.options import caps_of, policy_of, reader_of, recipe_of
from config.settings import Station
from conformity.baseline import Baseline
from conformity.checks import fitting_sheet, judge_page, verdict
from conformity.circumstances import Source
from conformity.limits import Limits
from conformity.policy import Policy
from ocr import engines
from ocr.engines import ReadingFailed
from ocr.second import Place, SecondReading, weigh
from ocr.structured import Structured
from ocr.text import PageText
from ocr.values import Field, Known, fields_json
from sealing.evidence import EvidenceProfile
from sealing.ledger import Event
from sealing.pdfa import Metadata
from station import batches, electronic, pixels
from station.assemble import Witnessed, capture_data, kind_note, reading_note
from station.baselines import Baselines
from station.batches import NewId
from station.children import PRELOAD, Children, OverBudget, PoisonPage
from station.confinement import Confinement, programs_named
from station.derived import derived_root, preview_name, publish
from station.dossier import dossier_payload, require_dossier
from station.evidence import NothingQualified, profile_for, profiles_open
from station.jobs import Steps
from station.learning import memory_of
from station.leftovers import clear_attempt
from station.mandates import require_mandate
from station.outages import OUTAGES
from station.particulars import fields_of, judge_particulars
from station.passports import passport_files, take_target
from station.problems import PROBLEMS, problem_of
from station.reading import Told, doubtful_in, field_rows, known_of, told_of
from station.records import documents, learned
from station.records.intake import SYSTEM
from station.records.ledger import append_event, story_of, tree_of
from station.records.tables import OPEN_STATES, Archive, Document, Reading, State
from station.retention import keep_retention
from station.sheets import Sheet, originals_of, page_fact, place_findings, place_sheets, places_of
from station.stored import field_from, field_json, field_text, fields_hash, finding_from, page_from, rasters_hash
from station.timekeeping import require_clock
from station.tolerances import weigh_document
from station.verdicts import verdict_note
from station.workstation import Workstation
from workflow.completeness import check_document
from workflow.kinds import needs_signature

log = logging.getLogger("sceau.pipeline")
EXAMINE_SECONDS = 120.0
PAGE_SECONDS = 120.0
INVOICE_SECONDS = 150.0
"""Longer than its rules are given: they end by themselves."""
PROVE_SECONDS = 600.0
FIELDS_SECONDS = 10.0
"""What finding the values has at least, whatever time the pages took; shorter than others wait for the records."""
COPIES_AHEAD = 16
"""Reading copies are made while a page is decoded anyway, of an A4 page 8 MB twice; of a long document the rest are made when their turn
comes."""
READER_PAGES = 500
"""The reader's process is replaced after so many pages: OpenVINO keeps memory for each new shape; 1.05 GB after 120 shapes."""


class Stopping(BaseException):
    """The station is stopping: this step is neither done nor failed, and runs again at the next start."""


ELSEWHERE = "made-elsewhere"
"""Not a trouble: what a step before this one made lies in the home of a machine that died, so that the document is started over."""


class DamagedOriginal(Exception):
    """The bytes in the vault are not those that came in, or are no longer there."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at one document, and where its derived files lie."""

    document_id: str
    folder: Path

    @property
    def judged(self) -> Path:
        return self.folder / "judged.json"

    @property
    def texts(self) -> Path:
        return self.folder / "texts.json"

    @property
    def values(self) -> Path:
        """The values as the records took them: those that are sealed, whatever is taught or undone meanwhile."""
        return self.folder / "values.json"

    @property
    def invoice(self) -> Path:
        """The XML of an electronic invoice, where the document is one."""
        return self.folder / "invoice.xml"

    @property
    def proof(self) -> Path:
        return self.folder / "proof.json"

    @property
    def data(self) -> Path:
        return self.folder / "capture-data.json"

    @property
    def sealed(self) -> Path:
        return self.folder / "sealed.pdf"

    def lacks(self, step: str) -> bool:
        """Whether what this step, or its entry, goes on from is not here."""
        needed = {"read": self.judged, "prove": self.texts}
        needed |= {"note_judged": self.judged, "note_read": self.texts, "note_proved": self.proof}
        return step in needed and not needed[step].exists()

    def copy(self, page: int) -> Path:
        return self.folder / f"{page:04d}.pnm"

    def whole(self, page: int) -> Path:
        return self.folder / f"{page:04d}-whole.pgm"


class Pipeline:
    def __init__(self, workstation: Workstation, new_id: NewId = lambda: uuid4().hex) -> None:
        settings = workstation.settings
        self._workstation = workstation
        self._new_id = new_id
        self._caps = caps_of(settings)
        self._reader_options = reader_of(settings)
        hostile, sealing = rooms_of(workstation)
        at_once = settings.work.documents_at_once
        children = partial(Children, megabytes=settings.work.child_megabytes, preload=PRELOAD, scratch=workstation.home / "scratch")
        confined = partial(children, temp_megabytes=settings.work.child_temp_megabytes, confinement=hostile)
        self._pixels = confined(at_once, note_death=self._note_death("pixels"))
        self._reader = confined(at_once, tasks=READER_PAGES, note_death=self._note_death("reader"))
        self._fresh_reader = confined(1, tasks=1, note_death=self._note_death("reader"))
        # They hold the key and ask time authorities; what they write may be as large as all that one document brought.
        largest = max(settings.work.child_temp_megabytes, 4 * settings.intake.max_file_megabytes)
        self._sealers = children(at_once, temp_megabytes=largest, confinement=sealing, note_death=self._note_death("sealing"))
        self._baselines = Baselines()
        self._stopping = False

    def process(self, steps: Steps, document_id: str, attempt: int) -> str:
        """What happens to a document: judged, read, sealed and proved, each noted in the ledger; or held, or failed, with the reason."""
        job = self._job(document_id, str(attempt))
        stages: tuple[tuple[str, Callable[[Job], None], Callable[..., State]], ...] = (
            ("judge", self._judge, self._note_judged),
            ("read", self._read, self._note_read),
            ("prove", self._prove, self._note_proved),
        )
        state = State.RECEIVED
        for name, work, note in stages:
            trouble = steps.work(name, self._guarded, work, job)
            if trouble is not None:
                state = State(steps.record(f"{name} trouble", partial(self._note_trouble, job=job, trouble=trouble)))
                break
            state = State(steps.record(f"{name} noted", partial(self._noted, note=note, job=job)))
            if state not in OPEN_STATES - {State.RECEIVED}:
                break
        self._clear(job)
        return state

    def read_late(self, steps: Steps, document_id: str, attempt: int) -> str:
        """Another try at reading a sealed document: the text then lives beside the archive, which stays as it is."""
        job = self._job(document_id, f"late-{attempt}")
        trouble = steps.work("judge again", self._guarded, self._judge, job) or steps.work(
            "read late", self._guarded, self._read_patiently, job
        )
        steps.record("late reading noted", lambda session: self._note_late(session, job, trouble))
        self._clear(job)
        return State.SEALED

    def rescue(self, steps: Steps, document_id: str, attempt: int, error: BaseException) -> str:
        """A story broke off between its steps: say so on the document, so that a person sees it and may retry."""
        if self._stopping:
            raise Stopping from error
        log.error("document %s: the story broke off", document_id, exc_info=error)
        job = self._job(document_id, str(attempt))
        trouble = {"problem": problem_of(error).code, "detail": repr(error)}
        return str(steps.record("broken off", partial(self._note_trouble, job=job, trouble=trouble)))

    def _note_death(self, kind: str) -> Callable[[str], None]:
        return lambda how: self._workstation.tallies.note("child-deaths", f"{kind}|{how}")

    def _job(self, document_id: str, name: str) -> Job:
        return Job(document_id, self._workstation.work_folder(document_id) / name)

    def warm_up(self) -> None:
        """Load the reader before the first document asks for it; a failure here shows again, in words, at the first document."""
        self._reader.begin(pixels.warm_reader, self._reader_options)
        self._sealers.begin(pixels.open_keys, self._workstation.settings)

    def halt(self) -> None:
        """From here on a step that breaks off is neither done nor failed: it runs again at the next start, or on another machine."""
        self._stopping = True

    def stop(self) -> None:
        """End the children, in the middle of what they do."""
        self.halt()
        self._pixels.stop()
        self._sealers.stop()
        self._reader.stop()
        self._fresh_reader.stop()

    def _guarded(self, work: Callable[[Job], None], job: Job) -> dict[str, str] | None:
        """Run a step; trouble is a value, for the engine would not bring an exception back as it was."""
        step, begun = work.__name__.strip("_"), time.monotonic()
        if job.lacks(step):
            return {"problem": ELSEWHERE, "detail": ""}
        with lines_about(document=job.document_id, original=self._fingerprint(job.document_id), step=step):
            try:
                job.folder.mkdir(parents=True, exist_ok=True)
                work(job)
            except (Exception, SystemExit) as error:
                if self._stopping:
                    raise Stopping from error
                problem, detail = problem_of(error).code, "".join(traceback.format_exception_only(error)).strip()
                told = {"cause": problem, "seconds": round(time.monotonic() - begun, 3)}
                # A traceback only where the mistake is ours.
                log.warning("document %s: %s: %s", job.document_id, problem, detail, exc_info=problem == "unexpected", extra=told)
                self._workstation.tallies.note("troubles", problem, by_hour=True)
                return {"problem": problem, "detail": detail}
            spent = time.monotonic() - begun
            self._workstation.tallies.note_step(step, spent)
            log.debug("document %s: %s in %.1f s", job.document_id, step, spent, extra={"seconds": round(spent, 3)})
        return None

    def _fingerprint(self, document_id: str) -> str:
        """Beginning of its file's SHA-256, by which lines name it beside its identifier; empty while the records do not serve."""
        with suppress(*OUTAGES), self._workstation.database.reading() as session:
            return documents.first_file(session, document_id)[:16]
        return ""

    # --- judged -----------------------------------------------------------------------------------

    def _judge(self, job: Job) -> None:
        """Examine the files in which its pages lie, then every page's pixels once."""
        with self._workstation.database.reading() as session:
            document = documents.get_document(session, job.document_id)
            attempt = int(job.folder.name) if job.folder.name.isdecimal() else document.attempt
            originals, places, name = originals_of(document), places_of(document), document.title
            baseline = self._baselines.of(session, document.station)
            limits = self._policy(document).limits
        scans = [(sha256, self._examine(sha256, name)) for sha256 in originals]
        try:
            sheets = place_sheets(scans, places)
        except KeyError as error:
            raise DamagedOriginal(str(error)) from error
        findings = place_findings(scans, sheets) + self._take_invoice(job, scans, name)
        spoilt = {f.page for f in findings if f.level is Level.BLOCKING}
        mixed = {f.page for f in findings if f.code == "mixed-page"}
        with ThreadPoolExecutor(self._pixels.count) as threads:
            judged = list(
                threads.map(lambda sheet: self._judge_pixels(job, sheet, attempt, sheet.page.number in mixed, limits, baseline), sheets)
            )
        for each in judged:
            self._publish_images(job, each.page.number, attempt)
            # A page that cannot be decoded is said once.
            # What a page lacks is not told beside what the whole file lacks.
            seen = each.findings if each.raster or not spoilt & {None, each.page.number} else ()
            findings += [*judge_page(each.page, limits), *seen]
        pixels.write_json(
            job.judged,
            {
                "pages": [
                    {
                        "original": sheet.sha256,
                        "format": sheet.format,
                        "coding": asdict(each.page),
                        "raster": each.raster,
                        "scale": each.scale,
                        "shown": each.shown,
                        "seen": each.seen,
                    }
                    for sheet, each in zip(sheets, judged, strict=True)
                ],
                "findings": [asdict(f) for f in findings],
            },
        )

    def _examine(self, sha256: str, name: str) -> Scan:
        original = self._workstation.originals.path(sha256)
        if self._workstation.originals.verify(sha256) is not Condition.SOUND:
            raise DamagedOriginal(sha256)
        try:
            return self._pixels.run(pixels.examine_file, EXAMINE_SECONDS, original, self._caps, name)
        except (OverBudget, PoisonPage) as error:
            return Scan(Format.UNKNOWN, original.stat().st_size, (), (finding("poison-page", measured=str(error)),))

    def _take_invoice(self, job: Job, scans: Sequence[tuple[str, Scan]], name: str) -> list[Finding]:
        """The XML of an electronic invoice is laid aside for the reading; what its rules say of it."""
        found: list[Finding] = []
        for sha256, scan in scans:
            if scan.format not in pixels.DRAWN:
                continue
            try:
                looked = self._pixels.run(pixels.find_invoice, INVOICE_SECONDS, self._workstation.originals.path(sha256), scan.format, name)
            except (OverBudget, PoisonPage) as error:
                found.append(electronic.unfound(scan.format, error))
                continue
            found += looked.findings
            if looked.invoice is not None and looked.structured is not None:
                electronic.keep_invoice(looked.invoice, job.invoice)
                found += self._run_rules(looked.invoice, looked.structured)
                break
        return found

    def _run_rules(self, invoice: electronic.Invoice, structured: Structured) -> tuple[Finding, ...]:
        """After the invoice was kept: whatever becomes of its rules, its values count."""
        try:
            return self._pixels.run(pixels.rules_told, INVOICE_SECONDS, invoice, structured)
        except (OverBudget, PoisonPage) as error:
            return electronic.rules_untold(invoice, structured, error)

    def _judge_pixels(self, job: Job, sheet: Sheet, attempt: int, mixed: bool, limits: Limits, baseline: Baseline) -> pixels.JudgedPage:
        page = sheet.page
        settings = self._workstation.settings
        ahead = page.number <= COPIES_AHEAD
        # Where they are to lie: nothing that may be there is asked for.
        light, thumb = (
            derived_root(settings) / preview_name(settings, job.document_id, page.number, kind, attempt) for kind in ("page", "thumb")
        )
        try:
            return self._pixels.run(
                pixels.judge_pixels,
                PAGE_SECONDS,
                pixels.PageSource(self._workstation.originals.path(sheet.sha256), sheet.format, page, self._caps.max_pixels),
                mixed,
                limits,
                baseline,
                self._reader_options,
                pixels.Copies(job.copy(page.number) if ahead else None, job.whole(page.number) if ahead else None, light, thumb),
            )
        except (OverBudget, PoisonPage) as error:
            return pixels.JudgedPage(page, None, (finding("poison-page", page=page.number, measured=str(error)),), 1.0, False, {})

    def _publish_images(self, job: Job, page: int, attempt: int) -> None:
        """For the desks of other machines, where the store is a bucket."""
        for kind in ("page", "thumb"):
            name = preview_name(self._workstation.settings, job.document_id, page, kind, attempt)
            if (self._workstation.home / name).is_file():
                publish(self._workstation.settings, name)

    def _noted(self, session: Session, note: Callable[..., State], job: Job) -> State:
        """Write what a step found; nothing of a document that a person took out of the work meanwhile, whose sealed draft goes, too."""
        document = documents.get_document(session, job.document_id)
        if document.state in OPEN_STATES:
            return self._start_over(session, job) if job.lacks(note.__name__.strip("_")) else note(session, job=job)
        proof = _load(job.proof) if job.proof.exists() else {}
        if proof and session.get(Archive, proof["sha256"]) is None:
            self._workstation.archives.drop(proof["sha256"], ".pdf")
        return document.state

    def _start_over(self, session: Session, job: Job) -> State:
        """A worker died in its own home, and what it made for the next step with it."""
        if documents.start_over(session, job.document_id, int(job.folder.name), self._workstation.clock()):
            log.warning("document %s: begun on another machine, started over", job.document_id)
        return documents.get_document(session, job.document_id).state

    def _note_judged(self, session: Session, job: Job) -> State:
        """Findings, pages and verdict; a blocked document is held unless a person decided to work it with the paper kept."""
        judged = _load(job.judged)
        document = documents.get_document(session, job.document_id)
        policy = self._policy(document)
        judged_findings = [finding_from(f) for f in judged["findings"]]
        found = (*weigh_document(session, document, policy, judged_findings), *batches.told_of_batch(document))
        facts = [
            documents.PageFact(p["coding"]["number"], p["original"], {**p["coding"], "format": p["format"]}, p["raster"], p["seen"])
            for p in judged["pages"]
        ]
        documents.replace_findings(session, document.id, found)
        documents.replace_pages(session, document.id, facts)
        document.verdict = verdict(found)
        document.problem = document.problem_detail = None
        now = self._workstation.clock()
        alone = batches.settle_judged(session, document, self._recipe(document), now, self._new_id)
        if alone and document.document_type == batches.PASSPORT:
            # What a device does wrong is what its passport is there to say: it is sealed as it is.
            document.paper_stays = True
            station, readings = self._station(document), [p["seen"].get("target") for p in judged["pages"]]
            take_target(session, document, readings, found, now, device=(station and station.scanner) or "", limits=policy.limits)
        sealable = bool(facts) and all(page["shown"] for page in judged["pages"])
        held = not sealable or (document.verdict == "blocked" and not document.paper_stays)
        if alone:
            documents.move_document(document, State.HELD if held else State.JUDGED, now)
        payload = {
            "verdict": document.verdict,
            "findings": sorted({f.code for f in found}),
            "rasters": [fact.raster or "" for fact in facts],
            "policy": policy.as_json(),
            "source": document.source,
            "tolerance": document.tolerance_id,
            "paper_stays": document.paper_stays,
            **kind_note(document),
        }
        kind = "held" if alone and held else "judged"
        self._enter(session, document, kind, {"rasters": rasters_hash([fact.raster for fact in facts])}, payload)
        return document.state

    def _policy(self, document: Document) -> Policy:
        """That of its station on the day on which it came in, however late it is judged."""
        return policy_of(self._workstation.settings, document.station, document.received_at.date())

    def _recipe(self, document: Document) -> Recipe:
        """How the stacks of the document's station are cut; a station that is no longer set up cuts nothing."""
        station = self._station(document)
        return recipe_of(station) if station else Recipe()

    def _station(self, document: Document) -> Station | None:
        return next((station for station in self._workstation.settings.stations if station.name == document.station), None)

    # --- read -------------------------------------------------------------------------------------

    def _read(self, job: Job) -> None:
        self._read_within(job, self._workstation.settings.reading.page_seconds, self._workstation.settings.reading.document_seconds)

    def _read_patiently(self, job: Job) -> None:
        if not job.judged.exists():
            self._judge(job)  # What was judged lies with a machine that died: that costs none of the tries.
        patience = 10.0
        reading = self._workstation.settings.reading
        self._read_within(job, patience * reading.page_seconds, patience * reading.document_seconds)

    def _read_within(self, job: Job, page_seconds: float, document_seconds: float) -> None:
        """Read the pages within the budget; a page that fails has no text, and the others keep theirs."""
        judged = _load(job.judged)
        deadline = time.monotonic() + document_seconds
        with self._workstation.database.reading() as session:
            known = known_of(self._workstation.settings, documents.get_document(session, job.document_id))

        def read(page: dict[str, Any]) -> PageText | Finding | None:
            if page["format"] == Format.XML:
                return None  # Nothing is read from a picture that we drew ourselves.
            left = min(page_seconds, deadline - time.monotonic())
            return self._read_page(job, page, left, f"{page_seconds:g} s")

        with ThreadPoolExecutor(self._reader.count) as threads:
            results = list(threads.map(read, judged["pages"]))
        texts = [each for each in results if isinstance(each, PageText)]
        left = max(deadline - time.monotonic(), FIELDS_SECONDS)
        fields, troubles = self._find_fields(self._pixels, texts, known, min(page_seconds, left))
        second = list(self._look_again(job, judged["pages"], doubtful_in(fields, texts), deadline))
        for page in judged["pages"]:
            job.whole(page["coding"]["number"]).unlink(missing_ok=True)
        told = {
            "pages": [each.as_json() for each in texts],
            "troubles": [asdict(each) for each in (*results, *troubles) if isinstance(each, Finding)],
            "second": [each.as_json() for each in second],
            "fields": [field_json(field) for field in weigh(fields, second).values()],
        }
        pixels.write_json(job.texts, told)
        # Before the records' turn, which waits for no network; nobody sees it until its row stands there.
        self._lay_reading(job)

    def _lay_reading(self, job: Job) -> None:
        """The text and the second look, from which values are read anew later, where every machine finds them."""
        settings, path, told = self._workstation.settings, reading_name(job), _load(job.texts)
        pixels.write_json(derived_root(settings) / path, {"pages": told["pages"], "second": told.get("second", [])})
        publish(settings, path)

    def _find_fields(
        self, workers: Children, texts: Sequence[PageText], known: Known, seconds: float
    ) -> tuple[dict[str, Field], tuple[Finding, ...]]:
        """What the pages say, found in a child, for pages may be hostile. Without its answer the document goes on, and that is said."""
        if not texts:
            return {}, ()
        try:
            return workers.run(pixels.find_fields, seconds, texts, known), ()
        except OverBudget:
            return {}, (finding("reading-over-budget", measured=f"> {seconds:.0f} s", limit=f"{seconds:g} s"),)
        except PoisonPage as error:
            return {}, (finding("reading-failed", measured=str(error)[:300]),)

    def _look_again(self, job: Job, pages: Sequence[dict[str, Any]], places: Sequence[Place], deadline: float) -> Iterator[SecondReading]:
        """Doubtful places read by the other engine; a look that fails, or for which no time is left, says nothing."""
        for page in pages:
            number = page["coding"]["number"]
            asked = tuple(place for place in places if place.page == number)
            left = min(PAGE_SECONDS, deadline - time.monotonic())
            if asked and left > 0:
                looked = (self._source(page), page["raster"] is None, job.whole(number), asked, self._reader_options)
                with suppress(ReadingFailed, PoisonPage, OverBudget, Undecodable):
                    yield from self._pixels.run(pixels.look_again, left, *looked)

    def _source(self, page: dict[str, Any]) -> pixels.PageSource:
        original = self._workstation.originals.path(page["original"])
        return pixels.PageSource(original, Format(page["format"]), page_from(page["coding"]), self._caps.max_pixels)

    def _read_page(self, job: Job, page: dict[str, Any], seconds: float, limit: str) -> PageText | Finding:
        number, copy = page["coding"]["number"], job.copy(page["coding"]["number"])
        try:
            if seconds <= 0:
                raise OverBudget(limit)
            if not copy.exists():
                self._pixels.run(pixels.copy_page, PAGE_SECONDS, self._source(page), page["raster"] is None, self._reader_options, copy)
            arguments = (copy, page["scale"], number, self._reader_options)
            try:
                text = self._reader.run(pixels.read_copy, seconds, *arguments)
            except engines.OverBudget:
                raise
            except ReadingFailed as error:
                # A reader that ran out of memory fails oddly; a fresh process tells whether it is the page.
                log.warning("document %s, page %d: %s; read again in a fresh process", job.document_id, number, error)
                text = self._fresh_reader.run(pixels.read_copy, seconds, *arguments)
        except (OverBudget, engines.OverBudget):
            return finding("reading-over-budget", page=number, measured=f"> {max(seconds, 0):.0f} s", limit=limit)
        except (ReadingFailed, PoisonPage, Undecodable) as error:
            return finding("reading-failed", page=number, measured=str(error)[:300])
        copy.unlink(missing_ok=True)
        return text

    def _note_read(self, session: Session, job: Job) -> State:
        document = documents.get_document(session, job.document_id)
        self._complete_reading(job, document)
        texts, troubles = pixels.load_texts(job.texts), [finding_from(f) for f in _load(job.texts)["troubles"]]
        told = self._told(session, document, job, texts)
        by_page = {text.page: text for text in texts}
        cues = check_document([page_fact(page, page.number, by_page.get(page.number)) for page in document.current_pages])
        for found in (*troubles, *cues, *told.apart):
            documents.add_finding(session, document.id, found)
        if (cues or told.apart) and document.verdict == "conform":
            document.verdict = "review"
        session.flush()
        session.expire(document, ["findings"])
        for earlier in document.readings:
            # Of an attempt that was never sealed.
            earlier.in_archive = False
        self._keep_reading(session, document, job, texts, told, in_archive=True)
        pixels.write_json(job.values, fields_json(told.fields))
        judge_particulars(session, document, texts, self._workstation.settings)
        documents.move_document(document, State.READ, self._workstation.clock())
        self._enter_reading(session, document, job, texts, told.page)
        return document.state

    def _complete_reading(self, job: Job, document: Document) -> None:
        """A reading that the version before finished, and that this one notes, has no values yet; others wait meanwhile."""
        told = _load(job.texts)
        if "fields" not in told:
            texts, known = pixels.load_texts(job.texts), known_of(self._workstation.settings, document)
            fields, troubles = self._find_fields(self._fresh_reader, texts, known, FIELDS_SECONDS)
            second = pixels.load_second(job.texts)
            told["fields"] = [field_json(field) for field in weigh(fields, second).values()]
            told["troubles"] += [asdict(each) for each in troubles]
            pixels.write_json(job.texts, told)

    def _told(self, session: Session, document: Document, job: Job, texts: Sequence[PageText]) -> Told:
        """What the document says, by what is known and learned as it is recorded; which lessons spoke is noted."""
        settings = self._workstation.settings
        fields = {field.name: field for field in map(field_from, _load(job.texts)["fields"])}
        told = told_of(texts, fields, memory_of(session, settings, document.entity), electronic.kept_invoice(job.invoice))
        learned.note_uses(session, document.id, told.uses, self._workstation.clock())
        return told

    def _keep_reading(
        self, session: Session, document: Document, job: Job, texts: Sequence[PageText], told: Told, *, in_archive: bool
    ) -> None:
        """Where its text lies; the values that the page and the XML tell."""
        path = reading_name(job)
        if not (derived_root(self._workstation.settings) / path).exists():
            self._lay_reading(job)  # The version before finished this reading.
        session.add(
            Reading(
                document_id=document.id,
                version=documents.next_version(session, Reading, document.id),
                engine=texts[0].engine if texts else "",
                path=str(path),
                words=sum(len(t.words) for t in texts),
                in_archive=in_archive,
                read_at=self._workstation.clock(),
            )
        )
        documents.replace_fields(session, document.id, field_rows(document.id, told))

    def _enter_reading(self, session: Session, document: Document, job: Job, texts: Sequence[PageText], page: Mapping[str, Field]) -> None:
        """The values that were read are committed to by their hash, so that one changed later in the records shows."""
        read, invoice = {name: field_text(field.value) for name, field in page.items()}, electronic.kept_invoice(job.invoice)
        words = sum(len(text.words) for text in texts)
        payload = {"engine": texts[0].engine if texts else "", "words": words, "verdict": document.verdict}
        if invoice:
            payload["structured"] = fields_hash({name: field_text(field.value) for name, field in invoice.fields.items()})
        self._enter(session, document, "read", {"fields": fields_hash(read)}, payload)

    def _note_late(self, session: Session, job: Job, trouble: dict[str, str] | None) -> State:
        document = documents.get_document(session, job.document_id)
        if document.state != State.SEALED:
            return document.state  # A person took it away, or had it corrected, meanwhile.
        if trouble is None:
            self._complete_reading(job, document)
        done = trouble is None and not _load(job.texts)["troubles"]
        if done:
            texts = pixels.load_texts(job.texts)
            told = self._told(session, document, job, texts)
            self._keep_reading(session, document, job, texts, told, in_archive=False)
            documents.drop_findings(session, document.id, ("reading-failed", "reading-over-budget", "structured-differs"))
            for found in told.apart:
                documents.add_finding(session, document.id, found)
            judge_particulars(session, document, texts, self._workstation.settings)
            self._enter_reading(session, document, job, texts, told.page)
        documents.note_late_try(document, done, self._workstation.clock())
        return document.state

    # --- proved -----------------------------------------------------------------------------------

    def _prove(self, job: Job) -> None:
        """Seal and prove in a child, then put the proved file into the archive, where it can only be written once."""
        require_clock(self._workstation)
        texts = pixels.load_texts(job.texts)
        with self._workstation.database.reading() as session:
            document = documents.get_document(session, job.document_id)
            limits = self._policy(document).limits
            leaves = tuple(self._leaf(page.sha256, page.coding, limits) for page in document.current_pages)
            rasters = tuple(page.raster or "" for page in document.current_pages)
            troubles = [f["code"] for f in _load(job.texts)["troubles"]]
            times = {kind: at.isoformat(timespec="milliseconds") for _, kind, at, _ in story_of(session, document.id)}
            names = [arrival.name for arrival in documents.arrivals_of(session, document) if not arrival.duplicate]
            if not job.values.exists():
                # The version before, which noted this reading, laid none aside.
                pixels.write_json(job.values, fields_json(fields_of(row for row in document.fields if row.source != "person")))
            wanted = profile_for(self._workstation.settings, document.document_type)
            company = self._workstation.settings.of_company(document.entity)
            mandate = require_mandate(session, company, self._workstation.clock().date())
            require_dossier(session, company)
            compose = partial(
                capture_data,
                document,
                names,
                times,
                verdict_note(session, document, self._workstation.settings),
                reading_note(texts, troubles[0] if troubles else None),
                _load(job.values),
                Witnessed(document.entity, tree_of(session, document.entity)),
                practice=self._workstation.settings.sealing.mode == "practice",
            )
            data = {profile: compose(profile=profile) for profile in profiles_open(self._workstation.settings, wanted)}
            metadata = Metadata(document.title, bytes.fromhex(document.id), self._workstation.clock())
            plan = pixels.Plan(
                leaves,
                rasters,
                job.texts,
                job.data,
                metadata,
                document.paper_stays,
                document.source == Source.ELECTRONIC or job.invoice.exists(),
                passport_files(session, document, self._workstation.settings.language),
                signable=needs_signature(document.document_type),
            )
        proved, granted = self._seal_as(job, plan, data, wanted)
        checks = [{"name": c.name, "ok": c.ok, "detail": c.detail, "english": c.english} for c in proved.verification.checks]
        pixels.write_json(
            job.proof,
            {
                "valid": proved.verification.valid,
                "sha256": proved.sha256,
                "size": proved.size,
                "attached": proved.attached,
                "practice": proved.practice,
                "checks": checks,
                "level": "" if granted is EvidenceProfile.FISCAL_MIN else "B-LTA",
                "profile": granted.value,
                "wanted": wanted.value,
                "qualified": proved.qualified,
                "authority": proved.verification.authority,
                "own_time": proved.own_time,
                "mandate": None if mandate is None else str(mandate.id),
            },
        )
        # After its proof is told: what is kept and never noted is found by it, and dropped.
        if proved.verification.valid:
            self._workstation.archives.keep(job.sealed, ".pdf")

    def _seal_as(
        self, job: Job, plan: pixels.Plan, data: Mapping[EvidenceProfile, bytes], wanted: EvidenceProfile
    ) -> tuple[pixels.Proved, EvidenceProfile]:
        """Seal under the wanted profile; a copie fiable of which nothing proves qualified is sealed anew under the lesser name, where the
        house chose so. Raises NothingQualified where it did not: then nothing enters the archive."""
        proved = None
        for profile, told in data.items():
            pixels.write_whole(job.data, told)
            seconds = PROVE_SECONDS + 30 * len(plan.leaves)
            shaped = replace(plan, profile=profile)
            proved = self._sealers.run(pixels.seal_and_prove, seconds, shaped, job.sealed, self._workstation.settings)
            if profile is not EvidenceProfile.COPIE_FIABLE or proved.qualified or not proved.verification.valid:
                return proved, profile
            job.sealed.unlink(missing_ok=True)
        raise NothingQualified(wanted)

    def _leaf(self, sha256: str, coding: dict[str, Any], limits: Limits) -> pixels.LeafPlan:
        page = page_from(coding)
        source = pixels.PageSource(self._workstation.originals.path(sha256), Format(coding["format"]), page, self._caps.max_pixels)
        return pixels.LeafPlan(source, sha256, physical_dpi(page, limits))

    def _note_proved(self, session: Session, job: Job) -> State:
        proof = _load(job.proof)
        document = documents.get_document(session, job.document_id)
        now = self._workstation.clock()
        if not proof["valid"]:
            document.problem = "proof-failed"
            document.problem_detail = "; ".join(f"{c['name']}: {c['detail']}" for c in proof["checks"] if not c["ok"])
            documents.move_document(document, State.FAILED, now)
            self._enter(session, document, "failed", {}, {"problem": "proof-failed", "detail": document.problem_detail})
            return document.state
        session.add(
            Archive(
                sha256=proof["sha256"],
                document_id=document.id,
                version=documents.next_version(session, Archive, document.id),
                size=proof["size"],
                attached=proof["attached"],
                level=proof.get("level", "B-LTA"),
                practice=proof["practice"],
                profile=proof.get("profile"),
                qualified=proof.get("qualified"),
                checks=proof["checks"],
                sealed_at=now,
            )
        )
        documents.move_document(document, State.SEALED, now)
        documents.note_unread(document, any(f.code.startswith("reading-") for f in document.findings), now)
        facts = [documents.PageFact(p.number, p.sha256, p.coding, p.raster) for p in document.current_pages]
        objects = {"archive": proof["sha256"], "rasters": rasters_hash([fact.raster for fact in facts])}
        payload = {"practice": proof["practice"], "size": str(proof["size"]), "paper_stays": document.paper_stays}
        # A proof that the version before left behind names no profile: it sealed everything.
        payload |= {"level": proof.get("level", "B-LTA"), "evidence": proof.get("profile", "fiscal-seal")}
        if proof.get("mandate"):
            payload["mandate"] = proof["mandate"]
        if proof.get("wanted", payload["evidence"]) != payload["evidence"]:
            payload["evidence_wanted"] = proof["wanted"]
        if proof.get("authority"):
            payload |= {"authority": proof["authority"], "own_time": proof["own_time"]}
        payload |= dossier_payload(_load(job.data).get("dossier"), self._workstation.settings.organisation.dossier)
        session.flush()
        session.expire(document, ["archives"])
        payload["retain_until"] = keep_retention(session, document, self._workstation.settings, now).until
        self._enter(session, document, "sealed", objects, payload | kind_note(document))
        return document.state

    # --- trouble and order ------------------------------------------------------------------------

    def _note_trouble(self, session: Session, job: Job, trouble: dict[str, str]) -> State:
        """A passing trouble is tried again by itself, later and later; any other waits for a person, with its reason."""
        document = documents.get_document(session, job.document_id)
        now = self._workstation.clock()
        if document.state == State.SEALED:
            documents.note_late_try(document, False, now)
            return document.state
        if document.state not in OPEN_STATES:
            return document.state  # A person took it out of the work meanwhile: it stays where they put it.
        if trouble["problem"] == ELSEWHERE:
            return self._start_over(session, job)
        retry = PROBLEMS[trouble["problem"]].retry
        if retry is not None:
            documents.retry_later(document, trouble["problem"], trouble["detail"], now, retry * min(2**document.tries, 64))
            return document.state
        document.problem, document.problem_detail = trouble["problem"], trouble["detail"]
        documents.move_document(document, State.HELD if trouble["problem"] == "cannot-archive" else State.FAILED, now)
        batches.form_when_ready(session, document.batch, self._recipe(document), now, self._new_id)
        kind = "held" if document.state == State.HELD else "failed"
        self._enter(session, document, kind, {}, {"problem": trouble["problem"], "detail": trouble["detail"][:1000]})
        return document.state

    def _enter(self, session: Session, document: Document, kind: str, objects: dict[str, str], payload: dict[str, Any]) -> None:
        identity = {"document": document.id, "original": originals_of(document)[0]}
        append_event(session, Event(document.entity, kind, {**identity, **objects}, SYSTEM, self._workstation.clock(), "system", payload))

    def _clear(self, job: Job) -> None:
        """Derived files, of this attempt and of those before it, are not needed once the outcome stands in the records.

        One before it may have sealed and died, or met a full disk, before the records could say so: its file goes, too. A later attempt may
        be at work already, in its own folder beside.
        """
        clear_attempt(self._workstation, job.folder)
        with suppress(OSError):
            for folder in list(job.folder.parent.glob("*")):
                if _older(folder.name, job.folder.name):
                    clear_attempt(self._workstation, folder)
            job.folder.parent.rmdir()


def rooms_of(workstation: Workstation) -> tuple[Confinement | None, Confinement | None]:
    """What children may open that parse what strangers made, and what those may that hold the key."""
    if not workstation.settings.work.confined:
        return None, None
    home = workstation.home
    stores = tuple(store.root for store in (workstation.originals, workstation.archives) if isinstance(getattr(store, "root", None), Path))
    reads = (*stores, *(home / name for name in ("originals", "archive", "readings", "cache")))
    hostile = Confinement(reads, (home / "work", derived_root(workstation.settings) / "light"), programs_named("tesseract"), private=home)
    return hostile, Confinement(files=False, network=True)


def _older(attempt: str, than: str) -> bool:
    """Late readings are counted apart and clear away their own folders only."""
    return attempt.isdecimal() and than.isdecimal() and int(attempt) < int(than)


def physical_dpi(page: Page, limits: Limits) -> tuple[float, float]:
    """Dots per inch at which the page is laid out: its own; else those of the sheet that its pixels fit; else the policy's.

    The archive needs a size; what was assumed is told by the findings in it.
    """
    if page.dpi is not None:
        return page.dpi
    fit = fitting_sheet(page, limits)
    dpi = fit[1] if fit else limits.min_dpi
    return dpi, dpi


def reading_name(job: Job) -> Path:
    """In a home, by what was read: a try that was taken over, or runs twice, changes nothing of what another one noted."""
    told = _load(job.texts)
    words = json.dumps([told["pages"], told.get("second", [])], sort_keys=True).encode()
    return Path("readings") / job.document_id / f"{hashlib.sha256(words).hexdigest()[:16]}.json"


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
