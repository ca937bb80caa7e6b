"""Checkpoints are C2SP signed notes: what others signed is understood, and what we sign others understand."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sealing.checkpoint import (
    COSIGNATURE,
    BadNote,
    Link,
    UnsignedNote,
    add_signatures,
    checkpoint_text,
    cosignature_line,
    cosigned_at,
    imprint_of,
    open_checkpoint,
    open_note,
    parse_vkey,
    public_key,
    read_checkpoint,
    read_note,
    sign_note,
)

NOON = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
ROOT = bytes(range(32))
ORIGIN = "sceau/essai"

# The note that Go's package golang.org/x/mod/sumdb/note gives as its example, and its two verifier keys.
GO_KEYS = (
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
)
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINES = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n",
)

# Heads of Go's checksum database as its server signed them at two times.
SUMDB_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUMDB_NOTES = {
    3935567: "go.sum database tree\n3935567\nSapHtgdNCeF00Cx8kqztePV24kgzNg++Xovae42HAMw=\n\n"
    "— sum.golang.org Az3grsm7Wm4CVNR1RHq9BFnu9jzcRlU2uw7lr0gfUWgO6+rqPNjT+fUTl9gH0NRTgdwW9nItuQSMbhSaLCsk8YeYSAs=\n",
    6476701: "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n"
    "— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n",
}

# The example of C2SP tlog-cosignature.
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def note(size: int = 5, at: datetime = NOON, links: tuple[Link, ...] = ()) -> str:
    return sign_note(checkpoint_text(ORIGIN, size, ROOT, at, links), ORIGIN, KEY)


def test_the_example_of_go_s_note_package_is_opened_with_its_keys():
    keys = [parse_vkey(key) for key in GO_KEYS]
    opened = open_note(GO_TEXT + "\n" + "".join(GO_LINES), keys)
    assert (opened.text, [key.name for key in opened.keys]) == (GO_TEXT, ["PeterNeumann", "EnochRoot"])
    assert [key.vkey for key in keys] == list(GO_KEYS)


@pytest.mark.parametrize("size", SUMDB_NOTES)
def test_heads_of_go_s_checksum_database_are_opened_with_its_key(size):
    opened = open_note(SUMDB_NOTES[size], [parse_vkey(SUMDB_KEY)])
    assert read_checkpoint(opened.text).size == size
    with pytest.raises(UnsignedNote):
        open_note(SUMDB_NOTES[size].replace(str(size), str(size + 1)), [parse_vkey(SUMDB_KEY)])


def test_the_cosigned_example_of_c2sp_is_read_with_its_time():
    read = read_note(COSIGNED)
    assert read.written == COSIGNED
    assert read_checkpoint(read.text).origin == "example.com/behind-the-sofa"
    assert int.from_bytes(read.signatures[1].body[:8], "big") == 1679315147
    assert len(read.signatures[1].body) == 72


def test_the_form_of_a_checkpoint_is_that_of_the_package_s_page():
    links = (Link("day", 3, ROOT), Link("year", 1, ROOT))
    assert note(links=links).split("\n")[:7] == [
        "sceau/essai",
        "5",
        b64encode(ROOT).decode(),
        "at 2026-11-22T12:00:00.250Z",
        f"day 3 {b64encode(ROOT).decode()}",
        f"year 1 {b64encode(ROOT).decode()}",
        "",
    ]
    read = open_checkpoint(note(links=links), public_key(ORIGIN, KEY))
    assert (read.size, read.root, read.at, read.links) == (5, ROOT, NOON, links)


@given(st.integers(0, 10**15), st.binary(min_size=32, max_size=32), st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 the zone is drawn
def test_what_is_signed_is_what_is_read(size, root, at):
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    text = checkpoint_text(ORIGIN, size, root, at)
    read = open_checkpoint(sign_note(text, ORIGIN, KEY).encode(), public_key(ORIGIN, KEY))
    assert (read.size, read.root, read.at) == (size, root, at)


@given(st.data())
def test_no_changed_byte_leaves_a_note_that_says_something_else(data):
    good = note().encode()
    place, bit = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 7))
    changed = good[:place] + bytes([good[place] ^ (1 << bit)]) + good[place + 1 :]
    with pytest.raises(BadNote):
        open_checkpoint(changed, public_key(ORIGIN, KEY))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "no signature\n",
        "sceau/essai\n5\n",
        "text\n\nno dash\n",
        "text\n\n— name AAAA\n",
        "text\n\n— na+me AAAAAAAA\n",
        "text\n\n— name AAAAAAAA",
        "text\n\n— name AAAAAAAA \n",
        "te\txt\n\n— name AAAAAAAA\n",
        "te\rxt\n\n— name AAAAAAAA\n",
        "text\n\n— name AAAAAAAB=\n",
        "text\n\n" + "— name AAAAAAAA\n" * 101,
        "x" * 1_000_001,
    ],
)
def test_what_is_no_note_is_refused(text):
    with pytest.raises(BadNote):
        read_note(text)
    with pytest.raises(BadNote):
        read_note(b"\xff\xfe")


@pytest.mark.parametrize(
    "text",
    [
        "o\n05\nAAAA\n",
        "o\n-5\nAAAA\n",
        "o\n5\n" + b64encode(b"short").decode() + "\n",
        f"o\n5\n{b64encode(ROOT).decode()[:-1]}\n",
        f"o\n5\n{b64encode(ROOT).decode()}\n\n",
        f"o\n5\n{b64encode(ROOT).decode()}\nat noon\n",
        f"o\n5\n{b64encode(ROOT).decode()}\nat 2026-13-45T99:00:00.000Z\n",
        f"o\n5\n{b64encode(ROOT).decode()}\nday 3\n",
        f"o\n5\n{b64encode(ROOT).decode()}\n" + f"day 3 {b64encode(ROOT).decode()}\n" * 2,
        f"o\n５\n{b64encode(ROOT).decode()}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(BadNote):
        read_checkpoint(text)


@pytest.mark.parametrize("vkey", ["", "a+b", "a+00000000+AAAA", GO_KEYS[0].replace("c74f", "c74e"), GO_KEYS[0].replace("Peter", "Pieter")])
def test_what_is_no_verifier_key_is_refused(vkey):
    with pytest.raises(BadNote):
        parse_vkey(vkey)


def test_a_false_signature_beside_a_true_one_is_refused_and_an_unknown_one_passed_over():
    text = checkpoint_text(ORIGIN, 5, ROOT, NOON)
    both = add_signatures(sign_note(text, ORIGIN, KEY), [sign_note(text, "other", OTHER).rsplit("\n\n")[1]])
    mine, other = public_key(ORIGIN, KEY), public_key("other", OTHER)
    assert [key.name for key in open_note(both, [mine]).keys] == [ORIGIN]
    false = add_signatures(sign_note(text, ORIGIN, KEY), [sign_note(text + "x\n", "other", OTHER).rsplit("\n\n")[1]])
    assert open_note(false, [mine]).keys == (mine,)
    with pytest.raises(UnsignedNote):
        open_note(false, [mine, other])


def test_a_cosignature_says_when_a_witness_saw_the_log():
    witness = public_key("temoin.example", OTHER, COSIGNATURE)
    seen = NOON + timedelta(seconds=30)
    line = cosignature_line(read_note(note()).text, "temoin.example", OTHER, seen)
    cosigned = add_signatures(add_signatures(note(), [line]), [line])
    assert cosigned.count("temoin.example") == 1
    assert cosigned_at(cosigned, witness) == seen.replace(microsecond=0)
    assert cosigned_at(note(), witness) is None
    assert open_checkpoint(cosigned, public_key(ORIGIN, KEY)).size == 5
    assert imprint_of(cosigned) == imprint_of(note())


def test_a_cosignature_of_another_note_or_a_log_s_own_signature_is_none():
    witness = public_key("temoin.example", OTHER, COSIGNATURE)
    foreign = cosignature_line(read_note(note(6)).text, "temoin.example", OTHER, NOON)
    with pytest.raises(UnsignedNote):
        cosigned_at(add_signatures(note(), [foreign]), witness)
    with pytest.raises(BadNote):
        cosigned_at(note(), public_key(ORIGIN, KEY))


def test_a_checkpoint_without_zone_or_with_a_name_that_is_none_is_not_written():
    with pytest.raises(ValueError, match="zone"):
        checkpoint_text(ORIGIN, 5, ROOT, NOON.replace(tzinfo=None))
    for name in ("", "a b", "a+b", "a\nb"):
        with pytest.raises(BadNote):
            checkpoint_text(name, 5, ROOT, NOON)
