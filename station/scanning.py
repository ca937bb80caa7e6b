"""Scanning as a job of the server: a thread feeds the device page by page, and each page is safe on the disk before the next is fed.

The program is SANE's `scanimage` in batch mode with a prompt: it waits for our word before each page. A finished page is written through
to the disk under a hidden name and then gets its own name in the station's folder, which is the only door to the intake. The browser may
be closed.
"""

import logging
import os
import queue
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from typing import IO

from capture import scanners
from capture.hotfolder import FED_BY_US
from capture.originals import sync_folder
from capture.scanners import Abilities, Option, Plan, Refusal, Scanner, Source, Stop, Wish
from config.options import limits_of
from config.settings import Settings, Station
from station import outgoing
from station.disk import Room, look_at_disk
from station.problems import PROBLEMS
from station.slots import hold_slot, is_held
from station.workstation import Workstation

log = logging.getLogger("sceau.scanning")
ASK_SECONDS = 60.0
"""The longest that a device may take to be listed or to tell what it offers: the network is searched for some seconds."""
STOP_SECONDS = 10.0
"""How long a program may take to end: by itself, once it was told to stop or has named a trouble; then after each signal."""
SILENT_SECONDS = 300.0
"""The longest without a sign of life at a page: a lamp warms up, and some drivers hand a page over only when they have it whole."""
LISTEN_SECONDS = 0.25
"""So late a stop, a trouble or an end without a page is noticed."""
KEPT_JOBS = 50
HIDDEN = "." + FED_BY_US
"""Beginning of a page's name until it is whole and safe; the intake passes it over."""
ABANDONED = 3600.0
"""Seconds after which a page that was never finished is taken for a crash's leavings."""
_DEVICES = Path("/sys/bus/usb/devices")


class CannotScan(Exception):
    """Nothing was begun; `code` has its words in `station.problems`."""

    def __init__(self, code: str, offered: str = "") -> None:
        super().__init__(f"{code} {offered}".strip())
        self.code, self.offered = code, offered


class State(StrEnum):
    """What a job is doing."""

    SCANNING = "scanning"
    PAUSED = "paused"
    """Waits for a person: a jam, an empty feeder, the next sheet on the glass."""
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """A run of one device into one station, as it stands now."""

    id: str
    station: str
    device: str
    person: str
    source: Source
    state: State
    started_at: datetime
    changed_at: datetime
    pages: int = 0
    """Pages that are whole and in the station's folder."""
    files: tuple[str, ...] = ()
    """Their names there, in order."""
    trouble: str = ""
    """Code of why it waits or ended early, or of why the last page did not come; its words are in `station.problems`."""
    notes: tuple[str, ...] = ()

    @property
    def living(self) -> bool:
        return self.state in (State.SCANNING, State.PAUSED)

    @property
    def next_sheet(self) -> int:
        """Number of the sheet that comes next, from 1; of two-sided sheets, one whose back is missing comes again."""
        return self.pages // 2 + 1 if self.source is Source.DUPLEX else self.pages + 1

    def words(self, language: str = "fr") -> str:
        """What a person reads."""
        english = language == "en"
        if self.trouble and self.state is not State.DONE:
            said = PROBLEMS[self.trouble].words(language).format(good=self.pages, next=self.next_sheet)
            if self.source is Source.DUPLEX and self.pages % 2:
                said += " " + (ONE_SIDE_EN if english else ONE_SIDE_FR)
            return said
        counted = f"{self.pages} page{'s' if self.pages > 1 else ''}"
        taken = f"{counted} taken" if english else f"{counted} prise{'s' if self.pages > 1 else ''}"
        return {
            State.SCANNING: f"The scanner is at work: {taken}." if english else f"Le scanner travaille : {taken}.",
            State.PAUSED: taken,
            State.DONE: (f"Finished: {taken}." if english else f"Terminé : {taken}.") + self._missed(language),
            State.CANCELLED: f"Stopped: {taken}, kept." if english else f"Arrêté : {taken}, conservée{'s' if self.pages > 1 else ''}.",
        }[self.state]

    def _missed(self, language: str) -> str:
        """Of a page that was at work when a person finished, and did not come."""
        if not self.trouble:
            return ""
        problem = PROBLEMS[self.trouble]
        said = MISSED_EN + problem.happened_en if language == "en" else MISSED_FR + problem.happened
        return said.format(good=self.pages, next=self.next_sheet)


MISSED_FR = " La feuille {next} n'est pas prise : scannez-la à part. "
MISSED_EN = " Sheet {next} is not taken: scan it by itself. "
ONE_SIDE_FR = "De cette feuille le recto est déjà pris : il viendra deux fois, et l'écran le dira."
ONE_SIDE_EN = "The front of this sheet is taken already: it will come twice, and the screen will say so."


# --- asking devices ---


def list_scanners(program: str = "scanimage", devices: Path = _DEVICES, fetch: Callable[[str], str] | None = None) -> tuple[Scanner, ...]:
    """Every device that SANE finds, identified by UUID or serial number where it gives one. Takes seconds. Raises CannotScan."""
    fetch = fetch or _fetch
    found = scanners.parse_devices(_ask(program, "-f", scanners.LIST_FORMAT))
    discovered: Mapping[str, str] = {}
    if any(scanner.device.startswith("airscan:e") for scanner in found) and shutil.which("airscan-discover"):
        discovered = scanners.parse_discovered(_ask("airscan-discover"))
    return scanners.tell_apart(_known(scanner, discovered, devices, fetch) for scanner in found)


def _known(scanner: Scanner, discovered: Mapping[str, str], devices: Path, fetch: Callable[[str], str]) -> Scanner:
    if place := scanners.usb_place(scanner.device):
        return scanners.with_serial(scanner, usb_serial(*place, devices))
    if address := scanners.address_of(scanner, discovered):
        return scanners.with_description(scanner, fetch(address.rstrip("/") + "/ScannerCapabilities"))
    return scanner


def usb_serial(bus: int, number: int, devices: Path = _DEVICES) -> str:
    """Serial number of the device at this place of the USB, as the kernel read it; empty where it has none."""
    for folder in devices.glob("*") if devices.is_dir() else ():
        with suppress(OSError, ValueError):
            if (int(_line(folder / "busnum")), int(_line(folder / "devnum"))) == (bus, number):
                return _line(folder / "serial")
    return ""


def _line(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip()


def _fetch(address: str) -> str:
    """What a device on the network says of itself; empty where it does not answer at once."""
    try:
        # A scanner is in the house's own network; it leads to no other host.
        return outgoing.fetch(outgoing.checked(address, True), 3.0, most=1_000_000).body.decode("utf-8", "replace")
    except (outgoing.NotAllowed, OSError):
        return ""


def resolve_scanner(wanted: str, program: str = "scanimage") -> Scanner:
    """The device of this identity or SANE name; a name that is not listed may still answer, by its address. Raises CannotScan."""
    if re.match(r"(escl|airscan):.*https?://", wanted):
        given = scanners.parse_devices(f"{wanted}\t\t\tnetwork")[0]
        return _known(given, {}, _DEVICES, _fetch)
    listed = list_scanners(program)
    found = scanners.find_scanner(wanted, listed)
    if found is None and not wanted and listed:
        raise CannotScan("scan-choose", ", ".join(scanner.identity for scanner in listed))
    if found is None:
        raise CannotScan("scan-not-found", wanted)
    return found


def ask_options(device: str, set_first: Sequence[str] = (), program: str = "scanimage") -> dict[str, Option]:
    """What a device offers, with some options set before it is asked: others come and go with them. Raises CannotScan."""
    return scanners.parse_options(_ask(program, "-d", device, *set_first, "-A"))


def abilities_of(scanner: Scanner, wish: Wish, program: str = "scanimage") -> Abilities:
    """Sources, and whether this device can give what the house asks; asked again as it will be set. Raises CannotScan."""
    options = ask_options(scanner.device, program=program)
    first = scanners.abilities_of(scanner, options, wish)
    if first.plan is None:
        return first
    chosen = [word for word in first.plan.arguments if word.startswith(("--source=", "--mode=", "--page-"))]
    with suppress(CannotScan):
        return scanners.abilities_of(scanner, ask_options(scanner.device, chosen, program), wish)
    return first


def _ask(program: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [program, *arguments],
            capture_output=True,
            env=_environment(),
            timeout=ASK_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise CannotScan("scan-no-program", program) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotScan(Stop.LOST, str(error)) from error
    if done.returncode and not done.stdout:
        said = done.stderr.decode("utf-8", "replace")
        raise CannotScan(scanners.why_stopped(done.returncode, said), said.strip().splitlines()[-1] if said.strip() else "")
    return done.stdout.decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    """SANE's words are translated; ours are made from the English ones."""
    return {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en"}


def job_json(job: Job, language: str = "fr") -> dict[str, object]:
    """Plain values, as `scan --json` prints them."""
    return {
        "job": job.id,
        "state": str(job.state),
        "pages": job.pages,
        "files": list(job.files),
        "trouble": job.trouble,
        "message": job.words(language),
    }


def wish_of(settings: Settings, source: Source | None = None) -> Wish:
    """What the house asks of a device."""
    return Wish(source, limits_of(settings).min_dpi)


def source_of(name: str) -> Source | None:
    """flatbed, feeder or duplex; none where nothing is asked. Raises CannotScan for another word."""
    try:
        return Source(name) if name else None
    except ValueError as error:
        raise CannotScan("scan-no-source", ", ".join(Source)) from error


def scan_words(error: CannotScan, language: str) -> str:
    """Why nothing was begun, as a person reads it."""
    said = PROBLEMS[error.code].words(language).format(good=0, next=1)
    return f"{said} ({error.offered})" if error.offered else said


def describe_scanners(settings: Settings, program: str = "scanimage") -> Iterator[dict[str, object]]:
    """Each device that is found, with whether it may be used and why not, in plain values. Raises CannotScan."""
    wish, language = wish_of(settings), settings.language
    for scanner in list_scanners(program):
        told: dict[str, object] = {"device": scanner.device, "identity": scanner.identity, "stable": scanner.stable}
        told["name"] = f"{scanner.vendor} {scanner.model}".strip() or scanner.device
        try:
            able = abilities_of(scanner, wish, program)
        except CannotScan as error:
            yield {**told, "usable": False, "sources": [], "notes": [], "message": scan_words(error, language)}
            continue
        refusal = CannotScan(f"scan-{able.refusal.code}", able.refusal.offered) if able.refusal else None
        listed = ", ".join(able.sources)
        message = scan_words(refusal, language) if refusal else " ; ".join((listed, *able.notes))
        yield {**told, "usable": able.usable, "sources": list(able.sources), "notes": list(able.notes), "message": message}


# --- jobs ---


@dataclass(slots=True)
class _Run:
    """What only the job's own thread and those who speak to it know."""

    folder: Path
    plan: Plan
    said: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)
    """resume, finish, cancel."""
    finish: bool = False
    cancel: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    thread: threading.Thread | None = None


@dataclass(slots=True)
class _Patience:
    """How long a program at a page is still waited for. Drivers hang, most of all after a trouble: no person is to wait for them."""

    since: float
    """Seconds, of its last sign of life."""
    written: int = 0
    """Bytes of the page."""
    ending_since: float | None = None

    def is_over(self, now: float, written: int, *, ending: bool) -> bool:
        """`ending`: it was told to stop, or has named a trouble, so that nothing but its end is to come."""
        if ending and self.ending_since is None:
            self.ending_since = now
        if written != self.written:
            self.since, self.written = now, written
        if self.ending_since is not None:
            return now - self.ending_since > STOP_SECONDS
        return now - self.since > SILENT_SECONDS


class _Hangs(Exception):
    """A device's program gives no sign of life, or does not end; what it said since the last page."""


class Scanning:
    """Every job of this process. All answers are values; nothing here touches the records, for the folder is the door."""

    def __init__(
        self,
        workstation: Workstation,
        program: str = "scanimage",
        chance: Callable[[], str] = lambda: token_hex(2),
    ) -> None:
        self._workstation = workstation
        self._program = program
        self._chance = chance
        """A few letters that tell apart what two processes scan in the same second."""
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._runs: dict[str, _Run] = {}
        for station in workstation.settings.stations:
            folder, now = workstation.settings.folder_of(station), workstation.clock().timestamp()
            rescue_pages(folder, now, living=lambda job_id: bool(is_held(workstation.home, slot_of(job_id))))

    def start(self, station: Station, scanner: Scanner, wish: Wish, person: str) -> str:
        """Begin to scan into a station's folder; returns the job's identifier. Raises CannotScan, and then nothing was begun."""
        folder = self._workstation.settings.folder_of(station)
        if folder.is_relative_to(self._workstation.home):
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise CannotScan("scan-no-folder", str(folder))
        abilities = abilities_of(scanner, wish, self._program)
        if abilities.plan is None:
            refusal = abilities.refusal or Refusal("not-found")
            raise CannotScan(f"scan-{refusal.code}", refusal.offered)
        now = self._workstation.clock()
        with self._lock:
            if any(job.living and job.device == scanner.device for job in self._jobs.values()):
                raise CannotScan(Stop.BUSY, scanner.device)
            job_id = f"{now:%Y%m%d-%H%M%S}-{self._chance()}"
            plan = abilities.plan
            self._jobs[job_id] = Job(job_id, station.name, scanner.device, person, plan.source, State.SCANNING, now, now, notes=plan.notes)
            run = self._runs[job_id] = _Run(folder, plan)
            self._forget_oldest()
        run.thread = threading.Thread(target=self._work, args=(job_id, run), name=f"sceau-scan-{job_id}", daemon=True)
        run.thread.start()
        return job_id

    def jobs(self) -> tuple[Job, ...]:
        """Newest first."""
        with self._lock:
            return tuple(reversed(self._jobs.values()))

    def state(self, job_id: str) -> Job | None:
        """How a job stands; None for one that this process does not know."""
        with self._lock:
            return self._jobs.get(job_id)

    def resume(self, job_id: str) -> Job | None:
        """Go on after a jam, an empty feeder, or with the next sheet on the glass."""
        return self._say(job_id, "resume")

    def finish(self, job_id: str) -> Job | None:
        """No further sheet: the page at work is still taken."""
        return self._say(job_id, "finish")

    def cancel(self, job_id: str) -> Job | None:
        """Stop the device now. Pages that are taken stay taken; the sheet in the device comes out half read."""
        return self._say(job_id, "cancel")

    def close(self) -> None:
        """Let each device finish its page, then stop."""
        living = [job.id for job in self.jobs() if job.living]
        for job_id in living:
            self.finish(job_id)
        for job_id in living:
            run = self._runs[job_id]
            if run.thread is not None:
                run.thread.join(STOP_SECONDS)
                if run.thread.is_alive():
                    self.cancel(job_id)
                    run.thread.join(STOP_SECONDS)
                if run.thread.is_alive() and (hanging := run.process) is not None:
                    # Else it would outlive us and keep the device.
                    hanging.kill()
                    run.thread.join(STOP_SECONDS)

    def _say(self, job_id: str, word: str) -> Job | None:
        with self._lock:
            run, job = self._runs.get(job_id), self._jobs.get(job_id)
        if run is None or job is None or not job.living:
            return job
        if word == "resume":
            if job.state is State.PAUSED:
                # At once, so that a second press on the same screen does nothing.
                self._change(job_id, state=State.SCANNING, trouble="")
                run.said.put(word)
            return self.state(job_id)
        run.finish = True
        run.cancel = run.cancel or word == "cancel"
        if run.cancel and run.process is not None:
            with suppress(OSError):
                run.process.send_signal(signal.SIGINT)
        run.said.put(word)
        return self.state(job_id)

    def _forget_oldest(self) -> None:
        ended = [job.id for job in self._jobs.values() if not job.living]
        for job_id in ended[: max(0, len(self._jobs) - KEPT_JOBS)]:
            del self._jobs[job_id], self._runs[job_id]

    def _change(self, job_id: str, **what: object) -> Job:
        with self._lock:
            job = replace(self._jobs[job_id], changed_at=self._workstation.clock(), **what)  # type: ignore[arg-type]
            self._jobs[job_id] = job
        return job

    # --- the job's own thread ---

    def _work(self, job_id: str, run: _Run) -> None:
        """The job, under its lock; without a lock (a full disk) nothing is fed."""
        try:
            with _at_work(self._workstation.home, job_id):
                self._run(job_id, run)
        except OSError:
            log.exception("scan %s ended", job_id)
            self._change(job_id, state=State.CANCELLED, trouble=str(Stop.FAILED))

    def _run(self, job_id: str, run: _Run) -> None:
        """Feed until the stack is through or a person has had enough; each trouble waits for a person."""
        why = ""
        try:
            while not run.finish:
                why = self._feed(job_id, run)
                if run.finish or (why == Stop.EMPTY and self._jobs[job_id].pages and self._jobs[job_id].source is not Source.FLATBED):
                    break
                self._change(job_id, state=State.PAUSED, trouble=str(why))
                log.warning("scan %s: %s after page %d", job_id, why, self._jobs[job_id].pages)
                run.said.get()
                why = ""
        except Exception:
            log.exception("scan %s ended", job_id)
            self._change(job_id, state=State.CANCELLED, trouble=str(Stop.FAILED))
        else:
            # "Finish" was said while a page was at work, and it did not come.
            missed = "" if run.cancel or why in ("", Stop.EMPTY) else str(why)
            self._change(job_id, state=State.CANCELLED if run.cancel else State.DONE, trouble=missed)
        finally:
            rescue_pages(run.folder, None, job_id)
            for half_read in run.folder.glob(f"{HIDDEN}{job_id}-*.part"):
                # A person stopped the device; the sheet is in their hands.
                half_read.unlink(missing_ok=True)

    def _feed(self, job_id: str, run: _Run) -> str:
        """One run of the program, from the next page on; returns why it ended."""
        with tempfile.TemporaryFile() as said:
            command = self._command(job_id, run)
            run.process = process = subprocess.Popen(
                command, cwd=run.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=_environment(), bufsize=0
            )
            hung: str | None = None
            try:
                if why := self._feed_pages(job_id, run, process, said):
                    return why
            except _Hangs as error:
                hung = str(error)
            finally:
                _end(process, hangs=hung is not None)
                run.process = None
            if hung is None:
                return scanners.why_stopped(process.returncode, _words_since(said, 0))
            # How it ended is our doing: only its words count.
            why = scanners.why_stopped(1, hung)
            return Stop.LOST if why == Stop.FAILED else why

    def _command(self, job_id: str, run: _Run) -> list[str]:
        job = self._jobs[job_id]
        batch = [f"--batch={HIDDEN}{job_id}-%04d.tif", f"--batch-start={job.pages + 1}", "--batch-print", "--batch-prompt"]
        return [self._program, "-d", job.device, *run.plan.arguments, "--format=tiff", *batch]

    def _feed_pages(self, job_id: str, run: _Run, process: "subprocess.Popen[bytes]", said: IO[bytes]) -> str:
        """Say "next" and take the page, again and again; returns why no further one, empty where the program knows. Raises _Hangs."""
        while not run.finish:
            if _no_room(run.folder, self._workstation.home):
                return "scan-disk-full"
            page = self._take_page(job_id, run, process, said)
            if not page:
                return ""
            name = keep_page(run.folder, page)
            job = self._jobs[job_id]
            job = self._change(job_id, pages=job.pages + 1, files=(*job.files, name))
            if job.source is Source.FLATBED and not run.finish:
                # The program is kept, and with it the device: the lamp is warm for the next sheet.
                self._change(job_id, state=State.PAUSED, trouble="scan-next-sheet")
                run.said.get()
        return Stop.EMPTY

    def _take_page(self, job_id: str, run: _Run, process: "subprocess.Popen[bytes]", said: IO[bytes]) -> str:
        """Hidden name of the next page, once it is whole; empty where the program ended. Raises _Hangs where neither comes."""
        begin = _length(said)
        _press_return(process.stdin)
        if process.stdout is None:
            return ""
        half = run.folder / f"{HIDDEN}{job_id}-{self._jobs[job_id].pages + 1:04d}.tif.part"
        with selectors.DefaultSelector() as ear:
            ear.register(process.stdout, selectors.EVENT_READ)
            patience = _Patience(time.monotonic())
            while not ear.select(LISTEN_SECONDS):
                if process.poll() is not None and not ear.select(0):
                    # A driver's own helper may outlive it and keep the pipe open.
                    return ""
                words = _words_since(said, begin)
                ending = run.cancel or scanners.names_trouble(words)
                if patience.is_over(time.monotonic(), _size(half, patience.written), ending=ending):
                    raise _Hangs(words)
        return process.stdout.readline().decode("utf-8", "replace").strip()


def slot_of(job_id: str) -> str:
    """Name of the lock that a job holds while it lives."""
    return f"scan-{job_id}-0"


@contextmanager
def _at_work(home: Path, job_id: str) -> Iterator[None]:
    """The kernel releases the lock when this process dies; only then may another process take the job's pages for left behind."""
    with hold_slot(home, f"scan-{job_id}", count=1) as name:
        try:
            yield
        finally:
            with suppress(OSError):
                (home / "slots" / name).unlink()


def _no_room(*folders: Path) -> bool:
    return any(look_at_disk(folder).room is Room.NONE for folder in folders)


def _press_return(stdin: IO[bytes] | None) -> None:
    """What the program waits for before it feeds a page. It may have ended meanwhile, which its output tells."""
    with suppress(OSError):
        if stdin is not None:
            stdin.write(b"\n")
            stdin.flush()


def _end(process: "subprocess.Popen[bytes]", *, hangs: bool = False) -> None:
    """No further page; what does not end by itself is ended, and what hangs is not waited for first.

    The output of one that lives is read to the end: a program whose pipe is closed forgets why it stopped.
    """
    for number in (signal.SIGINT, signal.SIGKILL) if hangs else (None, signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            break
        if number is not None:
            process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=STOP_SECONDS)
    process.poll()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _length(said: IO[bytes]) -> int:
    return os.fstat(said.fileno()).st_size


def _words_since(said: IO[bytes], begin: int) -> str:
    """What a program said from there on, the newest 4 kB. Not by a seek: the file's position is where the program writes."""
    begin = max(begin, _length(said) - 4000)
    return os.pread(said.fileno(), 4000, begin).decode("utf-8", "replace")


def _size(path: Path, last: int) -> int:
    """Bytes of a page at work; the last ones known where the folder, perhaps a share, cannot tell."""
    try:
        return path.stat().st_size
    except OSError:
        return last


# --- pages ---


def keep_page(folder: Path, hidden: str) -> str:
    """Write a whole page through to the disk, then give it the name under which the intake sees it; returns that name. Raises OSError."""
    path = folder / hidden
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    name = hidden.removeprefix(".")
    path.rename(folder / name)
    sync_folder(folder)
    return name


def rescue_pages(folder: Path, now: float | None, job_id: str = "", living: Callable[[str], bool] = lambda _job: False) -> list[str]:
    """Name the pages that a job of a dead process left hidden, so that the intake takes them; returns their names.

    Pages of a job that is `living`, in whatever process, are its own to name.
    Whole ones at once. One that was cut short only an hour later (`now`, seconds): the intake holds it as damaged, so a person sees it.
    """
    rescued: list[str] = []
    with suppress(OSError):
        for path in sorted(folder.glob(f"{HIDDEN}{job_id}*")):
            if living(path.name.removeprefix(HIDDEN).rsplit("-", 1)[0]):
                continue
            whole = path.suffix == ".tif"
            if whole or (path.suffix == ".part" and now is not None and now - path.stat().st_mtime > ABANDONED):
                page = path if whole else path.rename(path.with_suffix(""))
                rescued.append(keep_page(folder, page.name))
    return rescued
