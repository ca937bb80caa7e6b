"""The ledger notices every change, and its tree is that of RFC 6962."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sealing.ledger import (
    EMPTY_ROOT,
    Actor,
    ActorKind,
    BrokenLedger,
    Event,
    Tree,
    Written,
    canonical_object,
    entry_bytes,
    inclusion_path,
    leaf_hash,
    proves_inclusion,
    tree_root,
    verify_log,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SALT = b"s" * 16

# Certificate Transparency's reference vectors: eight leaves and the head after each (RFC 6962 implementations, tree of "", 00, 10, 2021 …).
LEAVES = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
HEADS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def written(payloads):
    tree, rows = Tree(), []
    for sequence, payload in enumerate(payloads):
        event = Event("acme", "received", {"document": str(sequence)}, Actor("p1", ActorKind.SYSTEM), NOON, "system", {"note": payload})
        entry = entry_bytes(event, sequence, SALT)
        tree = tree.append(leaf_hash(entry))
        rows.append(Written(sequence, entry, tree.root, {"note": payload}, SALT))
    return rows


def test_tree_heads_equal_the_reference_vectors():
    for size, head in HEADS.items():
        assert tree_root([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == head
    assert Tree().root == EMPTY_ROOT


def test_an_entry_is_canonical_json_with_a_time_in_milliseconds():
    entry = written(["x"])[0].entry
    assert entry.startswith(b'{"actor":{"kind":"system"') and b'"at":"2026-11-21T12:00:00.000Z"' in entry


def test_a_time_without_zone_is_refused():
    event = Event("acme", "received", {}, Actor("p", ActorKind.SYSTEM), datetime(2026, 1, 1), "system", {})  # noqa: DTZ001 the point
    with pytest.raises(ValueError, match="zone"):
        entry_bytes(event, 0, SALT)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=20), st.data())
def test_changing_any_entry_is_noticed_where_it_stands(payloads, data):
    rows = written(payloads)
    i = data.draw(st.integers(0, len(rows) - 1))
    rows[i] = replace(rows[i], entry=rows[i].entry.replace(b"received", b"recieved"))
    with pytest.raises(BrokenLedger) as caught:
        verify_log("acme", rows)
    assert caught.value.sequence == i


@given(st.lists(st.text(max_size=5), min_size=2, max_size=20), st.data())
def test_removing_swapping_or_repeating_an_entry_is_noticed(payloads, data):
    rows = written(payloads)
    i = data.draw(st.integers(0, len(rows) - 2))
    for broken in (rows[:i] + rows[i + 1 :], [*rows[:i], rows[i + 1], rows[i], *rows[i + 2 :]], rows[: i + 1] + rows[i:]):
        with pytest.raises(BrokenLedger):
            verify_log("acme", broken)


def test_e1_every_kind_of_change_is_noticed_with_its_place():
    rows = written(["a", "b", "c", "d", "e"])
    changed = replace(rows[2], entry=rows[2].entry.replace(b"noon", b"none").replace(b"received", b"recieved"))
    foreign = written(["x", "y", "z"])[2]
    for broken, place in (
        ([*rows[:2], changed, *rows[3:]], 2),
        ([*rows[:2], *rows[3:]], 2),
        ([*rows[:2], foreign, *rows[2:]], 3),
        ([*rows[:2], rows[3], rows[2], rows[4]], 2),
        ([*rows[:3], *rows[2:]], 3),
    ):
        with pytest.raises(BrokenLedger) as caught:
            verify_log("acme", broken)
        assert caught.value.sequence in (place, place - 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(-(2.0**53) + 1, 2.0**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_the_quick_look_at_canonical_form_says_what_rfc8785_says(value):
    """Also of what JSON's own writer makes, which is canonical only sometimes."""
    try:
        right = rfc8785.dumps(value)
    except (ValueError, UnicodeError):
        right = None
    candidates = [json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")), json.dumps(value, separators=(",", ":"))]
    for candidate in (right, *(each.encode("utf-8", "surrogatepass") for each in candidates)):
        if candidate is None:
            continue
        if candidate == right:
            assert canonical_object(candidate) == value
        else:
            with pytest.raises(ValueError):
                canonical_object(candidate)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"[]",
        b"1",
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":-0}',
        b'{"a":1.0}',
        b'{"a":NaN}',
        b'{"a":9007199254740993}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_what_is_not_canonical_is_refused(stored):
    with pytest.raises(ValueError):
        canonical_object(stored)


def test_an_altered_payload_is_noticed_and_an_erased_one_is_not_an_error():
    rows = written(["a", "b"])
    assert verify_log("acme", [rows[0], replace(rows[1], payload=None, salt=None)]).size == 2
    with pytest.raises(BrokenLedger, match="payload"):
        verify_log("acme", [rows[0], replace(rows[1], payload={"note": "c"})])


@given(st.integers(1, 70), st.data())
def test_an_inclusion_path_proves_its_leaf_and_no_other(size, data):
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1))
    path, root = inclusion_path(leaves, index), tree_root(leaves)
    assert proves_inclusion(leaves[index], index, size, path, root)
    assert proves_inclusion(leaves[other], other, size, path, root) == (other == index)
    assert not proves_inclusion(leaves[index], index, size, (*path, root), root)
    assert not proves_inclusion(leaf_hash(b"another"), index, size, path, root)
