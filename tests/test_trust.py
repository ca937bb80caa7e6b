"""Whether a certificate is qualified is said by trusted lists alone: signed, in force and at hand; otherwise nothing is said."""

import hashlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import lists
import pytest
from lists import BE_URL, FR_URL, GRANTED, LOTL_URL, NOW_ISH, QTST, WITHDRAWN, Service, list_of_lists, national, operator, qualified
from pki import DAY, company, good_seal, issue, qualified_seal
from practice import NOON

from config.settings import Settings
from sealing.qualification import NotQualified, Qualification, Qualified, Unknown
from sealing.trust import TrustedLists, UntrustedList, qualification_of, read_list, read_lists
from station.keyring import key_in_use, key_warnings, qualification_here
from station.trustlists import fetch_trust, keep_certificates, trust_snapshot, trusted_lists


def read(french: str | None, *, lotl: str | None = None, territories: tuple[str, ...] = ("FR",)) -> TrustedLists:
    texts = {LOTL_URL: lotl or list_of_lists()} | ({FR_URL: french} if french else {})
    return read_lists(LOTL_URL, texts, [operator("Commission").plain], territories)


def asked(found: TrustedLists, certificate: Any = None, moment: Any = NOON) -> Qualification:
    return qualification_of(((certificate or qualified()).plain, *company().chain), found, moment)


# --- what lists say ---


def test_a_granted_authority_and_a_certificate_that_says_so_make_a_qualified_seal() -> None:
    text = national(Service(company().issuing))
    found = asked(read(text))
    assert found == Qualified("seal", "Exemple AC qualifiée", "FR", qscd=True, list_sha256=hashlib.sha256(text.encode()).hexdigest())


def test_an_ordinary_certificate_of_a_granted_authority_is_not_qualified() -> None:
    assert isinstance(asked(read(national(Service(company().issuing))), good_seal()), NotQualified)


def test_what_an_authority_outside_the_list_says_of_itself_does_not_count() -> None:
    assert isinstance(asked(read(national(Service(issue("Autre AC", authority=True))))), NotQualified)


def test_a_withdrawn_service_qualifies_what_was_before_and_nothing_after() -> None:
    since = NOW_ISH - 20 * DAY
    found = read(national(Service(company().issuing, status=WITHDRAWN, since=since, history=[(GRANTED, NOW_ISH - 300 * DAY)])))
    assert isinstance(asked(found, moment=since - 5 * DAY), Qualified)
    assert isinstance(asked(found, moment=since + 5 * DAY), NotQualified)


def test_a_service_that_never_was_granted_does_not_count() -> None:
    assert isinstance(asked(read(national(Service(company().issuing, status=WITHDRAWN)))), NotQualified)


def test_a_listed_time_authority_is_qualified() -> None:
    found = asked(read(national(Service(company().time, kind=QTST, name="Exemple Horodatage"))), company().time)
    assert isinstance(found, Qualified) and (found.kind, found.service) == ("timestamp", "Exemple Horodatage")
    assert isinstance(asked(read(national(Service(company().issuing))), company().time), NotQualified)


# --- when nothing can be said ---


def test_without_a_list_nothing_is_said() -> None:
    assert isinstance(asked(TrustedLists()), Unknown)
    assert isinstance(asked(read(None)), Unknown)


@pytest.mark.parametrize("until", [NOON - DAY, None], ids=["past its date", "closed"])
def test_a_list_past_its_date_says_nothing_and_is_told(until: Any) -> None:
    found = read(national(Service(company().issuing), until=until))
    assert isinstance(asked(found), Unknown)
    assert [each.code for each in found.warnings(NOON)] == ["trusted-list-old"]


def test_a_list_of_lists_past_its_date_says_nothing_either() -> None:
    assert isinstance(asked(read(national(Service(company().issuing)), lotl=list_of_lists(until=NOON - DAY))), Unknown)


def test_of_a_country_whose_list_is_not_at_hand_nothing_is_said() -> None:
    belgian = issue("AC belge", authority=True, country="BE")
    seal = issue("Cachet", belgian, extra=[qualified_seal()], country="BE")
    assert isinstance(qualification_of((seal.plain, belgian.plain), read(national(Service(company().issuing))), NOON), Unknown)


# --- lists that are not believed ---


def tampered(text: str, before: str, after: str) -> str:
    assert before in text
    return text.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [("granted", "withdrawn"), ("Exemple AC", "Exemple XX"), ("<TSLSequenceNumber>10", "<TSLSequenceNumber>11"), ("2027-", "2037-")],
)
def test_a_tampered_list_is_refused(before: str, after: str) -> None:
    found = read(tampered(national(Service(company().issuing)), before, after))
    assert [each.territory for each in found.lists] == ["EU"] and len(found.troubles) == 1
    assert isinstance(asked(found), Unknown)
    assert [each.code for each in found.warnings(NOON)] == ["trusted-list-refused"]


def test_a_list_that_somebody_else_signed_is_refused() -> None:
    found = read(national(Service(company().issuing), by=operator("Inconnu")))
    assert [each.territory for each in found.lists] == ["EU"] and isinstance(asked(found), Unknown)


def test_nothing_is_believed_of_a_list_of_lists_that_is_not_the_european_one() -> None:
    found = read(national(Service(company().issuing)), lotl=list_of_lists(by=operator("Inconnu")))
    assert found.lists == () and isinstance(asked(found), Unknown)


def test_a_list_of_another_country_does_not_stand_in() -> None:
    assert isinstance(asked(read(national(Service(company().issuing), territory="BE"))), Unknown)


def test_a_signature_around_a_forged_list_is_refused() -> None:
    """Wrapping: the signed list lies unharmed inside another, which is what a careless reader would read."""
    true = national(Service(issue("Autre AC", authority=True)))
    forged = national(Service(company().issuing), by=operator("Inconnu"))
    signature = true[true.index("<ds:Signature") : true.index("</ds:Signature>") + len("</ds:Signature>")]
    outer = forged[: forged.index("<ds:Signature")] + signature.replace("</ds:Signature>", f"<ds:Object>{true}</ds:Object></ds:Signature>")
    wrapped = outer + "</TrustServiceStatusList>"
    assert not isinstance(asked(read(wrapped)), Qualified)


@pytest.mark.parametrize("text", ["", "<a/>", "not xml", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'])
def test_what_is_no_list_is_refused_as_one(text: str) -> None:
    with pytest.raises(UntrustedList):
        read_list(text, [operator().plain], FR_URL)


# --- fetched once, used offline ---


@pytest.fixture
def server() -> Iterator[dict[str, str]]:
    """A server of lists on loopback: path to text; `base` is its address."""
    shown: dict[str, str] = {}

    class Lists(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = shown.get(self.path)
            self.send_response(200 if text else 404)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Lists) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        shown["base"] = f"http://127.0.0.1:{made.server_address[1]}"
        yield shown
        made.shutdown()
        thread.join(timeout=5)


@pytest.fixture
def home(tmp_path: Path, server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation that looks up the lists of that server."""
    base = server["base"]
    for name, url in (("FR_URL", f"{base}/fr.xml"), ("BE_URL", f"{base}/be.xml"), ("LOTL_URL", f"{base}/lotl.xml")):
        monkeypatch.setattr(lists, name, url)
    (tmp_path / "signers.pem").write_bytes(operator("Commission").pem)
    trust = {"lists_url": f"{base}/lotl.xml", "lists_signers": "signers.pem", "roots": []}
    sealing = {"mode": "production", "file": "seal.p12"}
    return Settings.model_validate({"home": tmp_path, "sealing": sealing, "trust": trust})


def publish(server: dict[str, str], **texts: str) -> None:
    server.update({f"/{name}.xml": text for name, text in texts.items()})


def here(settings: Settings) -> Qualification:
    return qualification_here(settings, (qualified().plain, *company().chain), NOON)


def test_lists_are_fetched_once_and_used_offline_afterwards(
    home: Settings, server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(here(home), Unknown)
    publish(server, lotl=list_of_lists(), fr=national(Service(company().issuing)))
    assert [each.kept for each in fetch_trust(home, lambda: NOON)] == [True, True]
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    assert isinstance(here(home), Qualified)
    shown = key_in_use(home, (qualified().plain, *company().chain), NOON)
    assert (shown.level, shown.reason) == ("qualified", "Exemple AC qualifiée (FR)")


def test_what_was_fetched_is_noted_with_time_and_hash_and_goes_into_packages(home: Settings, server: dict[str, str]) -> None:
    publish(server, lotl=list_of_lists(), fr=national(Service(company().issuing)))
    fetch_trust(home, lambda: NOON)
    snapshot = dict(trust_snapshot(home.home))
    assert {"EU.xml", "FR.xml", "lists.json"} <= set(snapshot)
    note = json.loads(snapshot["lists.json"].read_text())[f"{server['base']}/fr.xml"]
    assert note["sha256"] == hashlib.sha256(snapshot["FR.xml"].read_bytes()).hexdigest()
    assert note["fetched_at"] == NOON.isoformat()


def changes(server: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What may be published after a good list, and must not replace it."""
    fine = national(Service(company().issuing), sequence=11)
    return {
        "tampered": {"fr": tampered(fine, "granted", "withdrawn")},
        "an older edition": {"fr": national(Service(issue("Autre AC", authority=True)), sequence=9)},
        "gone": {"fr": ""},
        "a forged list of lists": {"lotl": list_of_lists(sequence=401, by=operator("Inconnu")), "fr": fine},
        "an older list of lists": {"lotl": list_of_lists(sequence=399)},
    }


@pytest.mark.parametrize("name", ["tampered", "an older edition", "gone", "a forged list of lists", "an older list of lists"])
def test_what_is_not_believed_leaves_the_list_at_hand(home: Settings, server: dict[str, str], name: str) -> None:
    publish(server, lotl=list_of_lists(), fr=national(Service(company().issuing)))
    fetch_trust(home, lambda: NOON)
    publish(server, **changes(server)[name])
    told = fetch_trust(home, lambda: NOON + timedelta(days=1))
    assert not all(each.kept for each in told)
    assert isinstance(here(home), Qualified)


def test_a_newer_edition_replaces_the_one_at_hand(home: Settings, server: dict[str, str]) -> None:
    publish(server, lotl=list_of_lists(), fr=national(Service(company().issuing)))
    fetch_trust(home, lambda: NOON)
    publish(server, fr=national(Service(company().issuing, status=WITHDRAWN), sequence=11))
    fetch_trust(home, lambda: NOON)
    assert isinstance(here(home), NotQualified)


def test_a_list_that_was_changed_on_the_disk_is_not_believed(home: Settings, server: dict[str, str]) -> None:
    publish(server, lotl=list_of_lists(), fr=national(Service(company().issuing, status=WITHDRAWN)))
    fetch_trust(home, lambda: NOON)
    path = home.home / "trust" / "lists" / "FR.xml"
    path.write_text(tampered(path.read_text(), "withdrawn", "granted"))
    assert isinstance(here(home), Unknown)
    assert [each.code for each in trusted_lists(home).warnings(NOON)] == ["trusted-list-refused"]


def test_old_lists_are_told_to_the_desk(home: Settings, server: dict[str, str]) -> None:
    publish(server, lotl=list_of_lists(), fr=national(Service(company().issuing), until=NOON - DAY))
    fetch_trust(home, lambda: NOON)
    keep_certificates(home.home, "seal-production", (good_seal().plain, *company().chain))
    assert "trusted-list-old" in [each.code for each in key_warnings(home, NOON)]


def test_only_the_territories_that_were_asked_for_are_fetched(home: Settings, server: dict[str, str]) -> None:
    publish(server, lotl=list_of_lists(), fr=national(Service(company().issuing)), be=national(territory="BE"))
    assert [each.address for each in fetch_trust(home, lambda: NOON)] == [home.trust.lists_url, lists.FR_URL]
    assert BE_URL != FR_URL
