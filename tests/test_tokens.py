"""A key on a token, or at a remote service, seals as one from a file does; it stays where it is, and its absence is a passing trouble."""

import asyncio
import base64
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from pki import Issued, company, fingerprint_of, good_seal, issue
from practice import NOON, compose, noisy, png_leaf

from config.settings import PIN_VARIABLE, TOKEN_VARIABLE, Settings
from sealing import tokens
from sealing.keys import HeldSigner, KeyAway, UnusableKey
from sealing.remote import RemotePlace, open_remote
from sealing.seal import Sealer, seal_file
from sealing.tokens import TokenPlace, TokenSigner, open_token
from sealing.verify import verify_file
from station.children import Children
from station.keyring import open_sealer
from station.problems import problem_of

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "1234"
needs_softhsm = pytest.mark.skipif(not (shutil.which("softhsm2-util") and Path(MODULE).exists()), reason="softhsm2 is not installed")


def sealed_with(signer: HeldSigner, folder: Path) -> Path:
    trust = (company().root.plain,)
    sealer = Sealer(signer, company().stamper(), trust, company().crls, lambda: NOON)
    page = compose(folder, [png_leaf(folder, noisy())])
    seal_file(page, folder / "sealed.pdf", sealer)
    return folder / "sealed.pdf"


def holds(path: Path) -> bool:
    return verify_file(path, [company().root.plain], NOON).valid


# --- PKCS#11: a real SoftHSM ---


@dataclass
class Token:
    """A SoftHSM token in a folder, with two keys and their certificates."""

    folder: Path
    label: str = "Sceau"

    def run(self, *words: str) -> None:
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True, timeout=60)

    def place(self, key: str, pin: str | None = PIN) -> TokenPlace:
        return TokenPlace(MODULE, self.label, key, pin)

    def put(self, name: str, number: str, seal: Issued, *, certificate: bool = True) -> None:
        path = self.folder / "key.pem"
        plain = serialization.NoEncryption()
        path.write_bytes(seal.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        self.run("--import", str(path), "--token", self.label, "--label", name, "--id", number, "--pin", PIN)
        path.unlink()
        if certificate:
            self._certify(name, seal)

    def _certify(self, name: str, seal: Issued) -> None:
        import pkcs11
        from pkcs11.util.x509 import decode_x509_certificate

        lib = pkcs11.lib(MODULE)
        lib.reinitialize()
        with lib.get_token(token_label=self.label).open(rw=True, user_pin=PIN) as session:
            for label, each in ((name, seal.plain), ("issuing", company().issuing.plain)):
                shown = decode_x509_certificate(each.dump())
                session.create_object(shown | {pkcs11.Attribute.LABEL: label, pkcs11.Attribute.TOKEN: True})


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    made = Token(folder)
    made.run("--init-token", "--free", "--label", made.label, "--so-pin", "5678", "--pin", PIN)
    made.put("rsa", "01", good_seal(3072))
    made.put("p256", "02", good_seal(), certificate=False)
    yield made
    os.environ.pop("SOFTHSM2_CONF") if before is None else os.environ.update(SOFTHSM2_CONF=before)


def chain_of(seal: Issued) -> list[Any]:
    return [seal.plain, *company().chain]


@needs_softhsm
def test_an_rsa_key_and_its_certificate_on_a_token_seal(token: Token, tmp_path: Path) -> None:
    signer = open_token(token.place("rsa"))
    assert fingerprint_of(signer) == good_seal(3072).plain.sha256
    assert holds(sealed_with(signer, tmp_path))


@needs_softhsm
def test_a_p_256_key_on_a_token_seals_with_a_certificate_from_a_file(token: Token, tmp_path: Path) -> None:
    assert holds(sealed_with(open_token(token.place("p256"), chain_of(good_seal())), tmp_path))


@needs_softhsm
def test_the_key_does_not_leave_the_token(token: Token) -> None:
    import pkcs11

    handle = open_token(token.place("rsa"))._handle
    for attribute in (pkcs11.Attribute.PRIVATE_EXPONENT, pkcs11.Attribute.PRIME_1):
        with pytest.raises(pkcs11.PKCS11Error):
            handle[attribute]
    assert not hasattr(open_token(token.place("rsa")), "_key")


@needs_softhsm
@pytest.mark.parametrize(
    ("place", "kind", "told"),
    [
        ({"pin": "9999"}, UnusableKey, "Pin"),
        ({"pin": None}, UnusableKey, "0 private keys"),
        ({"key": "absent"}, UnusableKey, "0 private keys"),
        ({"token": "absent"}, KeyAway, "absent"),
        ({"module": "/nowhere.so"}, KeyAway, "nowhere"),
    ],
)
def test_what_does_not_open_is_told(token: Token, place: dict[str, Any], kind: type[UnusableKey], told: str) -> None:
    with pytest.raises(UnusableKey, match=told) as caught:
        open_token(replace(token.place("rsa"), **place), chain_of(good_seal(3072)))
    assert type(caught.value) is kind
    assert PIN not in repr(token.place("rsa"))


def test_a_pin_that_was_refused_is_never_tried_again_until_it_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pkcs11

    tried: list[str] = []

    def refuse(*_: Any, user_pin: str, **__: Any) -> Any:
        tried.append(user_pin)
        raise pkcs11.PinIncorrect

    monkeypatch.setattr(tokens, "open_pkcs11_session", refuse)
    place = TokenPlace("/some.so", "Sceau", "key", "1111", tmp_path / "keys" / "refused-pin")
    for pin in ("1111", "1111", "2222", "2222"):
        with pytest.raises(UnusableKey):
            open_token(replace(place, pin=pin))
    assert tried == ["1111", "2222"]
    kept = (tmp_path / "keys" / "refused-pin").read_bytes()
    assert b"2222" not in kept and (tmp_path / "keys" / "refused-pin").stat().st_mode & 0o777 == 0o600


@needs_softhsm
def test_a_token_opens_again_once_the_pin_is_right(token: Token, tmp_path: Path) -> None:
    place = replace(token.place("rsa"), refusal=tmp_path / "refused-pin")
    with pytest.raises(UnusableKey, match="Pin"):
        open_token(replace(place, pin="9999"))
    with pytest.raises(UnusableKey, match="refused"):
        open_token(replace(place, pin="9999"))
    assert open_token(place)


@needs_softhsm
def test_a_certificate_of_another_key_is_noticed_at_once(token: Token) -> None:
    with pytest.raises(UnusableKey, match="not that of the key"):
        open_token(token.place("p256"), chain_of(issue("x", company().issuing)))


@needs_softhsm
def test_a_session_that_was_lost_is_opened_again(token: Token, tmp_path: Path) -> None:
    import pkcs11

    signer = open_token(token.place("rsa"))
    pkcs11.lib(MODULE).reinitialize()
    assert holds(sealed_with(signer, tmp_path))


@needs_softhsm
def test_a_pulled_token_is_a_passing_trouble_and_the_next_try_seals(token: Token, tmp_path: Path) -> None:
    signer = open_token(token.place("rsa"))
    drawer = token.folder / "drawer"
    (token.folder / "tokens").rename(drawer)
    (token.folder / "tokens").mkdir()
    try:
        with pytest.raises(KeyAway) as told:
            lose(signer)
            sealed_with(signer, tmp_path)
    finally:
        (token.folder / "tokens").rmdir()
        drawer.rename(token.folder / "tokens")
    problem = problem_of(told.value)
    assert problem.code == "key-away" and problem.retry is not None
    assert not (tmp_path / "sealed.pdf").exists()
    assert holds(sealed_with(signer, tmp_path))


def lose(signer: TokenSigner) -> None:
    """What the library knows of its tokens is gone with the token."""
    import pkcs11

    pkcs11.lib(MODULE).reinitialize()
    assert signer._place.token


def seal_in_child(settings: Settings, folder: Path, environment: dict[str, str]) -> tuple[int, int]:
    """Two seals of one process, with the sealer that the process keeps.

    The environment is handed in: the forkserver keeps that of the test which started it first.
    """
    from station import pixels

    os.environ.update(environment)
    first = pixels.warm_sealer(settings)
    for name in ("a", "b"):
        (folder / name).mkdir()
        page = compose(folder / name, [png_leaf(folder / name, noisy())])
        seal_file(page, folder / name / "sealed.pdf", pixels.warm_sealer(settings))
    return os.getpid(), int(pixels.warm_sealer(settings) is first)


@needs_softhsm
def test_a_child_process_opens_the_token_by_itself_and_once(token: Token, tmp_path: Path) -> None:
    settings = token_settings(token, tmp_path / "home")
    environment = {PIN_VARIABLE: PIN, "SOFTHSM2_CONF": os.environ["SOFTHSM2_CONF"]}
    children = Children(1, 4096)
    try:
        pid, same = children.run(seal_in_child, 300, settings, tmp_path, environment)
    finally:
        children.stop()
    assert pid != os.getpid() and same
    from station.keyring import known_roots

    assert all(verify_file(tmp_path / name / "sealed.pdf", known_roots(settings)).valid for name in ("a", "b"))


def token_settings(token: Token, home: Path) -> Settings:
    home.mkdir()
    (home / "root.pem").write_bytes(company().root.pem)
    for name, crl in zip(("root.crl", "issuing.crl"), company().crls, strict=True):
        (home / name).write_bytes(crl)
    sealing = {"mode": "production", "source": "pkcs11", "module": MODULE, "token": token.label, "key": "rsa"}
    trust = {"roots": ["root.pem"], "revocation": ["root.crl", "issuing.crl"], "lists_url": ""}
    return Settings.model_validate({"home": home, "sealing": sealing, "trust": trust})


# --- Cloud Signature Consortium, API v1 ---


@dataclass
class Service:
    """A remote service that speaks CSC API v1: credentials/info, credentials/authorize, signatures/signHash."""

    seal: Issued
    refuses: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""

    def application(self) -> web.Application:
        app = web.Application()
        for name in ("credentials/info", "credentials/authorize", "signatures/signHash"):
            app.router.add_post(f"/csc/v1/{name}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.Response:
        name, told = request.path.removeprefix("/csc/v1/"), await request.json()
        self.asked.append((name, told))
        if request.headers.get("Authorization") != "Bearer jeton" or told["credentialID"] != "cachet-1":
            return web.json_response({"error": "invalid_token"}, status=401)
        if name == "credentials/info":
            return web.json_response(self.info())
        if self.refuses or (name == "credentials/authorize" and told["PIN"] != PIN):
            return web.json_response({"error": "invalid_request" if self.refuses else "invalid_pin"}, status=400)
        if name == "credentials/authorize":
            return web.json_response({"SAD": "sad-" + told["hash"][0], "expiresIn": 60})
        if told["SAD"] != "sad-" + told["hash"][0]:
            return web.json_response({"error": "invalid_request"}, status=400)
        return web.json_response({"signatures": [base64.b64encode(self.sign(base64.b64decode(each))).decode() for each in told["hash"]]})

    def info(self) -> dict[str, Any]:
        """CSC API v1, 11.5."""
        oid = "1.2.840.113549.1.1.11" if isinstance(self.seal.key, rsa.RSAPrivateKey) else "1.2.840.10045.4.3.2"
        certificates = [base64.b64encode(each.dump()).decode() for each in (self.seal.plain, *company().chain)]
        return {
            "key": {"status": "enabled", "algo": [oid], "len": 256},
            "cert": {"status": "valid", "certificates": certificates},
            "authMode": "explicit",
            "SCAL": "2",
            "multisign": 1,
        }

    def sign(self, digest: bytes) -> bytes:
        algorithm = Prehashed(hashes.SHA256())
        if isinstance(self.seal.key, rsa.RSAPrivateKey):
            return self.seal.key.sign(digest, padding.PKCS1v15(), algorithm)
        return self.seal.key.sign(digest, ec.ECDSA(algorithm))


@pytest.fixture(params=[0, 3072], ids=["P-256", "RSA-3072"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    made = Service(good_seal(request.param))
    ready, ending = threading.Event(), threading.Event()

    def serve() -> None:
        asyncio.run(run_service(made, ready, ending))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10)
    yield made
    ending.set()
    thread.join(timeout=10)


async def run_service(service: Service, ready: threading.Event, ending: threading.Event) -> None:
    runner = web.AppRunner(service.application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    ready.set()
    while not ending.is_set():
        await asyncio.sleep(0.02)
    await runner.cleanup()


def remote(service: Service, **changes: str) -> RemotePlace:
    return replace(RemotePlace(service.url, "cachet-1", "jeton", PIN), **changes)


def test_a_remote_key_seals_and_is_asked_for_each_hash_with_the_pin(service: Service, tmp_path: Path) -> None:
    assert holds(sealed_with(open_remote(remote(service)), tmp_path))
    assert [name for name, _ in service.asked] == ["credentials/info", "credentials/authorize", "signatures/signHash"]
    (_, authorized), (_, signed) = service.asked[1:]
    assert authorized["hash"] == signed["hash"] and authorized["PIN"] == PIN and signed["hashAlgo"] == "2.16.840.1.101.3.4.2.1"


def test_a_remote_key_is_opened_from_settings_and_the_environment(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root.pem").write_bytes(company().root.pem)
    for name, crl in zip(("root.crl", "issuing.crl"), company().crls, strict=True):
        (tmp_path / name).write_bytes(crl)
    sealing = {"mode": "production", "source": "csc", "service_url": service.url, "credential": "cachet-1"}
    trust = {"roots": ["root.pem"], "revocation": ["root.crl", "issuing.crl"], "lists_url": ""}
    settings = Settings.model_validate({"home": tmp_path, "sealing": sealing, "trust": trust})
    monkeypatch.setenv(TOKEN_VARIABLE, "jeton")
    monkeypatch.setenv(PIN_VARIABLE, PIN)
    assert fingerprint_of(open_sealer(settings, lambda: NOON, company().stamper()).signer) == service.seal.plain.sha256


def test_a_service_that_refuses_or_is_gone_leaves_no_sealed_file(service: Service, tmp_path: Path) -> None:
    signer = open_remote(remote(service))
    service.refuses = True
    with pytest.raises(KeyAway) as told:
        sealed_with(signer, tmp_path)
    assert problem_of(told.value).retry is not None
    assert not (tmp_path / "sealed.pdf").exists()
    service.refuses = False
    assert holds(sealed_with(signer, tmp_path))


def test_a_pin_that_the_service_refused_is_never_sent_again(service: Service, tmp_path: Path) -> None:
    for _ in range(3):
        signer = open_remote(replace(remote(service), pin="9999", refusal=tmp_path / "refused-pin"))
        with pytest.raises(UnusableKey, match="refused") as told:
            sealed_with(signer, tmp_path)
        assert problem_of(told.value).code == "key-unusable"
    assert [told["PIN"] for name, told in service.asked if name == "credentials/authorize"] == ["9999"]
    assert holds(sealed_with(open_remote(replace(remote(service), refusal=tmp_path / "refused-pin")), tmp_path))


@pytest.mark.parametrize("changes", [{"token": "faux"}, {"credential": "autre"}])
def test_a_wrong_token_or_credential_needs_a_person(service: Service, changes: dict[str, str]) -> None:
    with pytest.raises(UnusableKey) as told:
        open_remote(remote(service, **changes))
    assert type(told.value) is UnusableKey
    assert PIN not in repr(remote(service)) and "jeton" not in repr(remote(service))


def test_a_service_that_does_not_answer_is_waited_for() -> None:
    with pytest.raises(KeyAway):
        open_remote(RemotePlace("http://127.0.0.1:9", "cachet-1"))
