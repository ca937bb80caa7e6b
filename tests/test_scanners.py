"""Scanners: what SANE says of them, the one way in which they are made to scan, and stacks fed on SANE's own test device."""

import json
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import papers
import pytest
import sane
from atwork import open_home, reception_of
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from capture import scanners
from capture.scanners import (
    Option,
    Plan,
    Refusal,
    Scanner,
    Source,
    Stop,
    Wish,
    address_of,
    find_scanner,
    parse_devices,
    parse_discovered,
    parse_options,
    plan_scan,
    tell_apart,
    why_stopped,
    with_description,
    with_serial,
)
from config.settings import Settings
from station import scanning
from station.cli import app
from station.problems import PROBLEMS
from station.scanning import HIDDEN, CannotScan, Job, Scanning, State, list_scanners, rescue_pages, resolve_scanner

SMALL = Wish(sheet=(12, 9))
"""A small sheet, in millimetres: quick to scan."""
ONE = Scanner("test:0", "Noname", "frontend-tester", "virtual device", "name:test:0", stable=False)
DUPLEX_FEEDER = """
All options specific to device `fujitsu:fi-7160:123456':
  Standard:
    --source ADF Front|ADF Back|ADF Duplex [ADF Front]
        Selects the scan source (such as a document-feeder).
    --mode Lineart|Halftone|Gray|Color [Lineart]
        Selects the scan mode (e.g., lineart, monochrome, or color).
    --resolution 50..600dpi (in steps of 1) [600]
        Sets the resolution of the scanned image.
  Geometry:
    --page-width 0..224.846mm (in steps of 0.0211639) [215.872]
    --page-height 0..876.695mm (in steps of 0.0211639) [279.364]
    -x 0..215.872mm (in steps of 0.0211639) [215.872]
    -y 0..297.01mm (in steps of 0.0211639) [279.364]
  Enhancement:
    --brightness -127..127 (in steps of 1) [12]
    --rif[=(yes|no)] [no] [advanced]
    --dropout-front Default|Red|Green|Blue [Red] [advanced]
  Advanced:
    --compression None|JPEG [JPEG]
    --swdeskew[=(yes|no)] [yes] [advanced]
    --swdespeck 0..9 (in steps of 1) [2] [advanced]
    --swskip 0..100% (in steps of 0.100006) [0] [advanced]
    --top-edge[=(yes|no)] [no] [hardware,read-only]
"""
"""What a sheet-fed scanner's driver offers, in the form in which `scanimage -A` prints it."""
ESCL = """<?xml version="1.0" encoding="UTF-8"?>
<scan:ScannerCapabilities xmlns:scan="http://schemas.hp.com/imaging/escl/2011/05/03" xmlns:pwg="http://www.pwg.org/schemas/2010/12/sm">
<pwg:Version>2.63</pwg:Version><pwg:MakeAndModel>Copieur d'essai</pwg:MakeAndModel><pwg:SerialNumber>XY12</pwg:SerialNumber>
<scan:UUID>4509A320-00A0-008F-00B6-000000000001</scan:UUID>
<scan:Platen><scan:DocumentFormats><pwg:DocumentFormat>image/jpeg</pwg:DocumentFormat>{}</scan:DocumentFormats></scan:Platen>
</scan:ScannerCapabilities>"""


def options(**changed: Option) -> dict[str, Option]:
    return parse_options(DUPLEX_FEEDER) | changed


def planned(wish: Wish = Wish(), scanner: Scanner = ONE, **changed: Option) -> Plan | Refusal:  # noqa: B008 a frozen value
    return plan_scan(scanner, options(**changed), wish)


# --- who they are ---


@pytest.mark.parametrize(
    ("device", "identity", "stable"),
    [
        ("fujitsu:fi-7160:123456", "serial:123456", True),
        ("pixma:04A9176D_52F9A1", "serial:52F9A1", True),
        ("hpaio:/usb/OfficeJet_Pro?serial=CN12AB34", "serial:CN12AB34", True),
        ("escl:http://192.0.2.7:80", "name:http://192.0.2.7:80", True),
        ("airscan:escl:Copieur:http://192.0.2.7/eSCL", "name:http://192.0.2.7/eSCL", True),
        ("airscan:e0:Copieur du fond", "name:Marque Modèle", False),
        ("genesys:libusb:001:004", "name:Marque Modèle", False),
        ("brother4:bus1;dev2", "name:Marque Modèle", False),
        ("test:0", "name:Marque Modèle", False),
    ],
)
def test_a_device_is_known_by_its_serial_number_or_address_and_never_by_its_place_in_a_list(device, identity, stable):
    (scanner,) = parse_devices(f"{device}\tMarque\tModèle\tscanner\n")
    assert (scanner.identity, scanner.stable) == (identity, stable)


def test_a_device_on_the_usb_is_known_by_the_serial_number_that_the_kernel_read(tmp_path):
    for number, serial in ((4, "A-77"), (5, "")):
        folder = tmp_path / f"1-{number}"
        folder.mkdir()
        (folder / "busnum").write_text("1\n")
        (folder / "devnum").write_text(f"{number}\n")
        if serial:
            (folder / "serial").write_text(serial + "\n")
    assert scanning.usb_serial(1, 4, tmp_path) == "A-77"
    assert scanning.usb_serial(1, 5, tmp_path) == scanning.usb_serial(2, 4, tmp_path) == ""
    moved = with_serial(parse_devices("genesys:libusb:001:004\tMarque\tModèle\tflatbed")[0], "A-77")
    assert (moved.identity, moved.stable) == ("serial:A-77", True)


def test_a_network_device_is_known_by_the_uuid_that_it_gives_wherever_it_stands_in_the_list():
    (scanner,) = parse_devices("airscan:e3:Copieur du fond\tMarque\tModèle\teSCL network scanner")
    where = parse_discovered("[devices]\n  Copieur du fond = http://192.0.2.7:80/eSCL/, eSCL\n  Autre = http://192.0.2.8/WSD, WSD\n")
    assert address_of(scanner, where) == "http://192.0.2.7:80/eSCL/"
    known = with_description(scanner, ESCL.format(""))
    assert (known.identity, known.stable) == ("uuid:4509a320-00a0-008f-00b6-000000000001", True)
    assert known.formats == ("image/jpeg",)


@given(st.text(max_size=300))
def test_whatever_a_device_says_of_itself_it_is_read_without_trouble(said):
    assert with_description(ONE, said).device == ONE.device
    assert with_description(ONE, "<!DOCTYPE x [<!ENTITY a 'b'>]>" + ESCL.format("")) == ONE


def test_a_scanner_at_an_address_needs_no_discovery(monkeypatch):
    class Copier(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/eSCL/ScannerCapabilities" else 404)
            self.end_headers()
            self.wfile.write(ESCL.format("").encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Copier) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = resolve_scanner(f"escl:http://127.0.0.1:{server.server_port}", program="/no/such/program")
        server.shutdown()
    assert found.identity.startswith("uuid:4509a320")


def test_two_devices_with_one_identity_keep_their_own_names():
    both = parse_devices("test:0\tA\tB\tc\ntest:1\tA\tB\tc\n")
    assert [scanner.identity for scanner in tell_apart(both)] == ["name:test:0", "name:test:1"]
    assert find_scanner("name:test:1", tell_apart(both)) == tell_apart(both)[1]
    assert find_scanner("", both) is None
    assert find_scanner("", both[:1]) == both[0]


# --- the one way in which they are made to scan ---


def test_a_plan_is_colour_8_bit_300_dpi_without_compression_and_every_treatment_is_off():
    plan = planned()
    assert isinstance(plan, Plan)
    assert plan.source is Source.FEEDER
    wanted = {
        "--source=ADF Front",
        "--mode=Color",
        "--resolution=300",
        "--compression=None",
        "--swdeskew=no",
        "--swdespeck=0",
        "--brightness=0",
    }
    assert wanted <= set(plan.arguments)
    assert plan.notes == ("treated:dropout-front",)
    assert plan.arguments.index("--page-height=297") < plan.arguments.index("-y")


def test_both_sides_are_scanned_where_the_device_can_and_refused_where_it_cannot():
    duplex = planned(Wish(Source.DUPLEX))
    assert isinstance(duplex, Plan)
    assert "--source=ADF Duplex" in duplex.arguments
    assert planned(Wish(Source.FLATBED)) == Refusal("no-source", "feeder, duplex")
    beside = planned(
        Wish(Source.DUPLEX), source=Option("source", ("Flatbed", "ADF")), **{"adf-mode": Option("adf-mode", ("Simplex", "Duplex"))}
    )
    assert isinstance(beside, Plan)
    assert {"--source=ADF", "--adf-mode=Duplex"} <= set(beside.arguments)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("no-colour", Option("mode", ("Lineart", "Gray", "Color Halftone"))),
        ("too-coarse", Option("resolution", low=50, high=240, step=1)),
        ("too-coarse", Option("resolution", ("75", "150", "200"))),
        ("no-lossless", Option("compression", ("JPEG",), now="JPEG")),
        ("no-8-bit", Option("depth", ("1", "16"))),
    ],
)
def test_a_device_that_cannot_give_a_faithful_page_is_refused_with_words(code, changed):
    refusal = planned(**{changed.name: changed})
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert f"scan-{code}" in PROBLEMS


def test_a_network_device_that_only_sends_jpeg_is_refused_and_one_that_sends_png_is_not():
    lossy, lossless = (with_description(ONE, ESCL.format(more)) for more in ("", "<pwg:DocumentFormat>image/png</pwg:DocumentFormat>"))
    assert planned(scanner=lossy) == Refusal("only-jpeg", "image/jpeg")
    assert isinstance(planned(scanner=lossless), Plan)


def test_the_next_finer_resolution_is_taken_where_that_of_the_house_is_not_offered():
    plan = planned(resolution=Option("resolution", ("200", "400", "600")))
    assert isinstance(plan, Plan)
    assert plan.dpi == 400


@given(st.integers(1, 1200), st.integers(1, 1200), st.integers(0, 50), st.integers(75, 600))
def test_a_planned_resolution_is_never_below_that_of_the_house_and_is_one_that_the_device_takes(low, wide, step, least):
    option = Option("resolution", low=low, high=low + wide, step=step)
    plan = planned(Wish(dpi=least), resolution=option)
    if isinstance(plan, Plan):
        assert plan.dpi >= least
        assert option.takes(plan.dpi) or plan.dpi > option.high
    else:
        assert low + wide < least


@pytest.mark.parametrize(
    ("code", "said", "why"),
    [
        (6, "scanimage: sane_read: Document feeder jammed", Stop.JAM),
        (0, "scanimage: sane_start: Document feeder out of documents", Stop.EMPTY),
        (7, "scanimage: sane_start: Document feeder out of documents", Stop.EMPTY),
        (0, "scanimage: sane_read: Document feeder jammed\nscanimage: received signal 13", Stop.JAM),
        (8, "scanimage: sane_read: Scanner cover is open", Stop.COVER),
        (9, "Error during device I/O", Stop.LOST),
        (1, "scanimage: open of device x failed: Device busy", Stop.BUSY),
        (1, "scanimage: open of device x failed: Invalid argument", Stop.LOST),
        (-9, "", Stop.FAILED),
    ],
)
def test_what_a_device_says_when_it_stops_is_told_in_words(code, said, why):
    assert why_stopped(code, said) is why
    assert str(why) in PROBLEMS


# --- stacks, on SANE's own test device ---


@pytest.fixture
def device(tmp_path, monkeypatch):
    """A `scanimage` that knows the test device alone."""
    monkeypatch.setenv("SANE_CONFIG_DIR", str(sane.configure(tmp_path / "sane")))
    return lambda **how: str(sane.program(tmp_path, **how))


def wait_for(jobs: Scanning, job_id: str, *states: State, pages: int = 0) -> Job:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job = jobs.state(job_id)
        if job is not None and job.state in states and job.pages >= pages:
            return job
        time.sleep(0.005)
    raise AssertionError(jobs.state(job_id))


def begin(workstation, program, wish=SMALL, device="test:0"):
    jobs = Scanning(workstation, program)
    station = workstation.settings.stations[0]
    return jobs, jobs.start(station, resolve_scanner(device, program), wish, "anne"), workstation.settings.folder_of(station)


def test_sane_s_test_device_is_listed_and_can_scan_as_the_house_asks(device, tmp_path):
    listed = list_scanners(device())
    assert [scanner.device for scanner in listed] == ["test:0", "test:1"]
    able = scanning.abilities_of(listed[0], Wish(), device())
    assert able.usable
    assert able.sources == (Source.FLATBED, Source.FEEDER)
    assert able.notes == ("narrow:200",)


def test_a_stack_is_taken_page_by_page_in_colour_at_300_dpi_without_loss(device, tmp_path):
    workstation = open_home(tmp_path / "home")
    jobs, job_id, folder = begin(workstation, device())
    job = wait_for(jobs, job_id, State.DONE)
    assert (job.pages, job.person, job.words()) == (10, "anne", "Terminé : 10 pages prises.")
    assert sorted(path.name for path in folder.iterdir()) == list(job.files)
    with Image.open(folder / job.files[0]) as page:
        assert (page.mode, page.info["dpi"], page.info["compression"]) == ("RGB", (300, 300), "raw")


def test_what_was_scanned_is_taken_in_as_any_other_file(device, tmp_path):
    workstation = open_home(tmp_path / "home")
    jobs, job_id, _ = begin(workstation, device(first="--batch-count=2"))
    wait_for(jobs, job_id, State.DONE)
    reception = reception_of(workstation)
    assert sum(reception.look(float(second)) for second in range(3)) == 2


def test_each_page_is_in_the_folder_before_the_next_is_fed(device, tmp_path, monkeypatch):
    lying = []
    monkeypatch.setattr(scanning, "_press_return", lambda stdin, press=scanning._press_return: (lying.append(names()), press(stdin)))
    folder = tmp_path / "home" / "stations" / "demo"

    def names():
        return len([path for path in folder.iterdir() if not path.name.startswith(".")])

    jobs, job_id, _ = begin(open_home(tmp_path / "home"), device())
    wait_for(jobs, job_id, State.DONE)
    assert lying == list(range(11))


def test_after_a_jam_the_last_good_page_and_the_next_sheet_are_told_and_the_stack_goes_on(device, tmp_path):
    program = sane.jamming(tmp_path, after=3)
    jobs, job_id, folder = begin(open_home(tmp_path / "home"), str(program))
    job = wait_for(jobs, job_id, State.PAUSED)
    assert job.trouble == Stop.JAM
    assert job.pages == 3
    assert "Dernière page bonne : 3" in job.words()
    assert "remettez la feuille 4" in job.words()
    assert "put sheet 4 back" in job.words("en")
    jobs.resume(job_id)
    job = wait_for(jobs, job_id, State.DONE)
    assert job.pages == 13
    assert len(set(job.files)) == 13
    assert {path.name for path in folder.iterdir()} == set(job.files)


def test_of_a_two_sided_sheet_whose_back_is_missing_it_is_told_that_its_front_comes_twice():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    job = Job("1", "demo", "test:0", "anne", Source.DUPLEX, State.PAUSED, now, now, pages=75, trouble="scan-jam")
    assert job.next_sheet == 38
    assert scanning.ONE_SIDE_FR in job.words()
    assert scanning.ONE_SIDE_FR not in replace(job, pages=74).words()


@pytest.mark.parametrize(
    ("status", "trouble"), [("NO_DOCS", Stop.EMPTY), ("COVER_OPEN", Stop.COVER), ("IO_ERROR", Stop.LOST), ("DEVICE_BUSY", Stop.BUSY)]
)
def test_a_trouble_before_the_first_page_waits_for_a_person_and_then_the_stack_goes_on(device, tmp_path, status, trouble):
    jobs, job_id, _ = begin(open_home(tmp_path / "home"), device(first=f"--read-return-value=SANE_STATUS_{status}"))
    assert wait_for(jobs, job_id, State.PAUSED).trouble == trouble
    jobs.resume(job_id)
    assert wait_for(jobs, job_id, State.DONE).pages == 10


def test_on_the_glass_each_sheet_is_waited_for_and_a_second_press_takes_no_second_page(device, tmp_path):
    jobs, job_id, _ = begin(open_home(tmp_path / "home"), device(), replace(SMALL, source=Source.FLATBED))
    wait_for(jobs, job_id, State.PAUSED, pages=1)
    jobs.resume(job_id)
    wait_for(jobs, job_id, State.PAUSED, pages=2)
    jobs.finish(job_id)
    assert wait_for(jobs, job_id, State.DONE).pages == 2
    jobs.resume(job_id)
    assert jobs.state(job_id).state is State.DONE


def test_a_person_may_stop_a_device_in_the_middle_of_a_page_and_keeps_what_was_taken(device, tmp_path):
    slow = "--read-delay=yes --read-delay-duration=200000 --read-limit=yes --read-limit-size=1000"
    jobs, job_id, folder = begin(open_home(tmp_path / "home"), sane.jamming(tmp_path, after=2, then=slow))
    wait_for(jobs, job_id, State.PAUSED)
    jobs.resume(job_id)
    deadline = time.monotonic() + 60
    while not list(folder.glob(f"{HIDDEN}*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    jobs.cancel(job_id)
    job = wait_for(jobs, job_id, State.CANCELLED)
    assert job.pages == 2
    jobs._runs[job_id].thread.join()
    assert sorted(path.name for path in folder.iterdir()) == list(job.files)


@pytest.fixture
def hanging(device, tmp_path, monkeypatch):
    """A job whose device hangs after two pages; gives jobs and the job's identifier."""
    monkeypatch.setattr(scanning, "STOP_SECONDS", 0.5)

    def begun(**how: object) -> tuple[Scanning, str]:
        jobs, job_id, _ = begin(open_home(tmp_path / "home"), sane.hanging(tmp_path, after=2, **how))
        wait_for(jobs, job_id, State.SCANNING, State.PAUSED, pages=2)
        return jobs, job_id

    return begun


@pytest.mark.parametrize("how", [{}, {"polite": True}, {"helped": True}], ids=["deaf", "ends well when asked", "its helper holds the pipe"])
def test_a_driver_that_hangs_is_left_and_the_stack_goes_on_from_its_last_page(hanging, monkeypatch, how):
    jobs, job_id = hanging(**how)
    monkeypatch.setattr(scanning, "SILENT_SECONDS", 0.5)
    job = wait_for(jobs, job_id, State.PAUSED)
    assert (job.trouble, job.pages) == (Stop.FAILED if "helped" in how else Stop.LOST, 2)
    assert "Dernière page bonne : 2" in job.words()
    monkeypatch.setattr(scanning, "SILENT_SECONDS", 60.0)
    jobs.resume(job_id)
    assert wait_for(jobs, job_id, State.DONE).pages == 12


def test_a_driver_that_hangs_after_a_jam_is_not_waited_for_and_the_jam_is_told(hanging):
    jobs, job_id = hanging(saying="scanimage: sane_read: Document feeder jammed")
    job = wait_for(jobs, job_id, State.PAUSED)
    assert (job.trouble, job.pages) == (Stop.JAM, 2)


def test_what_a_driver_says_besides_shortens_no_patience():
    assert scanners.names_trouble("scanimage: sane_start: Document feeder out of documents")
    assert not scanners.names_trouble("[genesys] device busy, trying again\nScanning page 3\n")


def test_a_person_may_stop_a_device_that_hangs(hanging):
    jobs, job_id = hanging()
    jobs.cancel(job_id)
    assert wait_for(jobs, job_id, State.CANCELLED).pages == 2


def test_who_finishes_while_a_device_hangs_is_told_which_sheet_was_not_taken(hanging, monkeypatch):
    jobs, job_id = hanging()
    jobs.finish(job_id)
    monkeypatch.setattr(scanning, "SILENT_SECONDS", 0.5)
    job = wait_for(jobs, job_id, State.DONE)
    assert "Terminé : 2 pages prises. La feuille 3 n'est pas prise" in job.words() and "Continuer" not in job.words()
    assert "Sheet 3 is not taken" in job.words("en")


def test_a_station_that_ends_leaves_no_program_of_a_device_behind(hanging, monkeypatch):
    jobs, job_id = hanging()
    process = jobs._runs[job_id].process
    monkeypatch.setattr(scanning._Patience, "is_over", lambda *_, **__: False)
    jobs.close()
    assert process.poll() is not None and jobs.state(job_id).pages == 2


def test_a_slow_page_is_waited_for_as_long_as_it_grows_and_not_after_a_trouble_or_a_stop():
    slow = scanning._Patience(0.0)
    assert not any(slow.is_over(now, int(now), ending=False) for now in (200.0, 400.0, 600.0, 899.0))
    assert slow.is_over(1200.0, 899, ending=False)
    late = scanning._Patience(0.0)
    assert [late.is_over(now, int(now), ending=now >= 100) for now in (99.0, 100.0, 109.0, 111.0)] == [False, False, False, True]


def test_a_device_at_work_is_not_begun_twice_and_another_one_is(device, tmp_path):
    workstation = open_home(tmp_path / "home")
    program = device()
    jobs, job_id, _ = begin(workstation, program, replace(SMALL, source=Source.FLATBED))
    station = workstation.settings.stations[0]
    with pytest.raises(CannotScan, match=Stop.BUSY):
        jobs.start(station, resolve_scanner("test:0", program), SMALL, "anne")
    other = jobs.start(station, resolve_scanner("test:1", program), SMALL, "anne")
    wait_for(jobs, other, State.DONE)
    assert {job.id for job in jobs.jobs()} == {job_id, other}
    jobs.close()
    assert not any(job.living for job in jobs.jobs())


def test_on_a_full_disk_the_scanner_waits_before_the_next_page_is_fed(device, tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "_no_room", lambda *_: True)
    jobs, job_id, folder = begin(open_home(tmp_path / "home"), device())
    assert wait_for(jobs, job_id, State.PAUSED).trouble == "scan-disk-full"
    assert list(folder.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setenv("SANE_CONFIG_DIR", str(tmp_path / "sane"))
    jobs.resume(job_id)
    assert wait_for(jobs, job_id, State.DONE).pages == 10


def test_nothing_is_begun_without_the_program_the_scanner_or_the_folder(device, tmp_path):
    with pytest.raises(CannotScan, match="scan-no-program"):
        list_scanners("/no/such/program")
    with pytest.raises(CannotScan, match="scan-not-found"):
        resolve_scanner("uuid:unknown", device())
    with pytest.raises(CannotScan, match="scan-no-folder"):
        share = Settings(home=tmp_path / "home", station=[{"name": "copieur", "folder": "/no/such/share"}])
        begin(open_home(tmp_path / "home", stations=share.stations), device())


def test_a_program_that_still_writes_after_its_last_page_keeps_its_word_of_why_it_stopped():
    words = "echo; sleep 0.2; echo more; exit 6"
    process = subprocess.Popen(["/bin/sh", "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    scanning._end(process)
    assert process.returncode == 6


# --- a process that dies ---


def test_a_whole_page_that_a_dead_process_left_is_named_at_once_and_a_cut_one_after_an_hour(tmp_path):
    papers.write_tiff(tmp_path / f"{HIDDEN}job-0001.tif", papers.draw_page(size=(50, 40)))
    (tmp_path / f"{HIDDEN}job-0002.tif.part").write_bytes(b"II*\0")
    now = time.time()
    assert rescue_pages(tmp_path, now) == ["sceau-scan-job-0001.tif"]
    assert rescue_pages(tmp_path, now + 3601) == ["sceau-scan-job-0002.tif"]
    assert rescue_pages(tmp_path, now + 3601) == []


def test_pages_of_a_job_that_lives_are_left_to_it_by_whoever_starts_beside_it(device, tmp_path, monkeypatch):
    workstation = open_home(tmp_path / "home")
    keep, started = scanning.keep_page, []

    def start_beside(folder, page):
        if not started:
            started.append(page)
            Scanning(workstation)
        return keep(folder, page)

    monkeypatch.setattr(scanning, "keep_page", start_beside)
    jobs, job_id, _ = begin(workstation, device())
    job = wait_for(jobs, job_id, State.DONE, State.CANCELLED)
    assert (job.state, job.pages) == (State.DONE, 10)
    jobs.close()
    deadline = time.monotonic() + 60
    while list((workstation.home / "slots").glob("scan-*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not list((workstation.home / "slots").glob("scan-*"))


def test_a_job_that_cannot_hold_its_lock_feeds_nothing_and_says_so(device, tmp_path, monkeypatch):
    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scanning, "hold_slot", full)
    jobs, job_id, folder = begin(open_home(tmp_path / "home"), device())
    job = wait_for(jobs, job_id, State.CANCELLED, State.DONE)
    assert (job.state, job.pages, job.trouble, list(folder.iterdir())) == (State.CANCELLED, 0, "scan-failed", [])


def test_a_process_killed_while_it_scans_leaves_every_finished_page(device, tmp_path):
    home = tmp_path / "home"
    slow = "--read-delay=yes --read-delay-duration=100000"
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from test_scanners import begin, open_home, SMALL\n"
        "jobs, job_id, _ = begin(open_home(__import__('pathlib').Path(sys.argv[2])), sys.argv[3])\n"
        "while True: time.sleep(1)\n"
    )
    tests = str(papers.Path(papers.__file__).parent)
    doomed = subprocess.Popen([sys.executable, "-c", code, tests, str(home), device(first=slow)])
    folder = home / "stations" / "demo"
    deadline = time.monotonic() + 60
    while len(list(folder.glob("sceau-scan-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    time.sleep(0.4)  # the device's program finishes its page, finds nobody and ends
    Scanning(open_home(home))
    pages = sorted(folder.glob("sceau-scan-*"))
    assert len(pages) >= 2
    for page in pages:
        with Image.open(page) as image:
            image.load()
    assert not list(folder.glob(f"{HIDDEN}*.tif"))


# --- the commands ---


def test_the_commands_list_and_scan(device, tmp_path, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{papers.Path(device()).parent}:/usr/bin:/bin")
    listed = CliRunner().invoke(app, ["scanners", "--json"])
    assert listed.exit_code == 0, listed.output
    assert [json.loads(line)["device"] for line in listed.stdout.splitlines()] == ["test:0", "test:1"]
    wrong = CliRunner().invoke(app, ["scan", "--source", "roll"])
    assert (wrong.exit_code, "n'a pas cette entrée" in wrong.stderr) == (1, True)
    unclear = CliRunner().invoke(app, ["scan"])
    assert (unclear.exit_code, "plusieurs scanners" in unclear.stderr) == (1, True)
    monkeypatch.setattr(scanning, "wish_of", lambda *_: SMALL)
    done = CliRunner().invoke(app, ["scan", "--device", "test:1", "--json"])
    assert done.exit_code == 0, done.output
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["state"], last["pages"]) == ("done", 10)
