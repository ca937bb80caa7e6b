"""Proofs prove what they say and nothing else: every forged one is rejected (domain: immudb's lesson, GO-2022-1117)."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sealing.checkpoint import BadNote, checkpoint_text, open_checkpoint, public_key, sign_note
from sealing.ledger import EMPTY_ROOT, inclusion_path, leaf_hash, node_hash, tree_root
from sealing.proofs import consistency_nodes, consistency_proof, inclusion_nodes, inclusion_proof, proves_consistency, proves_inclusion

SIZES = st.integers(1, 300)
LEAVES = [leaf_hash(str(n).encode()) for n in range(300)]


@cache
def subtree(level: int, index: int) -> bytes:
    return tree_root(LEAVES[index << level : (index + 1) << level])


@cache
def root(size: int) -> bytes:
    return tree_root(LEAVES[:size])


@given(SIZES, st.data())
def test_an_inclusion_proof_is_that_of_the_standard_and_holds(size, data):
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(index, size, subtree)
    assert path == inclusion_path(LEAVES[:size], index)
    assert proves_inclusion(LEAVES[index], index, size, path, root(size))


@given(SIZES, st.data())
def test_a_consistency_proof_holds_for_its_two_trees(size, data):
    old = data.draw(st.integers(0, size))
    path = consistency_proof(old, size, subtree)
    assert proves_consistency(old, size, root(old) if old else EMPTY_ROOT, root(size), path)


@given(st.integers(1, 10**12), st.data())
def test_a_proof_needs_few_subtrees_however_long_the_log(size, data):
    index = data.draw(st.integers(0, size - 1))
    assert len(inclusion_nodes(index, size)) <= 2 * size.bit_length()
    assert len(consistency_nodes(index, size)) <= 2 * size.bit_length()


def test_the_proofs_of_the_reference_tree_are_those_that_rfc_6962_draws():
    """RFC 6962 §2.1.3: seven leaves d0…d6."""
    leaf = [leaf_hash(bytes([n])) for n in range(7)]

    def part(level: int, index: int) -> bytes:
        return tree_root(leaf[index << level : (index + 1) << level])

    g, h, i, j = node_hash(leaf[0], leaf[1]), node_hash(leaf[2], leaf[3]), node_hash(leaf[4], leaf[5]), leaf[6]
    k, whole_right = node_hash(g, h), node_hash(i, j)
    assert inclusion_proof(0, 7, part) == (leaf[1], h, whole_right)
    assert inclusion_proof(3, 7, part) == (leaf[2], g, whole_right)
    assert inclusion_proof(4, 7, part) == (leaf[5], j, k)
    assert inclusion_proof(6, 7, part) == (i, k)
    assert consistency_proof(3, 7, part) == (leaf[2], leaf[3], g, whole_right)
    assert consistency_proof(4, 7, part) == (whole_right,)
    assert consistency_proof(6, 7, part) == (i, j, k)


def test_there_is_no_proof_of_an_entry_that_is_not_there():
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(IndexError):
            inclusion_proof(index, size, subtree)
    with pytest.raises(IndexError):
        consistency_proof(6, 5, subtree)


@dataclass(frozen=True)
class Claim:
    """What a prover may lie about."""

    leaf: bytes
    index: int
    size: int
    path: tuple[bytes, ...]
    root: bytes

    def holds(self) -> bool:
        return proves_inclusion(self.leaf, self.index, self.size, self.path, self.root)


def forged_inclusions(random: Random) -> list[Claim]:
    """One true proof, lied about in every way that immudb's forged ones were and some more."""
    size = random.randrange(2, 300)
    index = random.randrange(size)
    path, leaf, head = inclusion_proof(index, size, subtree), LEAVES[index], root(size)
    other = random.choice([n for n in range(size) if n != index])
    larger, smaller, place = size + random.randrange(1, 300), random.randrange(1, size), random.randrange(len(path))
    flipped = bytes([path[place][0] ^ (1 << random.randrange(8))]) + path[place][1:]
    forged = [
        Claim(leaf, other, size, path, head),
        Claim(leaf, index + size, size, path, head),
        Claim(leaf, -1 - index, size, path, head),
        Claim(leaf, index, size, (), head),
        Claim(leaf, index, size, (*path, head), head),
        Claim(leaf, index, size, (*path, *path), head),
        Claim(leaf, index, size, path[:-1], head),
        Claim(leaf, index, size, path[1:], head),
        Claim(leaf, index, size, inclusion_proof(other, size, subtree), head),
        Claim(LEAVES[other], index, size, path, head),
        Claim(leaf, index, size, (*path[:place], flipped, *path[place + 1 :]), head),
        Claim(leaf, index, size, (*path[:place], path[place][:-1], *path[place + 1 :]), head),
        Claim(leaf, index, size, (*path[:place], path[place] + b"\0", *path[place + 1 :]), head),
        Claim(leaf, index, size, path, root(smaller)),
        Claim(leaf, index, size, path, EMPTY_ROOT),
        # An inner node passed off as an entry, one level up; and an entry's bytes that spell a node (second preimage without prefixes).
        Claim(node_hash(leaf, path[0]), index, size, path[1:], head),
        Claim(head, index, size, (), head),
        Claim(leaf_hash(b"\x01" + leaf + path[0]), index, size, path[1:], head),
        Claim(hashlib.sha256(leaf + path[0]).digest(), index, size, path, head),
        Claim(hashlib.sha256(b"\x01" + str(index).encode()).digest(), index, size, path, head),
    ]
    # In a tree of another size the same steps may lie alike: then the proof says the same, and is as true.
    if shape(index, larger) != shape(index, size):
        forged.append(Claim(leaf, index, larger, path, head))
    return forged


def shape(index: int, size: int) -> list[bool]:
    """On which side each step of the path stands, from the root down."""
    sides, first, end = [], 0, size
    while end - first > 1:
        middle = first + (1 << ((end - first - 1).bit_length() - 1))
        sides.append(index < middle)
        first, end = (first, middle) if index < middle else (middle, end)
    return sides


def forged_consistencies(random: Random) -> list[tuple[int, int, bytes, bytes, tuple[bytes, ...]]]:
    new = random.randrange(3, 300)
    old = random.randrange(1, new)
    path, before, after = consistency_proof(old, new, subtree), root(old), root(new)
    other = random.choice([n for n in range(1, new) if n != old])
    place = random.randrange(len(path))
    flipped = bytes([path[place][0] ^ (1 << random.randrange(8))]) + path[place][1:]
    return [
        (old, new, root(other), after, path),
        (old, new, before, root(other), path),
        (old, new, after, before, path),
        (new, old, after, before, path),
        (old, new, before, after, ()),
        (old, new, before, after, (*path, after)),
        (old, new, before, after, (before, *path)),
        (old, new, before, after, path[:-1]),
        (old, new, before, after, path[1:]),
        (old, new, before, after, (*path[:place], flipped, *path[place + 1 :])),
        (old, new, before, after, (*path[:place], path[place][1:], *path[place + 1 :])),
        (old, old, before, before, path),
        (old, old, before, after, ()),
        (0, new, before, after, ()),
        (0, new, EMPTY_ROOT, after, path),
        (-old, new, before, after, path),
        (other, new, before, after, path),
    ]


def count_rejected(seed: int, rounds: int) -> int:
    """Forged proofs that were rejected; fails at the first that was believed."""
    random, rejected = Random(seed), 0
    for _ in range(rounds):
        for claim in forged_inclusions(random):
            assert not claim.holds(), claim
            rejected += 1
        for forged in forged_consistencies(random):
            assert not proves_consistency(*forged), forged
            rejected += 1
    return rejected


def test_e7_a_hundred_thousand_forged_proofs_are_rejected():
    assert count_rejected(7, 2_900) >= 100_000


def test_e7_a_checkpoint_by_another_key_or_of_another_origin_is_rejected():
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2)]
    at, mine = datetime(2026, 11, 22, tzinfo=UTC), public_key("sceau/essai", keys[0])
    text = checkpoint_text("sceau/essai", 5, root(5), at)
    good = sign_note(text, "sceau/essai", keys[0])
    assert open_checkpoint(good, mine).size == 5
    forged = [
        sign_note(text, "sceau/essai", keys[1]),
        sign_note(checkpoint_text("sceau/autre", 5, root(5), at), "sceau/essai", keys[0]),
        sign_note(text, "sceau/autre", keys[0]),
        good.replace("\n5\n", "\n6\n"),
        good.replace("sceau/essai", "sceau/autre"),
        good.removesuffix("\n"),
        text,
        text + "\n",
    ]
    for note in forged:
        with pytest.raises(BadNote):
            open_checkpoint(note, mine)
