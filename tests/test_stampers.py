"""An authority's answer is used only if it is right in every respect; one that fails rests, and the next stands in."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import core, tsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from practice import NOON, compose, noisy, png_leaf
from pyhanko.sign.timestamps import TimestampRequestError
from tsaserver import Served, serving
from years import House

from sealing.authority import EXAMPLE_POLICY, TimeAuthority
from sealing.keys import PRACTICE, CachedSigner, Identity
from sealing.seal import Sealer, TimestampUnavailable, seal_file
from sealing.stampers import Demand, Relay, RemoteAuthority, is_own
from sealing.verify import verify_file

BEGIN, END = NOON - timedelta(days=30), NOON + timedelta(days=900)
DIGEST = bytes(range(32))


@pytest.fixture(scope="module")
def house() -> House:
    return House(BEGIN)


@pytest.fixture(scope="module")
def tsa(house: House) -> Identity:
    return house.time(BEGIN, END)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def honest(identity: Identity, at=NOON, policy: str = EXAMPLE_POLICY) -> Callable[[tsp.TimeStampReq], bytes]:
    authority = TimeAuthority(identity, lambda: at, policy)
    return lambda request: authority.answer(request).dump()


def remote(house: House, url: str, name: str = "tiers", **more) -> RemoteAuthority:
    demand = Demand(house.trust, EXAMPLE_POLICY, (house.crl(NOON),))
    return RemoteAuthority(name, url, demand, lambda: NOON, **{"seconds": 3.0} | more)


def ask(authority: RemoteAuthority | Relay) -> tsp.TSTInfo:
    token = asyncio.run(authority.async_timestamp(DIGEST, "sha256"))
    return token["content"]["encap_content_info"]["content"].parsed


def changed(**fields: core.Asn1Value | int) -> Callable[[Callable[[tsp.TimeStampReq], bytes]], Callable[[tsp.TimeStampReq], bytes]]:
    """An authority that answers another question than the one it was asked."""

    def wrapped(answer):
        def told(request: tsp.TimeStampReq) -> bytes:
            for name, value in fields.items():
                request[name] = value
            return answer(tsp.TimeStampReq.load(request.dump()))

        return told

    return wrapped


def test_an_honest_authority_gives_a_token_over_our_hash(house, tsa, stack):
    served = stack.enter_context(serving(honest(tsa)))
    told = ask(remote(house, served.url))
    assert told["message_imprint"]["hashed_message"].native == DIGEST and told["gen_time"].native == NOON


def test_a_login_is_sent_as_http_basic(house, tsa, stack):
    served = stack.enter_context(serving(honest(tsa)))
    ask(remote(house, served.url, login=("sceau", "secret")))
    assert served.asked[0]["Authorization"] == "Basic c2NlYXU6c2VjcmV0"
    assert served.asked[0]["Content-Type"] == "application/timestamp-query"


OTHER_HASH = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(32)}
WEAK_HASH = {"hash_algorithm": {"algorithm": "sha512"}, "hashed_message": bytes(64)}
LIES = {
    "another hash": "another hash",
    "another digest": "another hash",
    "another nonce": "another nonce",
    "another policy": "policy 1.2.3.4",
    "an expired certificate": "not valid",
    "a certificate not yet valid": "not valid",
    "a certificate for documents": "not one of a time authority",
    "two purposes": "not one of a time authority",
    "a purpose that is not critical": "not one of a time authority",
    "a stranger's certificate": "not trusted",
    "an hour late": "its time is 2026-11-02 13:00:00",
    "an hour early": "its time is 2026-11-02 11:00:00",
    "a refusal": "refused, rejection no bad_request",
    "granted without a token": "not an RFC 3161",
    "garbage": "not an RFC 3161 answer",
    "nothing": "not an RFC 3161 answer",
    "too much": "more than",
    "an error of HTTP": "HTTP 503",
    "a broken signature": "not intact",
}
"""What an authority answers, and why it is not used."""


def lying(house: House, tsa: Identity) -> dict[str, Callable[[tsp.TimeStampReq], bytes | None]]:
    stamping, truthful = ExtendedKeyUsageOID.TIME_STAMPING, honest(tsa)
    return {
        "another hash": changed(message_imprint=tsp.MessageImprint(OTHER_HASH))(truthful),
        "another digest": changed(message_imprint=tsp.MessageImprint(WEAK_HASH))(truthful),
        "another nonce": changed(nonce=7)(truthful),
        "another policy": honest(tsa, policy="1.2.3.4"),
        "an expired certificate": honest(house.time(BEGIN, NOON - timedelta(days=1))),
        "a certificate not yet valid": honest(house.time(NOON + timedelta(days=1), END)),
        "a certificate for documents": honest(house.issue("Cachet", BEGIN, END)),
        "two purposes": honest(house.issue("Deux", BEGIN, END, stamping, ExtendedKeyUsageOID.CODE_SIGNING)),
        "a purpose that is not critical": honest(house.issue("Mou", BEGIN, END, stamping, critical=False)),
        "a stranger's certificate": honest(House(BEGIN).time(BEGIN, END)),
        "an hour late": honest(tsa, NOON + timedelta(hours=1)),
        "an hour early": honest(tsa, NOON - timedelta(hours=1)),
        "a refusal": lambda _: refusal(),
        "granted without a token": lambda _: bytes.fromhex("30053003020100"),
        "garbage": lambda _: b"hello" * 99,
        "nothing": lambda _: b"",
        "too much": lambda _: bytes(400_000),
        "an error of HTTP": lambda _: None,
        "a broken signature": lambda request: broken(truthful(request)),
    }


def refusal() -> bytes:
    """Without a token, as authorities send it."""
    status = tsp.PKIStatusInfo({"status": "rejection", "status_string": ["no"], "fail_info": tsp.PKIFailureInfo({"bad_request"})}).dump()
    return b"\x30" + bytes([len(status)]) + status


def broken(answer: bytes) -> bytes:
    response = tsp.TimeStampResp.load(answer)
    signer = response["time_stamp_token"]["content"]["signer_infos"][0]
    signature = bytearray(signer["signature"].native)
    signature[-1] ^= 1
    signer["signature"] = bytes(signature)
    return response.dump(force=True)


@pytest.mark.parametrize("lie", LIES)
def test_a_wrong_answer_is_never_used(lie, house, tsa, stack):
    served = stack.enter_context(serving(lying(house, tsa)[lie]))
    with pytest.raises(TimestampRequestError, match=LIES[lie]):
        ask(remote(house, served.url))


def test_a_revoked_authority_is_not_believed(house, stack):
    gone = house.time(BEGIN, END)
    house.revoked.append(gone.certificate.serial_number)
    served = stack.enter_context(serving(honest(gone)))
    with pytest.raises(TimestampRequestError, match="not valid"):
        ask(remote(house, served.url))
    house.revoked.clear()


def test_a_practice_authority_gives_no_time_in_production(house, stack):
    trial = house.time(BEGIN, END, f"Horodatage {PRACTICE}")
    served = stack.enter_context(serving(honest(trial)))
    for practice in (True, False):
        demand = Demand(house.trust, crls=(house.crl(NOON),), practice=practice)
        asked = RemoteAuthority("tiers", served.url, demand, lambda: NOON)
        if practice:
            assert ask(asked)
            continue
        with pytest.raises(TimestampRequestError, match="practice"):
            ask(asked)


@pytest.mark.parametrize("name", ["Horodatage", f"Horodatage {PRACTICE}"])
def test_a_file_that_practice_time_dates_is_told_as_a_trial(house, tmp_path, name):
    path = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    seal_file(path, path, house.sealer(house.issue("Cachet", BEGIN, END), house.time(BEGIN, END, name), NOON))
    found = verify_file(path, house.trust, NOON)
    assert found.valid and found.practice is (PRACTICE in name)


def test_an_authority_whose_revocation_list_is_missing_waits_for_it_and_tells_where_it_comes_from(house, tsa, stack):
    served = stack.enter_context(serving(honest(tsa)))
    noted = []
    with pytest.raises(TimestampRequestError, match="without revocation list"):
        ask(RemoteAuthority("tiers", served.url, Demand(house.trust), lambda: NOON, noted=noted.extend))
    assert tsa.certificate.sha256 in {each.sha256 for each in noted}


def test_a_slow_authority_is_not_waited_for(house, stack):
    served = stack.enter_context(serving(lambda _: time.sleep(1.5) or b""))
    with pytest.raises(TimestampRequestError, match="no answer"):
        ask(remote(house, served.url, seconds=0.2))


def test_an_authority_that_refuses_the_connection_is_told(house):
    with pytest.raises(TimestampRequestError, match="no answer"):
        ask(remote(house, "http://127.0.0.1:9/"))


# --- one standing in for another ---


def served_pair(house: House, tsa: Identity, stack: ExitStack, first: Callable[[tsp.TimeStampReq], bytes | None]) -> tuple[Served, Served]:
    return stack.enter_context(serving(first)), stack.enter_context(serving(honest(tsa)))


def test_the_next_authority_stands_in_and_the_one_that_failed_rests(house, tsa, stack):
    first, second = served_pair(house, tsa, stack, lambda _: None)
    clock = [0.0]
    relay = Relay([remote(house, first.url, "a"), remote(house, second.url, "b")], lambda: clock[0], rest=60)
    assert [ask(relay)["gen_time"].native for _ in range(3)] == [NOON] * 3
    assert (len(first.asked), len(second.asked)) == (1, 3)
    clock[0] = 61.0
    ask(relay)
    assert len(first.asked) == 2


def test_when_all_are_down_nobody_is_asked_again_at_once(house, stack):
    served = stack.enter_context(serving(lambda _: None))
    relay = Relay([remote(house, served.url)], lambda: 0.0)
    for why in ("HTTP 503", "rests"):
        with pytest.raises(TimestampRequestError, match=why):
            ask(relay)
    assert len(served.asked) == 1


def sealer_with(house: House, relay: Relay) -> Sealer:
    return Sealer(CachedSigner(house.issue("Cachet", BEGIN, END)), relay, house.trust, (house.crl(NOON),), lambda: NOON)


def test_a_whole_seal_takes_its_time_from_one_authority_even_where_the_first_fails_in_the_middle(house, tsa, stack, tmp_path: Path):
    answers = iter([True, True])
    fails_third = honest(house.time(BEGIN, END, "Premier"))
    first, second = served_pair(house, tsa, stack, lambda request: fails_third(request) if next(answers, False) else None)
    relay = Relay([remote(house, first.url, "a"), remote(house, second.url, "b")])
    archive = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    seal_file(archive, tmp_path / "sealed.pdf", sealer_with(house, relay))
    told = verify_file(tmp_path / "sealed.pdf", house.trust, NOON)
    assert len(first.asked) == 3 and told.valid and told.authority == "Horodatage"
    assert b"Premier" not in (tmp_path / "sealed.pdf").read_bytes()
    assert not is_own(relay, told.authority)


@pytest.mark.parametrize("in_place", [True, False])
def test_when_no_authority_answers_nothing_is_sealed_and_the_draft_is_as_it_was(house, stack, tmp_path: Path, in_place: bool):
    served = stack.enter_context(serving(lambda _: None))
    archive = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    before = archive.read_bytes()
    with pytest.raises(TimestampUnavailable, match="HTTP 503"):
        seal_file(archive, archive if in_place else tmp_path / "sealed.pdf", sealer_with(house, Relay([remote(house, served.url)])))
    assert archive.read_bytes() == before and not (tmp_path / "sealed.pdf").exists()


def test_the_internal_authority_stands_in_where_it_is_the_last_of_the_list_and_is_told_apart(house, tsa, tmp_path: Path):
    own = TimeAuthority(tsa, lambda: NOON)
    relay = Relay([remote(house, "http://127.0.0.1:9/"), own])
    archive = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    seal_file(archive, tmp_path / "sealed.pdf", sealer_with(house, relay))
    assert is_own(relay, verify_file(tmp_path / "sealed.pdf", house.trust, NOON).authority)
