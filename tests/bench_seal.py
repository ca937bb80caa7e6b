"""What a seal costs: CPU of one B-LTA seal of a page file of 50-100 kB, with a key held, pyHanko's stock signer, and a key on SoftHSM.

Time is answered in this process by an authority with an RSA-3072 key, as the workstation's own does.
"""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import papers
import pki
from asn1crypto import keys
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from practice import NOON, compose, png_leaf
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from sealing.authority import TimeAuthority
from sealing.keys import CachedSigner, Identity
from sealing.seal import Sealer, seal_file
from sealing.tokens import TokenPlace, open_token

MODULE, PIN = "/usr/lib/softhsm/libsofthsm2.so", "1234"
ROUNDS = int(os.environ.get("SEAL_ROUNDS", "15"))


def seal_costs(folder: Path) -> dict[str, dict[str, float]]:
    """CPU milliseconds by name of the key, medians."""
    page = small_page(folder)
    time_key = pki.good_seal(3072).key
    stamping = pki.issue(
        "Horodatage", pki.company().issuing, key=time_key, usage=("digital_signature",), purposes=[ExtendedKeyUsageOID.TIME_STAMPING]
    )
    found = {}
    for name, seal in (("RSA-3072", pki.good_seal(3072)), ("P-256", pki.good_seal())):
        held = sealer_of(CachedSigner(identity(seal)), stamping)
        stock = sealer_of(stock_signer(seal), stamping, stock=True)
        token = sealer_of(on_token(folder, seal), stamping)
        cost = costs(page, [held, stock, token])
        found[f"seal B-LTA, page file of {page.stat().st_size // 1000} kB, {name}"] = {
            "held_cpu_ms": cost[0],
            "stock_cpu_ms": cost[1],
            "pkcs11_cpu_ms": cost[2],
        }
    return found


def small_page(folder: Path) -> Path:
    place = folder / "page"
    place.mkdir()
    return compose(place, [png_leaf(place, papers.draw_page(papers.INVOICE[:4], size=papers.A4, noise=0))])


def costs(page: Path, sealers: Sequence[Sealer]) -> list[float]:
    """One after the other in each round, so that a busy machine is busy for all."""
    spent: list[list[float]] = [[] for _ in sealers]
    target = page.with_name("sealed.pdf")
    for _ in range(ROUNDS + 1):
        for each, sealer in zip(spent, sealers, strict=True):
            begin = time.process_time()
            seal_file(page, target, sealer)
            each.append(1000 * (time.process_time() - begin))
    return [statistics.median(each[1:]) for each in spent]


def identity(issued: pki.Issued) -> Identity:
    return Identity(issued.key, issued.plain, pki.company().chain)


def sealer_of(signer: object, stamping: pki.Issued, *, stock: bool = False) -> Sealer:
    ours = TimeAuthority(identity(stamping), lambda: NOON)
    dummy = DummyTimeStamper(stamping.plain, private_key(stamping), certs_to_embed=store(), fixed_dt=NOON)
    return Sealer(signer, dummy if stock else ours, (pki.company().root.plain,), pki.company().crls, lambda: NOON)  # type: ignore[arg-type]


def stock_signer(issued: pki.Issued) -> SimpleSigner:
    return SimpleSigner(signing_cert=issued.plain, signing_key=private_key(issued), cert_registry=store())


def store() -> SimpleCertificateStore:
    made = SimpleCertificateStore()
    made.register_multiple(pki.company().chain)
    return made


def private_key(issued: pki.Issued) -> keys.PrivateKeyInfo:
    plain = serialization.NoEncryption()
    return keys.PrivateKeyInfo.load(issued.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain))


def on_token(folder: Path, issued: pki.Issued) -> object:
    """The same key on a SoftHSM token."""
    tokens, name = folder / "tokens", issued.plain.sha256.hex()[:8]
    tokens.mkdir(exist_ok=True)
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    path = folder / "key.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(issued.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    for words in (
        ("--init-token", "--free", "--label", name, "--so-pin", "5678", "--pin", PIN),
        ("--import", str(path), "--token", name, "--label", "seal", "--id", "01", "--pin", PIN),
    ):
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True, timeout=60)
    path.unlink()
    return open_token(TokenPlace(MODULE, name, "seal", PIN), [issued.plain, *pki.company().chain])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="sceau-seal-") as name:
        for what, figures in seal_costs(Path(name)).items():
            print(what, {key: round(value, 1) for key, value in figures.items()})
