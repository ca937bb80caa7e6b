"""The command line.

Exit codes: 0 all is well, 1 the command could not run, 2 wrong usage, 3 something is held or does not conform, 4 something failed.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.console import Console
from rich.progress import track
from rich.text import Text

from capture.hotfolder import plain_name
from config.logs import Form, start_logs
from config.secrets import load_secrets
from config.settings import Settings, Station, Unusable, load_settings, make_folder, write_example

if TYPE_CHECKING:
    from conformity.clauses import ClauseRow
    from sealing.verify import Verification
    from station.package import Tell
    from station.scanning import Scanning
    from station.web.words import Words
    from station.workstation import Workstation

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help="Sceau: scans in, sealed and proved PDF/A-3 out."
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
Files = Annotated[list[Path], typer.Argument(help="Files", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line and file.")]


@app.command()
def serve(
    host: str = "",
    port: int = 0,
    practice: Annotated[bool, typer.Option("--practice", help="The practice space beside this installation, in SCEAU_HOME/essai.")] = False,
) -> None:
    """Start the workstation: web pages, folder watcher and worker in one process."""
    with _settings() as settings:
        from config.spaces import open_practice_space
        from station.serve import serve_station

        write_example(settings.home)
        chosen = open_practice_space(settings) if practice else settings
        server = chosen.server.model_copy(update={k: v for k, v in (("host", host), ("port", port)) if v})
        raise typer.Exit(serve_station(chosen.model_copy(update={"server": server}), err.print))


@app.command()
def work() -> None:
    """A further worker on the same database and stores; stops on Ctrl-C."""
    with _settings() as settings:
        from station.machines import require_ledger_keys
        from station.running import Running
        from station.slots import hold_slot
        from station.witnesses import stand_by_witnesses
        from station.workstation import open_workstation

        workstation = open_workstation(settings)
        # First: without the keys its own memory of what was witnessed cannot be right either, and the keys are what is to be mended.
        require_ledger_keys(workstation)
        stand_by_witnesses(workstation)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with hold_slot(settings.home, "work") as executor:
            running = Running(workstation, "work", executor, watch=False)
            running.start()
            err.print(f"{executor}: au travail")
            stop.wait()
            running.stop()


@app.command()
def take(files: Files, station: str = "", as_json: AsJson = False) -> None:
    """Take files in now and wait: exit 0 all archived or duplicate, 3 some held, 4 some failed."""
    with _settings() as settings:
        from station.machines import require_ledger_keys
        from station.take import TakeResult, take_files
        from station.witnesses import stand_by_witnesses
        from station.workstation import open_workstation

        chosen = _station(settings, station)
        worst = 0

        def show(result: TakeResult) -> None:
            nonlocal worst
            waits = result.state == "waiting" and any(found.code == "work-waits" for found in result.findings)
            worst = max(worst, 3 if waits else {"held": 3, "failed": 4}.get(result.state, 0))
            if as_json:
                _print_json(result.as_json())
            else:
                out.print(f"{result.state:9}  {plain_name(result.file)}  {result.sealed or result.message}", markup=False)

        workstation = open_workstation(settings)
        require_ledger_keys(workstation)
        stand_by_witnesses(workstation, ask=False)
        take_files(workstation, chosen, files, lambda: uuid4().hex, show, _progress(len(files)))
        raise typer.Exit(worst)


@app.command()
def check(files: Files, as_json: AsJson = False) -> None:
    """Judge conformity only, without a database: exit 0 when all conform, 3 otherwise."""
    with _settings() as settings:
        from capture.catalogue import message
        from config.options import caps_of, organisation_of, policy_of
        from conformity.inspect import check_json, check_scan, clause_rows, not_checked, with_findings
        from sealing.incoming import signed_findings

        today = datetime.now(UTC).date()
        policy, organisation = policy_of(settings, settings.stations[0].name, today), organisation_of(settings)

        conform = True
        for file in _steps(files, "check"):
            reason = _no_file(file)
            with _openable(file) as path:
                checked = check_scan(path, caps_of(settings), policy.limits) if reason is None else not_checked(reason)
                checked = with_findings(checked, signed_findings(path, checked.findings))
            conform = conform and checked.verdict == "conform"
            rows = clause_rows(checked, policy, organisation, today)
            if as_json:
                _print_json(check_json(file, checked, rows, settings.language))
                continue
            out.print(f"{checked.verdict:8}  {plain_name(str(file))}", markup=False)
            for each in checked.findings:
                out.print(f"          {each.level}: {message(each, settings.language)}", markup=False)
            for line in _clause_lines(rows, settings.language):
                out.print(f"          {line}", markup=False)
        raise typer.Exit(0 if conform else 3)


@app.command()
def read(files: Files, as_json: AsJson = False) -> None:
    """Read text and fields only, without a database: exit 0 when every file was read, 4 otherwise."""
    with _settings() as settings:
        from config.options import caps_of, reader_of
        from station.children import reading_children
        from station.particulars import plain_findings
        from station.read import read_file
        from station.reading import known_by
        from station.web.words import words_in

        worst = 0
        judge = partial(plain_findings, settings=settings, today=datetime.now(UTC).date())
        with reading_children(
            settings.work.documents_at_once, settings.work.child_megabytes, settings.work.child_temp_megabytes
        ) as workers:
            for file in _steps(files, "read"):
                result = read_file(file, caps_of(settings), reader_of(settings), judge, workers, known_by(settings))
                worst = max(worst, 4 if result.trouble else 0)
                if as_json:
                    _print_json(result.as_json())
                    continue
                out.rule(Text(plain_name(str(file))), align="left")
                out.print(result.trouble or result.text, markup=False)
                for name, value in result.fields.items():
                    if value not in (None, []):
                        for line in _told_value(name, value, words_in(settings.language)):
                            out.print(f"  {name:20} {line}", markup=False)
        raise typer.Exit(worst)


def _told_value(name: str, value: object, words: "Words") -> list[str]:
    """A value as people write it; a list row by row."""
    from station.web.show import show_rows

    rows = show_rows(name, json.dumps(value), None, words) if isinstance(value, list) else None
    if rows is None:
        return [str(value)]
    return ["; ".join(f"{head} {cell}" for head, cell in zip(rows.head, row, strict=True) if cell) for row in rows.rows]


@app.command()
def verify(
    files: Annotated[list[Path] | None, typer.Argument(help="Sealed PDF files", show_default=False)] = None,
    trust: Annotated[Path | None, typer.Option(help="PEM file of the roots to trust; default: those of this installation.")] = None,
    ledger: Annotated[bool, typer.Option("--ledger", help="Check the ledger's chain, records, stores and witnesses.")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify sealed files offline, or the ledger: exit 0 only when all holds."""
    if not files and not ledger:
        raise typer.BadParameter("name a sealed PDF, or --ledger")
    with _settings() as settings:
        from sealing.keys import UnusableKey, load_trust
        from sealing.verify import verify_file
        from station.keyring import known_roots, known_seal_roots

        valid = True
        try:
            roots = load_trust(trust) if trust else known_roots(settings)
            seals = None if trust else known_seal_roots(settings)
        except (OSError, UnusableKey, ValueError) as error:
            raise typer.BadParameter(f"{trust or 'trust.roots'}: {error}") from error
        for file in _steps(files or [], "verify"):
            reason = _no_file(file)
            with _openable(file) as path:
                checks = [("file", False, reason)] if reason else _verified(settings, path, verify_file(path, roots, seals=seals))
            holds = all(ok for _, ok, _ in checks)
            valid = valid and holds
            _show_checks(str(file), holds, checks, as_json)
        if ledger:
            from station.audit import audit_ledger
            from station.workstation import open_workstation

            english = settings.language == "en"
            audited = list(audit_ledger(open_workstation(settings)))
            good = all(each.ok for each in audited)
            valid = valid and good
            told = [(a.name, None if a.bare and not as_json else a.ok, a.english if english else a.detail) for a in audited]
            _show_checks("ledger", good, told, as_json)
        raise typer.Exit(0 if valid else 4)


@app.command()
def clock(
    confirm: Annotated[bool, typer.Option("--confirm", help="You compared the clock and answer for it: sealing goes on.")] = False,
    login: Annotated[str, typer.Option(help="Who confirms it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check the clock now, by time servers and the machine's steady clock: exit 0 when sealing goes on and servers answer, else 3."""
    if confirm and not login:
        raise typer.BadParameter(
            "--confirm demande --login, qui va au registre. Rien n'a changé. / it goes into the ledger; nothing changed"
        )
    with _settings() as settings:
        from station.problems import problem_of
        from station.timekeeping import ClockStepped, ClockWrong, check_clock, clock_words, confirm_clock, require_clock
        from station.workstation import open_workstation

        workstation = _with_people(open_workstation(settings))
        look = check_clock(workstation)
        try:
            if confirm:
                confirm_clock(workstation, login)
            require_clock(workstation)
            trouble = None
        except (ClockWrong, ClockStepped) as error:
            trouble = problem_of(error)
        if as_json:
            answers = {answer.server: answer.offset for answer in look.answers}
            _print_json({"health": look.health, "offset": look.offset, "servers": answers, "problem": trouble and trouble.code})
        else:
            out.print(clock_words(look, settings.language), markup=False)
            if trouble is not None:
                err.print(trouble.words(settings.language), markup=False)
        unheard = bool(settings.time.servers) and not look.answers
        raise typer.Exit(3 if trouble is not None or unheard else 0)


@app.command()
def renew(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what is due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Timestamp anew the sealed files whose newest timestamp ends soon: exit 0 all done or none due, 3 when some are due or late."""
    with _settings() as settings:
        from station.problems import PROBLEMS, problem_of
        from station.renewal import note_all_terms, renew_due, show_due
        from station.timekeeping import ClockStepped, ClockWrong
        from station.workstation import open_workstation

        workstation = open_workstation(settings)
        note_all_terms(workstation)
        left = False
        try:
            for outcome in show_due(workstation) if dry_run else renew_due(workstation, at_once=None):
                due, done = outcome.due, outcome.problem is None and not dry_run
                left = left or not done
                if as_json:
                    told = {"document": due.document_id, "archive": due.sha256, "ends": due.ends.isoformat(), "reason": due.reason}
                    _print_json({**told, "renewed": outcome.sha256, "problem": outcome.problem})
                    continue
                out.print(f"{'✓' if done else '✗'} {due.document_id}  {due.ends:%Y-%m-%d}  {due.reason}", markup=False)
                if outcome.problem is not None:
                    out.print(f"  {PROBLEMS[outcome.problem].words(settings.language)} {outcome.detail}".rstrip(), markup=False)
        except (ClockWrong, ClockStepped) as error:
            err.print(problem_of(error).words(settings.language), markup=False)
            raise typer.Exit(3) from error
        raise typer.Exit(3 if left else 0)


@app.command()
def fixity(
    everything: Annotated[bool, typer.Option("--all", help="Every kept file, not only those that are due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read kept originals and archives again and compare them with their fingerprints: exit 0 when all are sound, 4 otherwise."""
    with _settings() as settings:
        from station.fixity import read_files, report_text
        from station.workstation import open_workstation

        with _counted() as progress:
            report = read_files(open_workstation(settings), everything, progress)
        if as_json:
            _print_json(report)
        else:
            out.print(report_text(report, settings.language), markup=False, end="")
        raise typer.Exit(4 if report["bad_count"] or report["unlike"] else 0)


@app.command()
def search(
    words: Annotated[list[str] | None, typer.Argument(help="What to look for, as on the search page.", show_default=False)] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the index anew first, from what was read and what counts.")] = False,
    by_date: Annotated[bool, typer.Option("--date", help="The newest first, instead of what fits best.")] = False,
    as_json: AsJson = False,
) -> None:
    """Documents that say so, twenty at most: exit 0 when there are any, 3 when there are none."""
    with _settings() as settings:
        from station.search import look_up, rebuild_search
        from station.workstation import open_workstation

        workstation = open_workstation(settings)
        if rebuild:
            with _counted() as progress:
                count = rebuild_search(workstation, progress)
            err.print({"fr": f"{count} documents dans l'index.", "en": f"{count} documents in the index."}[settings.language], markup=False)
        if not words:
            raise typer.Exit(0 if rebuild else 2)
        total, hits = look_up(workstation, " ".join(words), "date" if by_date else "score")
        for hit in hits:
            if as_json:
                _print_json(hit)
            else:
                told = (hit[name] for name in ("document", "issue_date", "supplier_name", "invoice_number", "total_gross", "title"))
                out.print("  ".join(each for each in told if each), markup=False)
        if total > len(hits):
            err.print(
                {"fr": f"… et d'autres : {len(hits)} sur {total}.", "en": f"… and others: {len(hits)} of {total}."}[settings.language],
                markup=False,
            )
        raise typer.Exit(0 if hits else 3)


@app.command()
def keys(
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch revocation lists and trusted lists first.")] = False,
    as_json: AsJson = False,
) -> None:
    """What key seals here, its certificate and level, and what stands against it: exit 0 when it may seal, 3 otherwise."""
    with _settings() as settings:
        from station.keyring import look_at_keys
        from station.problems import problem_of
        from station.trustlists import fetch_trust
        from station.workstation import now

        for each in fetch_trust(settings, now) if fetch else ():
            err.print(f"{'✓' if each.kept else '✗'} {each.address}: {each.detail}", markup=False)
        told = look_at_keys(settings, now())
        if as_json:
            _print_json(told.as_json(settings.language))
        else:
            for line in told.lines(settings.language):
                out.print(line, markup=False)
            if told.trouble is not None:
                err.print(f"{problem_of(told.trouble).words(settings.language)} ({told.trouble})", markup=False)
        raise typer.Exit(0 if told.fit else 3)


def _verified(settings: Settings, path: Path, found: "Verification") -> list[tuple[str, bool, str]]:
    """The checks of a file; of one that is meant to bear no seal, with what this installation's ledger says of it."""
    if not found.valid and (settings.url != settings.own_file or (settings.home / "sceau.db").exists()):
        from station.evidence import with_ledger
        from station.workstation import open_workstation

        found = with_ledger(open_workstation(settings), path, found)
    return [(check.name, check.ok, check.detail) for check in found.checks]


@app.command()
def retention(as_json: AsJson = False) -> None:
    """What must be kept until when, what is held, what has passed its date: exit 0 nothing has, 3 something may go."""
    with _settings() as settings:
        from station.retention import retention_lines
        from station.workstation import open_workstation

        lines = retention_lines(open_workstation(settings))
        for line in lines:
            if as_json:
                _print_json(line)
                continue
            mark = "gel" if line["hold"] else "échu" if line["due"] else ""
            out.print(f"{line['until'] or '-':10}  {mark:5}  {line['document']}  {plain_name(line['title'])}", markup=False)
        raise typer.Exit(3 if any(line["due"] for line in lines) else 0)


@app.command()
def interest(
    amount: Annotated[str, typer.Argument(help="What was owed, EUR including VAT.", show_default=False)],
    due: Annotated[str, typer.Option(help="Last day for paying (YYYY-MM-DD or DD/MM/YYYY).", show_default=False)],
    paid: Annotated[str, typer.Option(help="Day of payment (YYYY-MM-DD or DD/MM/YYYY).", show_default=False)],
    regime: Annotated[str, typer.Option(help="Who pays: private or public.", show_default=False)],
    mode: Annotated[str, typer.Option(help="Private: each half-year's own rate (split, as usual), or the first day's (frozen).")] = "",
    as_json: AsJson = False,
) -> None:
    """What a late payment costs, derived line by line from dated rates: exit 0 computed, 1 a rate is not known, 2 wrong usage."""
    with _settings() as settings:
        from station.derivation import BadQuestion, derivation_json, derivation_lines, missing_words, read_question
        from station.rates import rates_here
        from workflow.interest import MissingRate, Regime, indemnity_of, interest_of

        try:
            asked = read_question(amount, due, paid, regime, mode, settings.language)
        except BadQuestion as error:
            err.print(str(error), markup=False)
            raise typer.Exit(2) from error
        rates = rates_here(settings)
        try:
            found = interest_of(asked.amount, asked.due, asked.paid, asked.terms, rates)
        except MissingRate as error:
            err.print(missing_words(error, settings.language, rates.halves[0].half), markup=False)
            raise typer.Exit(1) from error
        if as_json:
            _print_json(derivation_json(found))
            return
        public = asked.terms.regime is Regime.PUBLIC
        margin, indemnity = rates.public_margin if public else rates.private_margin, indemnity_of(asked.due, asked.paid, rates)
        for line in derivation_lines(found, asked.terms.regime, indemnity, margin, settings.language):
            out.print(line, markup=False)


@app.command()
def tick(
    today: Annotated[str, typer.Option(help="A day (YYYY-MM-DD or DD/MM/YYYY) in place of today; with --dry-run only.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would leave; nothing leaves and nothing is written.")] = False,
    as_json: AsJson = False,
) -> None:
    """What the agenda holds for a day: exit 0 told or handed over, 1 ladders or calendar are not admitted, 2 wrong usage."""
    with _settings() as settings:
        from station.ladder_versions import BadLadders
        from station.ticking import describe_turn, real_day, tick_lines, tick_words
        from station.ticking import tick as turn
        from station.wording import BadTemplate
        from station.workstation import open_workstation
        from workflow.calendar import NoBusinessDay

        workstation = open_workstation(settings)
        day = _tick_day(today, settings.language) if today else real_day(workstation)
        if not dry_run and day != real_day(workstation):
            err.print(tick_words("another-day", settings.language), markup=False)
            raise typer.Exit(2)
        try:
            if dry_run:
                told = describe_turn(workstation, day)
                if as_json:
                    _print_json(told)
                    return
                for line in tick_lines(told, day, settings.language):
                    out.print(line, markup=False)
                return
            done = turn(workstation, day)
        except (BadLadders, BadTemplate, NoBusinessDay) as error:
            err.print(str(error), markup=False)
            raise typer.Exit(1) from error
        if as_json:
            _print_json({"day": day.isoformat(), "planned": done.planned, "due": done.due})
            return
        counts = {"planned": done.planned, "due": done.due}
        out.print(tick_words("done", settings.language, day=day.strftime("%d/%m/%Y"), **counts), markup=False)


def _tick_day(text: str, language: str) -> date:
    from station.derivation import read_day
    from station.ticking import tick_words

    try:
        return read_day(text)
    except ValueError as error:
        err.print(tick_words("no-day", language, told=text), markup=False)
        raise typer.Exit(2) from error


@app.command()
def scanners(as_json: AsJson = False) -> None:
    """Scanners that SANE finds, and whether each can scan as the house asks: exit 0 when one can, 3 otherwise."""
    with _settings() as settings:
        from station.scanning import CannotScan, describe_scanners, scan_words

        usable = False
        try:
            for told in describe_scanners(settings):
                usable = usable or bool(told["usable"])
                if as_json:
                    _print_json(told)
                else:
                    out.print(f"{'✓' if told['usable'] else '✗'} {told['name']}  {told['identity']}\n  {told['message']}", markup=False)
        except CannotScan as error:
            err.print(scan_words(error, settings.language), markup=False)
            raise typer.Exit(1) from error
        raise typer.Exit(0 if usable else 3)


@app.command()
def scan(station: str = "", device: str = "", source: str = "", as_json: AsJson = False) -> None:
    """Scan a stack into a station's folder, page by page; on a terminal a jam is waited for: exit 0 all taken, 3 stopped early."""
    with _settings() as settings:
        from station.scanning import CannotScan, Scanning, resolve_scanner, scan_words, source_of, wish_of
        from station.workstation import open_workstation

        chosen = _station(settings, station)
        scanning = Scanning(open_workstation(settings))
        try:
            wish = wish_of(settings, source_of(source))
            job_id = scanning.start(chosen, resolve_scanner(device or chosen.scanner), wish, chosen.operator)
            raise typer.Exit(_follow_scan(scanning, job_id, settings.language, as_json))
        except CannotScan as error:
            err.print(scan_words(error, settings.language), markup=False)
            raise typer.Exit(1) from error
        finally:
            scanning.close()


@app.command()
def scanner(station: str = "", chaos: bool = False, pages: int = 3, seed: int = 0, seconds: float = 1.0, as_json: AsJson = False) -> None:
    """Play a scanner: draw invoices into a station's folder, with --chaos the way the worst devices do: exit 0 all written."""
    with _settings() as settings:
        from random import Random

        from station.chaos import TRICKS, Device, honest, play

        chosen = _station(settings, station)
        folder = settings.folder_of(chosen)
        if folder.is_relative_to(settings.home):
            folder.mkdir(parents=True, exist_ok=True)
        number = seed or Random().randrange(1, 1_000_000)  # noqa: S311 a game, replayed by its seed
        err.print(f"--seed {number} → {folder}", markup=False)
        device = Device(folder, Random(number), time.sleep, seconds, label=f"scan-{number}")  # noqa: S311 the same
        for deed in play(device, pages, TRICKS if chaos else (honest,)):
            if as_json:
                _print_json(deed.as_json())
            else:
                out.print(f"{deed.trick:12} {plain_name(deed.file)}", markup=False)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Documents by state, workers, files that are not taken in, and what keeping everything costs."""
    with _settings() as settings:
        from station.status import status_of
        from station.workstation import open_workstation

        found = status_of(open_workstation(settings))
        if as_json:
            _print_json(found)
            return
        from station.status_words import status_lines
        from station.web.words import words_in

        told = list(status_lines(found, words_in(settings.language)))
        width = max(len(heading) for heading, _ in told)
        for heading, words in told:
            out.print(f"{heading:{width}}  {words}", markup=False, soft_wrap=True)


@app.command()
def memory(
    action: Annotated[str, typer.Argument(help="list, show, undo or export")] = "list",
    number: Annotated[int, typer.Argument(help="Of a lesson, for show and undo", show_default=False)] = 0,
    reason: Annotated[str, typer.Option(help="Why a lesson is undone; goes into the ledger.")] = "",
    login: Annotated[str, typer.Option(help="Who undoes it.")] = "",
    as_json: AsJson = False,
) -> None:
    """What was learned of suppliers from corrections: list, show, undo or export it: exit 0 done, 3 no such lesson."""
    if action not in ("list", "show", "undo", "export"):
        raise typer.BadParameter("list, show, undo or export")
    if action == "undo" and not (reason.strip() and login):
        raise typer.BadParameter(
            "undo demande --reason et --login : les deux vont au registre. Rien n'a changé. / both go into the ledger; nothing changed"
        )
    with _settings() as settings:
        from station.recall import forget, recall
        from station.records.learned import NoLesson
        from station.workstation import open_workstation

        workstation = open_workstation(settings)
        try:
            told = forget(workstation, number, reason, login) if action == "undo" else recall(workstation, action, number)
        except NoLesson as error:
            err.print(
                f"Leçon {error} : il n'y en a pas, ou elle est déjà oubliée. Rien n'a changé. Lancez : sceau memory list", markup=False
            )
            raise typer.Exit(3) from error
        for each in told:
            if as_json or action == "export":
                _print_json(each)
                continue
            standing = "oubliée" if each["undone_at"] else f"{len(each['influenced'])} document(s)"
            told_of = "pli confidentiel" if each.get("confidential") else f"{each['title']} ({each['supplier']})"
            out.print(f"{each['number']:>5}  {told_of}: {each['field']} = {each['value'] or '–'}", markup=False)
            out.print(f"       {each['taught_at'][:10]}, {each['author']}; {standing}", markup=False)


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="OUT.zip", help="Where the package is written", show_default=False)],
    begin: Annotated[str, typer.Option("--from", metavar="DATE", help="First day of sealing (2026-01-01).")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day of sealing.")] = "",
    document: Annotated[str, typer.Option(help="The extract of one document instead.")] = "",
    entity: Annotated[str, typer.Option(help="Another legal entity than this installation's own.")] = "",
    volume_size: Annotated[int, typer.Option(min=1, metavar="MB", help="Largest part, in megabytes.")] = 4000,
    force: Annotated[bool, typer.Option("--force", help="Replace a package that is there already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the auditor's package of a period or of one document: exit 0 whole, 3 a sealed file is missing or damaged, 1 not written."""
    with _settings() as settings:
        from station.access import Act, Note, account_name, note_access
        from station.package import CannotExport, Exported, export_package, scope_of
        from station.packaging.words import exported_lines
        from station.workstation import open_workstation

        scope = scope_of(begin, end, document)
        if scope is None:
            raise typer.BadParameter("donnez --from et --to (2026-01-01), ou --document / give --from and --to, or --document")
        workstation = open_workstation(settings)
        try:
            with _export_progress() as tell:
                done: Exported = export_package(
                    workstation, scope, target, entity=entity or None, volume_bytes=volume_size * 1_000_000, force=force, tell=tell
                )
        except CannotExport as error:
            err.print(error.words(settings.language), markup=False)
            raise typer.Exit(1) from error
        with workstation.database.writing() as session:
            told = " ".join((*scope.as_json().values(), target.name))
            note_access(session, entity or settings.entity, Note(account_name(), Act.EXPORT, told, workstation.clock()))
        if as_json:
            _print_json(done.as_json())
        else:
            for line in exported_lines(done.as_json(), settings.language):
                out.print(line, markup=False)
        raise typer.Exit(0 if done.complete else 3)


@app.command()
def backup(
    target: Annotated[
        str, typer.Argument(metavar="[FOLDER|OUT.tar]", help="Where to; default: backup.folder of the settings.", show_default=False)
    ] = "",
    keys: Annotated[bool, typer.Option("--keys", help="Keys go along, encrypted by SCEAU_BACKUP_PASSPHRASE.")] = False,
    as_json: AsJson = False,
) -> None:
    """Back up everything while the station works: exit 0 whole, 3 a kept file was missing or damaged already, 1 not written."""
    with _settings() as settings:
        from station.backup import NoPassphrase, describe_made, noted_backup
        from station.workstation import open_workstation

        place = target or settings.backup.folder
        if not place:
            raise typer.BadParameter("nommez un dossier ou un fichier .tar, ou réglez backup.folder / name a folder or a .tar file")
        passphrase = _passphrase() if keys or (settings.backup.keys and not target) else None
        try:
            with _counted() as progress:
                made = noted_backup(open_workstation(settings), (settings.home / place).absolute(), keys=passphrase, tell=progress)
        except NoPassphrase as error:
            raise typer.BadParameter(
                "--keys demande une phrase d'au moins douze signes dans SCEAU_BACKUP_PASSPHRASE. Rien n'a été écrit. / "
                "needs a passphrase of twelve signs or more; nothing was written"
            ) from error
        except FileExistsError as error:
            raise typer.BadParameter(f"{error.filename} : existe déjà et reste tel quel / is there already and stays as it is") from error
        if as_json:
            _print_json(made.as_json())
        else:
            for line in describe_made(made, settings.language):
                out.print(line, markup=False)
        raise typer.Exit(0 if made.whole else 3)


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="A .tar, or a folder of backups (its newest).", show_default=False)],
    to: Annotated[Path, typer.Option("--to", metavar="HOME", help="An empty folder, the new SCEAU_HOME.", show_default=False)],
    database: Annotated[str, typer.Option(metavar="URL", help="An empty database; default: a file in HOME.")] = "",
    verify_all: Annotated[bool, typer.Option("--verify", help="Also every check of every sealed file.")] = False,
    witness: Annotated[list[Path] | None, typer.Option(metavar="PATH", help="Checkpoints that somebody kept: a file or folder.")] = None,
    accept_loss: Annotated[str, typer.Option(metavar="REASON", help="Why entries that a witness has seen are given up.")] = "",
    login: Annotated[str, typer.Option(help="Who accepts that loss; both go into the ledger.")] = "",
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty place and check it: exit 0 all holds, 1 nothing restored, 3 a witness saw more, 4 a check fails."""
    if bool(accept_loss.strip()) != bool(login):
        raise typer.BadParameter("--accept-loss et --login vont ensemble : les deux vont au registre / both go into the ledger")
    with _settings() as settings:
        from station.backup import PASSPHRASE_VARIABLE, WrongPassphrase
        from station.contradiction import TreeContradicted
        from station.copies import BadBackup
        from station.restore import Loss, NotEmpty, NotRestored, Wish, describe_restored, refused_words, restore_backup

        loss = Loss(accept_loss.strip(), login) if login else None
        wish = Wish(source, to.absolute(), database or None, os.environ.get(PASSPHRASE_VARIABLE), verify_all, loss, tuple(witness or ()))
        try:
            with _counted() as progress:
                done = restore_backup(wish, tell=lambda _what, count: progress(count, 0))
        except TreeContradicted as error:
            err.print(refused_words(error, settings.language), markup=False)
            raise typer.Exit(3) from error
        except (BadBackup, NotEmpty, NotRestored, WrongPassphrase) as error:
            err.print(refused_words(error, settings.language), markup=False)
            raise typer.Exit(1) from error
        if as_json:
            _print_json(done.as_json())
        else:
            for line in describe_restored(done, settings.language):
                out.print(line, markup=False)
        raise typer.Exit(0 if done.holds else 4)


@app.command()
def upgrade(
    rehearse: Annotated[bool, typer.Option("--rehearse", help="On a copy only; nothing is changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the tables to this version: copied, rehearsed on the copy, verified, then switched: exit 0 done or nothing to do, 1 failed."""
    with _settings() as settings:
        from station.records.database import open_database
        from station.rehearsal import upgrade as rehearsed_upgrade
        from station.workstation import now

        database = open_database(settings.url)
        try:
            done = rehearsed_upgrade(database, settings.home, now, switch=not rehearse)
        finally:
            database.close()
        if as_json:
            _print_json(done.as_json())
        else:
            out.print(done.words(settings.language), markup=False)


def _passphrase() -> str:
    """From the environment, or asked for on a terminal."""
    from station.backup import PASSPHRASE_VARIABLE

    given = os.environ.get(PASSPHRASE_VARIABLE, "")
    if not given and sys.stdin.isatty():
        given = str(typer.prompt("Phrase secrète / passphrase", hide_input=True, confirmation_prompt=True))
    return given


@contextmanager
def _counted() -> Iterator[Callable[[int, int], None]]:
    """Tells a person on a terminal how many of how many are done; says nothing to a program."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with err.status("") as line:
        yield lambda done, total: line.update(f"{done}/{total}")


@contextmanager
def _export_progress() -> "Iterator[Tell]":
    """Tells a person on a terminal how far the package is; says nothing to a program."""
    if not sys.stderr.isatty():
        yield lambda _progress: None
        return
    with err.status("") as line:
        yield lambda progress: line.update(f"{progress.done}/{progress.total}, {progress.bytes // 1_000_000} Mo")


@app.command()
def ledger(
    action: Annotated[str, typer.Argument(help="show, checkpoint, prove, compare, witness, accept or origin")] = "show",
    target: Annotated[
        str, typer.Argument(help="Of prove an entry's number, of compare a checkpoint's file, of origin the former key", show_default=False)
    ] = "",
    entity: Annotated[str, typer.Option(help="Another legal entity than this installation's own.")] = "",
    reason: Annotated[str, typer.Option(help="Of accept and origin: why; goes into the ledger.")] = "",
    login: Annotated[str, typer.Option(help="Who says so.")] = "",
    as_json: AsJson = False,
) -> None:
    """The log's checkpoints and witnesses: exit 0 done and it holds, 3 nothing to show, 4 the log contradicts what was witnessed."""
    if action not in ("show", "checkpoint", "prove", "compare", "witness", "accept", "origin"):
        raise typer.BadParameter("show, checkpoint, prove, compare, witness, accept or origin")
    if (action == "prove" and not target.isdecimal()) or (action == "compare" and not target):
        raise typer.BadParameter("prove NUMÉRO, compare FICHIER / prove NUMBER, compare FILE")
    if action in ("accept", "origin") and not (reason.strip() and login):
        raise typer.BadParameter(
            f"{action} demande --reason et --login : les deux vont au registre. Rien n'a changé. / both go into the ledger; nothing changed"
        )
    with _settings() as settings:
        from sealing.checkpoint import BadNote
        from station.checkpoints import UnknownFormerKey
        from station.logbook import Asked, answer_ledger
        from station.workstation import open_workstation

        asked = Asked(action, entity or settings.entity, target, reason, login)
        try:
            answer = answer_ledger(_with_people(open_workstation(settings)), asked)
        except (UnknownFormerKey, BadNote) as error:
            raise typer.BadParameter(
                f"la clé d'avant manque ou n'est pas celle-là ({error}) : recopiez-la d'un paquet ou de la page du registre "
                "(sceau ledger origin CLÉ). Rien n'a changé. / the former key is missing: copy it from a package; nothing changed"
            ) from error
        if as_json:
            _print_json(answer.told)
        else:
            for line in answer.lines(settings.language):
                out.print(line, markup=False)
        raise typer.Exit(answer.code)


@app.command()
def dossier(as_json: AsJson = False) -> None:
    """Versions of the organisation dossier, and whether it still says what is set: exit 0 in force and unchanged, 3 otherwise."""
    with _settings() as settings:
        from station.dossier import dossier_lines, newest_dossier, pending_changes
        from station.workstation import open_workstation

        with open_workstation(settings).database.reading() as session:
            lines, changes = dossier_lines(session, settings), pending_changes(session, settings)
            in_force = newest_dossier(session, settings.entity)
        for each in lines:
            if as_json:
                _print_json(each)
            else:
                out.print(f"v{each['version']}  {each['standing']:9}  {(each['signed_at'] or '–')[:10]:10}  {each['reason']}", markup=False)
        if not as_json and in_force is None:
            out.print("Aucun dossier en vigueur : page « Organisation » / no dossier in force", markup=False)
        if not as_json and in_force is not None and changes is not None:
            out.print(f"{len(changes)} changement(s) depuis : préparez une version / changed since: prepare a version", markup=False)
        raise typer.Exit(0 if in_force is not None and changes is None else 3)


@app.command()
def rules(
    action: Annotated[str, typer.Argument(help="check or replay", show_default=False)],
    files: Annotated[list[Path] | None, typer.Argument(help="Files; none: those that come with Sceau", show_default=False)] = None,
    against: Annotated[str, typer.Option(help="Of replay: a version, by number or hash; none: the one in force.")] = "",
    first: Annotated[str, typer.Option(help="Of replay: first day, ISO; none: thirty days ago.")] = "",
    last: Annotated[str, typer.Option(help="Of replay: last day, ISO; none: today.")] = "",
    entity: Annotated[str, typer.Option(help="Legal entity; none: the installation's.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check rule and circuit files, or replay one on past documents: exit 0 it holds, 1 a file cannot be read, 3 one is refused."""
    if action == "check":
        _check_rules(files or [])
    elif action == "replay" and files and len(files) == 1:
        _replay_rules(files[0], against, (first, last), entity, as_json=as_json)
    else:
        raise typer.BadParameter("check [FICHIER…], replay FICHIER / check [FILE…], replay FILE")


def _check_rules(files: list[Path]) -> None:
    from config.rulebook import check_named, shipped_files
    from station.lookups import outside_nowhere, outside_of

    outside = outside_nowhere()
    if os.environ.get("SCEAU_HOME"):
        with _settings() as settings:
            outside = outside_of(settings)
    try:
        found = check_named(files or shipped_files(), outside)
    except OSError as error:
        err.print(f"{error.filename} : illisible ({error.strerror}). Rien n'a changé. / cannot be read; nothing changed", markup=False)
        raise typer.Exit(1) from error
    for each in found:
        for flaw in each.flaws:
            out.print(flaw.told(str(each.path)), markup=False)
    raise typer.Exit(0 if all(each.holds for each in found) else 3)


def _replay_rules(file: Path, against: str, days: tuple[str, str], entity: str, *, as_json: bool) -> None:
    with _settings() as settings:
        from station.replay import CIRCUIT, RULES, NoVersion, Period, Unreadable, replay_file, replay_lines
        from station.workstation import open_workstation

        today = datetime.now(UTC).date()
        try:
            last = date.fromisoformat(days[1]) if days[1] else today
            first = date.fromisoformat(days[0]) if days[0] else last - timedelta(days=30)
            text = file.read_text(encoding="utf-8")
        except ValueError as error:
            raise typer.BadParameter(
                f"jour ou texte illisible ({error}). Rien n'a changé. / unreadable day or text; nothing changed"
            ) from error
        except OSError as error:
            err.print(f"{file} : illisible ({error.strerror}). Rien n'a changé. / cannot be read; nothing changed", markup=False)
            raise typer.Exit(1) from error
        kind = CIRCUIT if file.name.endswith(".circuit.yaml") else RULES
        try:
            told, result = replay_file(open_workstation(settings), entity or settings.entity, kind, text, against, Period(first, last))
        except Unreadable as error:
            for flaw in error.flaws:
                out.print(flaw.told(str(file)), markup=False)
            raise typer.Exit(3) from error
        except NoVersion as error:
            raise typer.BadParameter(
                f"aucune version de « {error} » ne répond à --against. Rien n'a changé. / no such version; nothing changed"
            ) from error
        if as_json:
            _print_json({"against": told, **result.as_json()})
        else:
            for line in replay_lines(told, result, settings.language):
                out.print(line, markup=False)


@app.command()
def controls(as_json: AsJson = False) -> None:
    """The plan of internal controls, and what is late: exit 0 nothing is late, 3 otherwise."""
    with _settings() as settings:
        from station.controls import control_lines, overdue_controls
        from station.workstation import open_workstation

        day = datetime.now(UTC).date()
        with open_workstation(settings).database.reading() as session:
            lines, late = control_lines(session, settings.entity, day), overdue_controls(session, settings.entity, day)
        for each in lines:
            if as_json:
                _print_json(each)
            else:
                never = "never done" if settings.language == "en" else "jamais fait"
                mark = "✗" if each["late"] else "✓" if each["last"] else "–"
                out.print(f"{mark} {each['code']:12} {each['last'] or never:11}  {each['name']}", markup=False)
        for one in late:
            if as_json:
                _print_json({"overdue": one.kind, "code": one.code, "due": one.due.isoformat(), "owner": one.owner, "what": one.what})
            elif one.kind != "control":
                out.print(f"✗ {one.what}, {one.due.isoformat()}, {one.owner}", markup=False)
        raise typer.Exit(3 if late else 0)


@app.command()
def access(
    target: Annotated[str, typer.Argument(metavar="[OUT.csv]", help="Where it is written; nothing: to the screen")] = "",
    begin: Annotated[str, typer.Option("--from", metavar="DATE", help="First day (2026-01-01).")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day.")] = "",
    login: Annotated[str, typer.Option(help="Of one person.")] = "",
    document: Annotated[str, typer.Option(help="About one document.")] = "",
) -> None:
    """Who read, downloaded, searched or exported what, as CSV: exit 0 done, 1 the file cannot be written or is there already."""
    with _settings() as settings:
        from station.access import Wanted, day_of, read_access, write_csv
        from station.workstation import open_workstation

        days = [day_of(text) for text in (begin, end)]
        if any(text and day is None for text, day in zip((begin, end), days, strict=True)):
            raise typer.BadParameter("les dates s'écrivent 2026-01-31 / dates are written 2026-01-31")
        with open_workstation(settings).database.reading() as session:
            told = read_access(session, settings.entity, Wanted(login, "", document, *days))
        if not target:
            write_csv(told, sys.stdout)
            return
        try:
            with Path(target).open("x", encoding="utf-8", newline="") as file:
                write_csv(told, file)
        except OSError as error:
            err.print(f"{target} : {error.strerror}. Rien n'a été écrit. / nothing was written", markup=False)
            raise typer.Exit(1) from error


@app.command()
def people(
    action: Annotated[str, typer.Argument(help="add, list, end, password, place, join or leave")] = "list",
    login: Annotated[str, typer.Argument(help="Of all but list", show_default=False)] = "",
    role: Annotated[list[str] | None, typer.Option(help="Of add; several times for several roles.", show_default=False)] = None,
    begin: Annotated[str, typer.Option("--from", metavar="DATE", help="First day of the roles (2026-01-01).")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Their last day; an auditor's role needs one.")] = "",
    name: Annotated[str, typer.Option(help="Of add: the person's name.")] = "",
    email: Annotated[str, typer.Option(help="Of add: their address; one account per address.")] = "",
    entity: Annotated[list[str] | None, typer.Option(help="Of place: their companies; none: all. Of join, leave: the group's.")] = None,
    station: Annotated[list[str] | None, typer.Option(help="Of place: the mailroom's stations they see; none: all.")] = None,
    group: Annotated[str, typer.Option(help="Of join and leave; made where there is none of this name.")] = "",
    as_json: AsJson = False,
) -> None:
    """Accounts: who may sign in and as what; `add` also gives roles to an account that is there. Exit 0 done, 1 refused."""
    placing = action in ("place", "join", "leave")
    if (action not in ("add", "list", "end", "password") and not placing) or (action == "list") == bool(login):
        raise typer.BadParameter("list, add LOGIN --role …, end LOGIN, password LOGIN, place LOGIN, join or leave LOGIN --group …")
    with _settings() as settings:
        from station.groups import AskedPlace, answer_place
        from station.people import AskedPerson, Refused, answer_people
        from station.web.words import words_in
        from station.workstation import open_workstation

        t = words_in(settings.language)
        asked = AskedPerson(action, login, tuple(role or ()), begin, end, name, email)
        placed = AskedPlace(action, login, tuple(entity or ()), tuple(station or ()), group, begin, end)
        try:
            opened = open_workstation(settings)
            told = answer_place(opened, placed) if placing else answer_people(opened, asked)
        except Refused as error:
            err.print(t(f"people.wrong-{error.reason}"), markup=False)
            raise typer.Exit(1) from error
        if not told and not as_json:
            out.print(t("people.nobody"), markup=False)
        for each in told:
            if as_json:
                _print_json(each)
                continue
            roles = ", ".join(t.known("role", one["role"]) + (f" (→ {one['ends']})" if one["ends"] else "") for one in each["roles"])
            standing = t("people.ended") if each["ended"] else t("people.practice") if each["practice"] else t("people.active")
            out.print(f"{each['login']:20}  {standing:14}  {roles or t('people.no-role')}", markup=False)
            if "password" in each:
                out.print(f"{t('people.given')} : {each['password']}  (7 j / 7 days)", markup=False)


@app.command("import")
def import_list(
    kind: Annotated[str, typer.Argument(help="suppliers, customers, invoices, payments or people")],
    file: Annotated[Path, typer.Argument(help="CSV or XLSX, its headings in the first line", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    entity: Annotated[str, typer.Option(help="Of the house's companies the one whose register it is; default: entity.")] = "",
    login: Annotated[str, typer.Option(help="Who brings it, and approves none of its accounts; needed for suppliers.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take over a list; the same again changes nothing. Exit 0 done, 1 the file is no such list, 3 some lines were left out."""
    from station.imports import KINDS, answer_import
    from station.tabular import Unreadable

    if kind not in KINDS:
        raise typer.BadParameter(f"{', '.join(KINDS)}")
    if kind == "suppliers" and not (dry_run or login):
        raise typer.BadParameter(
            "une liste de fournisseurs demande --login : une autre personne approuvera ses comptes. Rien n'a changé. / another person will "
            "approve its accounts; nothing changed"
        )
    with _settings() as settings:
        from station.people import Refused
        from station.web.terms import text_words, warning_words
        from station.web.words import words_in
        from station.workstation import open_workstation
        from workflow.terms import read_term

        if (entity or settings.entity) not in settings.entities:
            raise typer.BadParameter(f"{entity}: no such entity; there are {', '.join(settings.entities)}")
        t = words_in(settings.language)
        try:
            plan, missing = answer_import(open_workstation(settings), entity or settings.entity, kind, file, dry=dry_run, login=login)
        except (Unreadable, Refused) as error:
            family = "imports.file" if isinstance(error, Unreadable) else "people.wrong"
            err.print(t(f"{family}-{error.reason}"), markup=False)
            raise typer.Exit(1) from error
        if missing:
            err.print(t("imports.missing", columns=", ".join(t(f"imports.{kind}-{name}") for name in missing)), markup=False)
            raise typer.Exit(1)
        told = [asdict(fault) for fault in plan.faults]
        if as_json:
            more = {"faults": told, "absent_names": list(plan.absent), "unlawful_terms": plan.unlawful}
            _print_json({"kind": kind, "written": not dry_run, **plan.counts, **more})
        else:
            for fault in plan.faults:
                column = t(f"imports.{kind}-{fault.column}") if fault.column else ""
                what = " ".join(part for part in (column, fault.value and f"« {fault.value} »") if part)
                out.print(f"{t('imports.line', n=fault.line)} {what} : {t(f'imports.wrong-{fault.code}')}", markup=False)
            for line, name, terms in plan.unlawful:
                said = f"{text_words(terms, t)}. {warning_words(read_term(terms), 'private', t)}"
                out.print(t("imports.unlawful-line", n=line, name=name, terms=said), markup=False)
            out.print(t("imports.counted", **plan.counts) + (f" {t('imports.dry')}" if dry_run else ""), markup=False)
        raise typer.Exit(3 if plan.faults else 0)


@app.command()
def move(
    to: Annotated[str, typer.Option(help="Address of the database to move to, empty or half-way of this move.")] = "",
    store: Annotated[str, typer.Option(help="Address of the store that takes the kept files, as store.url.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Give up a move that has not ended: the station goes on where it was.")] = False,
    as_json: AsJson = False,
) -> None:
    """Carry the records of a stopped station to another database, compared in the end; killed, the same command goes on."""
    with _settings() as settings:
        from station.move import CannotMove, move_records, undo_move
        from station.web.words import words_in
        from station.workstation import now

        t = words_in(settings.language)
        if bool(to) is undo:
            raise typer.BadParameter("--to, --undo")
        try:
            if undo:
                undo_move(settings)
                out.print(t("move.undone"), markup=False)
                return
            with _counted_words(lambda what: t(f"move.{what}")) as tell:
                moved = move_records(settings, to, now, tell, store)
        except CannotMove as error:
            err.print(f"{t(f'move.refused-{error.reason}')} ({error.detail}) {t('move.untouched')}", markup=False)
            raise typer.Exit(1) from error
        if as_json:
            _print_json(asdict(moved))
            return
        heads = " ; ".join(f"{name} : {size}, {head}" for name, (size, head) in moved.heads.items())
        out.print(t("move.done", rows=sum(moved.tables.values()), tables=len(moved.tables), files=moved.files), markup=False)
        out.print(t("move.heads", heads=heads), markup=False)
        out.print(t("move.change"), markup=False)
        out.print(f'database_url = "{moved.target}"', markup=False)
        if moved.store:
            out.print(f'[store]\nurl = "{store}"', markup=False)


@contextmanager
def _counted_words(word: Callable[[str], str]) -> "Iterator[Callable[[str, int, int], None]]":
    """A line for each kind of work, on the error output of a terminal."""

    def tell(what: str, done: int, total: int) -> None:
        if err.is_terminal:
            err.print(f"\r{word(what)} {done} / {total}", end="\n" if done == total else "", markup=False)

    yield tell


@app.command()
def migrate() -> None:
    """Bring the database to this version."""
    with _settings() as settings:
        from station.records.database import migrate as bring_up
        from station.records.database import open_database, place_of

        make_folder(settings.home)
        database = open_database(settings.url)
        bring_up(database)
        out.print(f"{place_of(database)} : à jour", markup=False)


@app.command()
def bucket() -> None:
    """Make the bucket of store.url, with object lock and versions, where there is none: exit 0 it is there and fit, 1 it is not."""
    with _settings() as settings:
        from capture.stores import StoreAway
        from station.stores import ready_bucket
        from station.workstation import now

        try:
            made = ready_bucket(settings, now)
        except StoreAway as error:
            err.print(f"Le magasin ne répond pas comme il faut ; rien n'a été écrit. / The store does not answer. ({error})", markup=False)
            raise typer.Exit(1) from error
        french = settings.language == "fr"
        told = (
            ("était là et convient", "est créé, objets verrouillés") if french else ("was there and is fit", "is made, objects are locked")
        )
        out.print(f"{settings.store.url} : {told[made]}", markup=False)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """What is installed, what is in force, what is missing and how to get it: exit 1 when something needed is missing."""
    with _settings() as settings:
        from station.doctor import diagnose

        missing = False
        for found in diagnose(settings):
            missing = missing or (found.needed and not found.ok)
            if as_json:
                _print_json(asdict(found))
                continue
            mark = "✓" if found.ok else "✗" if found.needed else "–"
            out.print(f"{mark} {found.name:14} {found.detail}" + (f"\n  → {found.remedy}" if found.remedy else ""), markup=False)
        raise typer.Exit(1 if missing else 0)


@contextmanager
def _settings() -> Iterator[Settings]:
    """Settings, and words instead of a traceback for what a person can mend."""
    from sqlalchemy.exc import DBAPIError

    from station.contradiction import TreeContradicted
    from station.problems import problem_of
    from station.records.database import DatabaseRefused, NetworkFileSystem
    from station.records.people import NoPerson
    from station.rehearsal import UpgradeFailed

    start_logs()
    try:
        settings = load_settings(os.environ)
        start_logs(Form(settings.logs.form))
        load_secrets(settings.home)
        yield settings
    except Unusable as error:
        err.print(f"Réglages inutilisables. {error}", markup=False)
        raise typer.Exit(1) from error
    except (DBAPIError, DatabaseRefused, NetworkFileSystem) as error:
        if (problem := problem_of(error)).code.startswith("database-"):
            why = " ".join(str(getattr(error, "orig", None) or error).split())
            err.print(f"{problem.words(settings.language)} ({why})", markup=False)
            raise typer.Exit(1) from error
        err.print(f"La base de données ne peut pas servir : {str(error).splitlines()[0]}. Lancez : sceau doctor", markup=False)
        raise typer.Exit(1) from error
    except NoPerson as error:
        raise typer.BadParameter(f"{error} : personne n'a cet identifiant. Rien n'a changé. / nobody has this login") from error
    except (TreeContradicted, UpgradeFailed) as error:
        err.print(error.words(settings.language), markup=False)
        raise typer.Exit(1) from error
    except BrokenPipeError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Whoever read has seen enough; the exit must not write again.
        raise typer.Exit(0) from error
    except (OSError, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt):
            raise typer.Exit(130) from error
        err.print(f"{problem_of(error).words()} ({error})", markup=False)
        raise typer.Exit(1) from error


def _with_people(workstation: "Workstation") -> "Workstation":
    """In practice the accounts are those of every practice home, also of one that never served a page."""
    if workstation.practice:
        from station.records import people

        with workstation.database.writing() as session:
            people.ensure_practice(session)
    return workstation


def _station(settings: Settings, name: str) -> Station:
    for station in settings.stations:
        if not name or station.name == name:
            return station
    raise typer.BadParameter(f"{name}: no such station; there are {', '.join(s.name for s in settings.stations)}")


def _follow_scan(scanning: "Scanning", job_id: str, language: str, as_json: bool) -> int:
    """Tell each page and each wait; a person at a terminal answers, else a wait ends the run. Returns the exit code."""
    from station.scanning import State, job_json

    told = None
    while (job := scanning.state(job_id)) is not None:
        if job != told:
            told = job
            if as_json:
                _print_json(job_json(job, language))
            else:
                out.print(job.words(language), markup=False)
        if not job.living:
            return 0 if job.state is State.DONE else 3
        if job.state is State.PAUSED:
            if not sys.stdin.isatty():
                scanning.finish(job_id)
                return 3
            answer = input(
                "Continuer : [Entrée]. Terminer : [q], puis [Entrée]. "
                if language == "fr"
                else "Continue: [Enter]. Finish: [q], then [Enter]. "
            )
            scanning.finish(job_id) if answer.strip().lower().startswith("q") else scanning.resume(job_id)
        time.sleep(0.05)
    return 3


def _steps(files: Iterable[Path], word: str) -> Iterable[Path]:
    """Files, with a progress bar on a terminal."""
    return track(list(files), word, console=err, transient=True, disable=not sys.stderr.isatty())


def _progress(total: int) -> Callable[[int], None]:
    """Tells a person on a terminal how far it is; says nothing to a program."""
    if not sys.stderr.isatty():
        return lambda _done: None
    status_line = err.status("")
    status_line.start()

    def tell(done: int) -> None:
        status_line.update(f"{done}/{total}")
        if done >= total:
            status_line.stop()

    return tell


def _clause_lines(rows: "Sequence[ClauseRow]", language: str) -> Iterator[str]:
    """A line for each row that asks for something; the others by their outcome, on one line each."""
    from conformity.clauses import Outcome
    from station.web.words import words_in

    t, quiet = words_in(language), dict[str, list[str]]()
    for row in rows:
        outcome = t(f"outcome.{row.outcome.name.lower()}")
        if row.outcome in (Outcome.AGAINST, Outcome.REVIEW):
            yield f"{row.clause}: {outcome}: {row.measured.en if language == 'en' else row.measured.fr}"
        else:
            quiet.setdefault(outcome, []).append(row.clause)
    yield from (f"{outcome}: {', '.join(clauses)}" for outcome, clauses in quiet.items())


def _show_checks(file: str, valid: bool, checks: Sequence[tuple[str, bool | None, str]], as_json: bool) -> None:
    if as_json:
        listed = [{"name": name, "ok": ok, "detail": detail} for name, ok, detail in checks]
        _print_json({"file": file, "valid": valid, "checks": listed})
        return
    out.print(f"{'✓' if valid else '✗'} {plain_name(file)}", markup=False)
    for name, ok, detail in checks:
        out.print(f"  {'–' if ok is None else '✓' if ok else '✗'} {name}: {detail}", markup=False)


def _print_json(value: dict[str, Any] | list[dict[str, Any]]) -> None:
    """One object on one line; a file name that is no UTF-8 is written with JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False)
    print(text if text.isascii() or _is_unicode(text) else json.dumps(value), flush=True)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _no_file(file: Path) -> str | None:
    """Why there is nothing to open; a pipe would be waited for without end."""
    if file.is_file():
        return None
    return "not a regular file" if file.exists() else "no such file"


@contextmanager
def _openable(file: Path) -> Iterator[Path]:
    """A path to the file that every library can open: some take no name that is not UTF-8."""
    if _is_unicode(str(file)):
        yield file
        return
    with file.open("rb") as opened:
        yield Path(f"/proc/self/fd/{opened.fileno()}")
