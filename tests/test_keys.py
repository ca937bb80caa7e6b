"""A company's own key seals where its certificate is fit for it; where it is not, nothing is sealed, and the reason has its own words."""

import json
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from shutil import rmtree
from typing import Any

import atwork
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID
from pki import CRL_URL, DAY, Issued, company, fingerprint_of, good_seal, issue, revocation_list, with_sha1
from practice import NOON, compose, noisy, png_leaf, practice_keys
from pyhanko.pdf_utils.reader import PdfFileReader
from typer.testing import CliRunner

from config.settings import PASSWORD_VARIABLE, Settings, Time, TimeSource, Unusable, load_settings
from sealing import authority as sealing_authority
from sealing import keys as sealing_keys
from sealing import seal as sealing_seal
from sealing.fitness import certificate_troubles, certificate_warnings
from sealing.keys import PRACTICE, HeldSigner, KeyRefused, UnusableKey, load_pkcs12, make_house_time
from sealing.seal import CannotSeal, Sealer, seal_file
from sealing.verify import verify_file
from station import doctor, pixels, serve, trustlists
from station.cli import app
from station.keyring import (
    key_warnings,
    known_roots,
    known_seal_roots,
    look_at_keys,
    open_sealer,
    open_signer,
    roots_of,
    state_of_keys,
    trust_of,
)
from station.problems import PROBLEMS, problem_of
from station.running import Running
from station.timekeeping import stamper_of
from station.trustlists import crl_addresses, fetch_trust, tend_trust, trust_snapshot


def plain_page(folder: Path) -> Path:
    return compose(folder, [png_leaf(folder, noisy())])


def production(home: Path, seal: Issued, **more: Any) -> Settings:
    """An installation that seals with a PKCS#12 file, revocation lists at hand as files."""
    home.mkdir(exist_ok=True)
    company().write_pkcs12(home / "seal.p12", seal)
    (home / "root.pem").write_bytes(company().root.pem)
    for name, crl in zip(("root.crl", "issuing.crl"), company().crls, strict=True):
        (home / name).write_bytes(crl)
    trust = {"roots": ["root.pem"], "revocation": ["root.crl", "issuing.crl"], "lists_url": ""} | more
    return Settings.model_validate({"home": home, "sealing": {"mode": "production", "file": "seal.p12"}, "trust": trust})


def revoking(seal: Issued, when: datetime = NOON - DAY) -> tuple[bytes, ...]:
    root, _ = company().crls
    return root, revocation_list(company().issuing, [(seal, when)], at=NOON - 29 * DAY, until=NOON + 3650 * DAY)


# --- a good certificate ---


@pytest.fixture(scope="module")
def sealed_for_good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    settings = production(folder / "home", good_seal())
    seal_file(plain_page(folder), folder / "sealed.pdf", open_sealer(settings, lambda: NOON, company().stamper()))
    return folder / "sealed.pdf"


def test_a_company_s_own_certificate_seals_and_is_verified_by_its_root(sealed_for_good: Path) -> None:
    found = verify_file(sealed_for_good, [company().root.plain], NOON)
    assert found.valid and not found.practice


def test_a_production_seal_does_not_say_that_it_is_a_trial(sealed_for_good: Path) -> None:
    with sealed_for_good.open("rb") as file:
        seal = PdfFileReader(file).embedded_signatures[0].sig_object
    assert "ESSAI" not in seal["/Reason"].upper()
    assert "/Location" not in seal


def test_a_practice_root_is_not_believed_of_a_production_seal(sealed_for_good: Path) -> None:
    assert not verify_file(sealed_for_good, practice_keys().trust, NOON).valid


def test_the_workstation_s_own_time_stands_under_a_root_whose_key_is_gone(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = make_house_time(tmp_path / "time", now - DAY, now + DAY)
    assert PRACTICE not in str(made.trust[0].subject.native)
    keys = [pkcs12.load_key_and_certificates(path.read_bytes(), None)[1] for path in (tmp_path / "time").glob("*.p12")]
    assert len(keys) == 1 and keys[0] is not None
    assert keys[0].subject != keys[0].issuer
    assert (tmp_path / "time").stat().st_mode & 0o777 == 0o700


def test_production_seals_with_the_internal_time_as_well(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", good_seal())
    sealer = pixels.warm_sealer(settings)
    seal_file(plain_page(tmp_path), tmp_path / "sealed.pdf", sealer)
    found = verify_file(tmp_path / "sealed.pdf", known_roots(settings))
    assert found.valid, found.checks


# --- bad ones ---


BAD_ONES: dict[str, tuple[Callable[[], Issued], str]] = {
    "expired": (lambda: issue("x", company().issuing, begin=NOON - 9 * DAY, end=NOON - DAY), "key-expired"),
    "not yet valid": (lambda: issue("x", company().issuing, begin=NOON + DAY), "key-not-yet"),
    "for key agreement": (lambda: issue("x", company().issuing, usage=("key_agreement",)), "key-usage"),
    "for servers": (
        lambda: issue("x", company().issuing, usage=("digital_signature",), purposes=[ExtendedKeyUsageOID.SERVER_AUTH]),
        "key-usage",
    ),
    "of an authority": (lambda: company().issuing, "key-usage"),
    "of an unknown issuer": (lambda: issue("x", issue("Autre AC", authority=True)), "key-issuer"),
    "signed with SHA-1": (lambda: with_sha1(issue("x", company().issuing), company().issuing), "key-weak"),
    "on a weak curve": (lambda: issue("x", company().issuing, key=ec.generate_private_key(ec.SECP224R1())), "key-weak"),
    "for practice": (lambda: issue("Cachet", company().issuing, company=PRACTICE), "key-practice"),
    "revoked": (good_seal, "key-revoked"),
    "without a list in force": (good_seal, "key-revocation"),
}
"""Certificates that must not seal, and the problem that each is."""

BAD = tuple(BAD_ONES)


@cache
def bad_seal(name: str) -> Issued:
    return BAD_ONES[name][0]()


def bad_sealer(name: str, at: datetime = NOON) -> tuple[Sealer, str]:
    seal, ours, problem = bad_seal(name), company(), BAD_ONES[name][1]
    sealer = ours.sealer(seal, at)
    if name == "revoked":
        sealer = replace(sealer, crls=revoking(seal))
    if name == "without a list in force":
        old = [revocation_list(each, at=NOON - 9 * DAY, until=NOON - DAY) for each in (ours.root, ours.issuing)]
        sealer = replace(sealer, crls=old)
    return sealer, problem


@pytest.mark.parametrize("name", BAD)
def test_sealing_with_a_bad_certificate_is_refused_in_words_of_its_own(name: str) -> None:
    sealer, problem = bad_sealer(name)
    assert isinstance(sealer.signer, HeldSigner)
    found = certificate_troubles(sealer.signer.signing_cert, sealer.signer.chain, sealer.trust, sealer.crls, NOON)
    assert [each.problem for each in found] == [problem]
    assert "le document attend" in PROBLEMS[problem].words("fr") and PROBLEMS[problem].retry is not None


@pytest.mark.parametrize(
    "name", [name for name in BAD if name not in ("for practice", "on a weak curve", "of an authority", "for servers")]
)
def test_the_seal_itself_refuses_a_bad_certificate_too(name: str, tmp_path: Path) -> None:
    page = plain_page(tmp_path)
    with pytest.raises(CannotSeal):
        seal_file(page, tmp_path / "sealed.pdf", bad_sealer(name)[0])
    assert not (tmp_path / "sealed.pdf").exists()


@pytest.mark.parametrize("name", [name for name in BAD[:7] if name != "of an authority"])
def test_a_file_sealed_with_a_bad_certificate_does_not_verify(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = seal_anyhow(tmp_path, *bad_signer(name), monkeypatch)
    found = {check.name: check.ok for check in verify_file(path, [company().root.plain], NOON + 5 * DAY).checks}
    assert not found["seal"]
    assert found["syntax"] and found["attachments"] and found["pixels"]


def bad_signer(name: str) -> tuple[Issued, datetime]:
    """The certificate, and a moment at which it was in force, if there is one."""
    return bad_seal(name), {"expired": NOON - 5 * DAY, "not yet valid": NOON + 2 * DAY}.get(name, NOON)


def seal_anyhow(folder: Path, seal: Issued, at: datetime, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Path:
    """Sealed by somebody who does not look: as of `at`, whatever the usage and whoever the issuer, while the time is NOON."""
    sealer = replace(company().sealer(seal, at, time_at=NOON), **more)
    roots = [company().root.plain, *(() if seal.certificate.issuer == company().issuing.certificate.subject else [seal.plain])]
    usual = sealing_seal._context
    monkeypatch.setattr(sealing_seal, "_context", lambda told, _moment, *rest: usual(replace(told, trust=roots), at, *rest))
    monkeypatch.setattr(sealing_seal, "usages_of", lambda _certificate: set())
    monkeypatch.setattr("pyhanko_certvalidator.policy_decl.DisallowWeakAlgorithmsPolicy.digest_algorithm_allowed", allow_all())
    monkeypatch.setattr("pyhanko_certvalidator.policy_decl.DisallowWeakAlgorithmsPolicy.signature_algorithm_allowed", allow_all())
    seal_file(plain_page(folder), folder / "sealed.pdf", sealer)
    monkeypatch.undo()
    return folder / "sealed.pdf"


def allow_all() -> Any:
    from pyhanko_certvalidator.policy_decl import AlgorithmUsageConstraint

    return lambda *_args, **_more: AlgorithmUsageConstraint(allowed=True)


def test_a_file_sealed_after_the_certificate_was_revoked_does_not_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = good_seal()
    crls = revoking(seal, NOON - DAY)
    path = seal_anyhow(tmp_path, seal, NOON - 2 * DAY, monkeypatch, crls=crls)
    told = {check.name: check for check in verify_file(path, [company().root.plain], NOON + DAY).checks}
    assert not told["seal"].ok and "REVOKED" in told["seal"].english


def test_a_seal_over_sha_1_does_not_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = sealing_seal.PdfSignatureMetadata
    monkeypatch.setattr(sealing_seal, "PdfSignatureMetadata", lambda **told: usual(**told | {"md_algorithm": "sha1"}))
    monkeypatch.setitem(sealing_keys.DIGESTS, "sha1", hashes.SHA1())  # noqa: S303 that is what is refused
    monkeypatch.setitem(sealing_authority.DIGEST_SIZES, "sha1", 20)
    path = seal_anyhow(tmp_path, good_seal(), NOON, monkeypatch)
    assert not {check.name: check.ok for check in verify_file(path, [company().root.plain], NOON).checks}["seal"]


# --- from settings ---


def test_practice_certificates_are_refused_in_production_and_nothing_is_made(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", bad_seal("for practice"))
    with pytest.raises(KeyRefused) as told:
        open_sealer(settings, lambda: NOON, company().stamper())
    assert problem_of(told.value).code == "key-practice"
    assert problem_of(pickle.loads(pickle.dumps(told.value))).code == "key-practice"  # noqa: S301


def test_a_practice_root_never_counts_as_trust_in_production(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", good_seal())
    root = issue("Racine", authority=True, company=PRACTICE)
    (settings.home / "root.pem").write_bytes(company().root.pem + root.pem)
    with pytest.raises(KeyRefused, match="practice root"):
        roots_of(settings)


def test_a_root_of_timestamps_is_no_root_of_seals(tmp_path: Path, sealed_for_good: Path) -> None:
    assert not verify_file(sealed_for_good, [company().root.plain], NOON, seals=[]).valid
    settings = production(tmp_path / "home", good_seal(), roots=[])
    (source,) = (TimeSource(name="tiers", url="https://time.example/", roots="root.pem"),)
    settings = settings.model_copy(update={"time": Time(authority=(source,))})
    with pytest.raises(KeyRefused) as told:
        open_sealer(settings, lambda: NOON, company().stamper())
    assert told.value.problem == "key-issuer" and known_roots(settings) and not known_seal_roots(settings)


def test_a_practice_root_never_counts_for_time_in_production(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", good_seal())
    (settings.home / "tiers.pem").write_bytes(issue("Racine", authority=True, company=PRACTICE).pem)
    source = TimeSource(name="tiers", url="https://time.example/", roots="tiers.pem")
    settings = settings.model_copy(update={"time": Time(authority=(source,))})
    for look in (known_roots, trust_of, lambda told: stamper_of(told, lambda: NOON)):
        with pytest.raises(KeyRefused, match="practice root"):
            look(settings)


@pytest.mark.parametrize("password", ["juste", None, "faux"])
def test_the_password_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str | None) -> None:
    settings = production(tmp_path / "home", good_seal())
    company().write_pkcs12(settings.home / "seal.p12", good_seal(), b"juste")
    monkeypatch.setitem(os.environ, PASSWORD_VARIABLE, password) if password else monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    if password == "juste":
        assert fingerprint_of(open_sealer(settings, lambda: NOON, company().stamper()).signer) == good_seal().plain.sha256
    else:
        with pytest.raises(UnusableKey):
            open_sealer(settings, lambda: NOON, company().stamper())


def test_a_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    other = issue("x", company().issuing)
    mixed = Issued(ec.generate_private_key(ec.SECP256R1()), other.certificate)
    with pytest.raises((UnusableKey, ValueError)):
        load_pkcs12(company().write_pkcs12(tmp_path / "mixed.p12", mixed), None)


def test_production_without_a_file_seals_nothing_and_names_the_assistant(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "sealing": {"mode": "production"}})
    with pytest.raises(KeyRefused) as told:
        open_signer(settings)
    assert "/installation" in problem_of(told.value).words()


@pytest.mark.parametrize("source", ["pkcs11", "csc"])
def test_production_without_its_key_is_refused_with_what_to_write(tmp_path: Path, source: str) -> None:
    (tmp_path / "sceau.toml").write_text(f'[sealing]\nmode = "production"\nsource = "{source}"\n')
    with pytest.raises(Unusable, match="donnez"):
        load_settings({"SCEAU_HOME": str(tmp_path)})


def test_the_key_is_opened_once_and_again_when_its_file_has_changed(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", good_seal())
    first = pixels.warm_sealer(settings)
    assert pixels.warm_sealer(settings) is first
    before = state_of_keys(settings)
    company().write_pkcs12(settings.home / "seal.p12", issue("Exemple SA - suivant", company().issuing))
    assert state_of_keys(settings) != before
    assert fingerprint_of(pixels.warm_sealer(settings).signer) != fingerprint_of(first.signer)


def test_a_document_waits_with_its_reason_while_the_certificate_is_revoked(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", good_seal())
    sealer = pixels.warm_sealer(settings)
    pixels._SEALERS[state_of_keys(settings)] = replace(sealer, crls=revoking(good_seal()))
    page = plain_page(tmp_path)
    plan = pixels.Plan((), (), tmp_path, tmp_path, atwork_metadata(), view_allowed=False)
    with pytest.raises(KeyRefused) as told:
        pixels._seal(page, plan, pixels.warm_sealer(settings), settings)
    assert problem_of(told.value).code == "key-revoked" and problem_of(told.value).retry is not None


def atwork_metadata() -> Any:
    from practice import METADATA

    return METADATA


# --- revocation lists ---


def listed_seal() -> Issued:
    """A certificate that names where its revocation list is."""
    return issue("Exemple SA - cachet", company().issuing, crl=CRL_URL)


def test_lists_that_certificates_name_are_fetched_kept_and_used_offline(tmp_path: Path) -> None:
    seal = listed_seal()
    settings = production(tmp_path / "home", seal, revocation=["root.crl"])
    with pytest.raises(KeyRefused, match="revocation") as told:
        open_sealer(settings, lambda: NOON, company().stamper())
    assert told.value.problem == "key-revocation"
    assert crl_addresses(settings) == (CRL_URL,)
    (fetched,) = fetch_trust(settings, lambda: NOON, lambda _address: company().crls[1])
    assert fetched.kept
    assert fingerprint_of(open_sealer(settings, lambda: NOON, company().stamper()).signer) == seal.plain.sha256
    assert {name.partition(".")[2] for name, _ in trust_snapshot(settings.home)} >= {"crl", "json", "pem"}


def test_a_seal_carries_the_lists_of_its_own_issuers_only(tmp_path: Path) -> None:
    stranger = issue("Autre AC", authority=True)
    settings = production(tmp_path / "home", good_seal(), revocation=["root.crl", "issuing.crl", "other.crl"])
    other = revocation_list(stranger, at=NOON - DAY, until=NOON + DAY)
    (settings.home / "other.crl").write_bytes(other)
    sealer = open_sealer(settings, lambda: NOON, company().stamper())
    own = {(settings.home / name).read_bytes() for name in ("root.crl", "issuing.crl")}
    assert own <= set(sealer.crls) and other not in sealer.crls


def test_a_list_that_does_not_come_leaves_the_one_at_hand(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", listed_seal(), revocation=["root.crl", CRL_URL])
    answers: list[bytes | Exception] = [
        company().crls[1],
        OSError("no route"),
        b"<html>",
        revocation_list(company().issuing, at=NOON - 9 * DAY, until=NOON - DAY),
    ]

    def get(_address: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    kept = [fetch_trust(settings, lambda: NOON, get)[0].kept for _ in range(4)]
    assert kept == [True, False, False, False]
    assert company().crls[1] is not None and len(list((settings.home / "trust" / "crl").glob("*.crl"))) == 1
    assert open_sealer(settings, lambda: NOON, company().stamper())


def test_lists_are_fetched_daily_in_production_and_never_in_practice(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", good_seal(), revocation=[CRL_URL])
    moments = [NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=25)]
    asked = [len(tend_trust(settings, lambda at=at: at, lambda _address: company().crls[1])) for at in moments]  # type: ignore[misc]
    assert asked == [1, 0, 1]
    assert tend_trust(Settings(home=tmp_path), lambda: NOON) == ()


@pytest.mark.parametrize(("kind", "fetches"), [("work", True), ("take", False)])
def test_lists_are_fetched_wherever_a_process_stays_and_seals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, fetches: bool
) -> None:
    running, spawned = Running(atwork.open_home(tmp_path / "home"), kind, f"{kind}-0", watch=False), []
    monkeypatch.setattr(running._engine, "start", lambda: None)
    monkeypatch.setattr(running._pipeline, "warm_up", lambda: None)
    monkeypatch.setattr(running, "_spawn", lambda name, *_: spawned.append(name))
    running.start()
    assert ("trust" in spawned) is fetches


def test_several_processes_may_note_their_certificate_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as crowd:
        made = [issue(f"x{number}", company().issuing).plain for number in range(4)]
        list(crowd.map(lambda each: trustlists.keep_certificates(tmp_path, "seal-production", [each]), made * 25))
    assert [path.name for path in (tmp_path / "trust").iterdir()] == ["seal-production.pem"]


def test_a_list_that_is_missing_is_asked_for_again_soon(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", good_seal(), revocation=[CRL_URL])
    moments = [NOON, NOON + timedelta(minutes=1), NOON + timedelta(minutes=11)]

    def nothing(_address: str) -> bytes:
        raise OSError("no route")

    assert [len(tend_trust(settings, lambda at=at: at, nothing)) for at in moments] == [1, 0, 1]  # type: ignore[misc]


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(bytes(200_000))

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    monkeypatch.setattr(trustlists, "MAX_BYTES", 100_000)
    with HTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(OSError, match="more than"):
            trustlists.fetch(f"http://127.0.0.1:{server.server_address[1]}/list")
        thread.join(timeout=5)


# --- what is told ---


@pytest.mark.parametrize(("days", "codes"), [(61, []), (59, ["key-expires"]), (1, ["key-expires"])])
def test_the_end_of_a_certificate_is_announced_sixty_days_before(days: int, codes: list[str]) -> None:
    seal = issue("x", company().issuing, end=NOON + days * DAY)
    assert [each.code for each in certificate_warnings(seal.plain, company().chain, company().crls, NOON, 60)] == codes


def test_the_desk_is_told_what_stands_against_the_key_without_opening_it(tmp_path: Path) -> None:
    settings = production(tmp_path / "home", issue("x", company().issuing, end=NOON + 30 * DAY))
    assert key_warnings(settings, NOON) == ()
    open_sealer(settings, lambda: NOON, company().stamper())
    (settings.home / "seal.p12").unlink()
    rmtree(settings.home / "keys")
    assert [each.code for each in key_warnings(settings, NOON)] == ["key-expires"]
    assert [each.code for each in key_warnings(settings, NOON + 31 * DAY)] == ["key-refused", "key-expires"]
    assert not (settings.home / "keys").exists()


def test_a_revocation_list_at_its_end_is_announced(tmp_path: Path) -> None:
    old = revocation_list(company().issuing, at=NOON - DAY, until=NOON + timedelta(hours=3))
    assert [each.code for each in certificate_warnings(good_seal().plain, (), [old], NOON, 60)] == ["revocation-old"]


def test_the_look_at_keys_tells_holder_level_and_dates(tmp_path: Path) -> None:
    told = look_at_keys(production(tmp_path / "home", good_seal()), NOON)
    assert told.fit and told.key is not None
    assert (told.key.holder, told.key.issuer, told.key.level, told.key.key) == ("Exemple SA - cachet", "Exemple AC", "unknown", "P-256")
    assert told.key.fingerprint == good_seal().plain.sha256.hex()
    assert any("qualification inconnue" in line for line in told.lines("fr"))


def written(home: Path, seal: Issued) -> Path:
    settings = production(home, seal)
    trust = json.dumps(settings.trust.roots), json.dumps(settings.trust.revocation)
    text = f'[sealing]\nmode = "production"\nfile = "seal.p12"\n[trust]\nlists_url = ""\nroots = {trust[0]}\nrevocation = {trust[1]}\n'
    (home / "sceau.toml").write_text(text)
    return home


@pytest.mark.parametrize(("name", "code"), [("good", 0), ("for practice", 3), ("expired", 3)])
def test_keys_says_whether_it_may_seal_by_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
    home = written(tmp_path / "home", good_seal() if name == "good" else bad_seal(name))
    monkeypatch.setenv("SCEAU_HOME", str(home))
    shown, as_json = CliRunner().invoke(app, ["keys"]), CliRunner().invoke(app, ["keys", "--json"])
    assert (shown.exit_code, as_json.exit_code) == (code, code), shown.output
    told = json.loads(as_json.stdout)
    assert told["fit"] == (code == 0) and told["key"]["fingerprint"] in shown.stdout
    assert (told["trouble"] is None) == (code == 0)


def test_verify_trusts_the_configured_roots_in_production(
    tmp_path: Path, sealed_for_good: Path, practice_keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, code in (("company", 0), ("other", 4)):
        home = written(tmp_path / name, good_seal())
        if name == "other":
            (home / "root.pem").write_bytes(issue("Autre racine", authority=True).pem)
        monkeypatch.setenv("SCEAU_HOME", str(home))
        assert CliRunner().invoke(app, ["verify", str(sealed_for_good)]).exit_code == code
    (tmp_path / "company" / "root.pem").write_bytes((practice_keys / "root.pem").read_bytes())
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path / "company"))
    assert CliRunner().invoke(app, ["verify", str(sealed_for_good)]).exit_code == 2


def test_the_start_says_what_stands_against_the_key(tmp_path: Path) -> None:
    assert serve.key_lines(Settings(home=tmp_path)) == []
    (told,) = serve.key_lines(production(tmp_path / "bad", bad_seal("for practice")))
    assert "le document attend" in told and "Rien n'est perdu" in told
    assert serve.key_lines(production(tmp_path / "good", good_seal())) == []


def test_practice_keys_are_shown_as_such(tmp_path: Path, practice_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "practice").symlink_to(practice_keys)
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    shown = CliRunner().invoke(app, ["keys"])
    assert shown.exit_code == 0 and "essai, sans valeur probante" in shown.stdout


def test_the_doctor_names_a_key_that_must_not_seal(tmp_path: Path) -> None:
    told = {each.name: each for each in doctor._keys(production(tmp_path / "home", bad_seal("for practice")))}
    assert not told["keys"].ok and told["keys"].needed and "practice" in told["keys"].detail
    assert next(iter(doctor._keys(production(tmp_path / "good", good_seal())))).ok
