"""Proofs about a log's tree as pure functions: that an entry is in it, that a later tree only continues an earlier one (RFC 6962, 9162).

Making a proof asks for roots of complete subtrees by level and index (subtree (h, k) holds the leaves from k·2^h to (k+1)·2^h);
where they come from is not this module's affair. Checking asks for nothing but the proof.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from sealing.ledger import EMPTY_ROOT, Hash, node_hash, proves_inclusion

__all__ = [
    "Node",
    "Subtree",
    "complete_subtrees",
    "consistency_nodes",
    "consistency_proof",
    "inclusion_nodes",
    "inclusion_proof",
    "proves_consistency",
    "proves_inclusion",
    "root_of_range",
]

Node: TypeAlias = tuple[int, int]
"""Level and index of a complete subtree."""
Subtree: TypeAlias = Callable[[int, int], Hash]
_Range: TypeAlias = tuple[int, int]
"""First leaf, and the one after the last."""


def inclusion_proof(index: int, size: int, subtree: Subtree) -> tuple[Hash, ...]:
    """Audit path of the entry `index` in the tree of `size` (RFC 6962 §2.1.1). Raises IndexError where there is no such entry."""
    return tuple(root_of_range(first, end, subtree) for first, end in _inclusion_ranges(index, size))


def consistency_proof(old: int, new: int, subtree: Subtree) -> tuple[Hash, ...]:
    """That the tree of `new` begins with that of `old` (RFC 6962 §2.1.2); empty where there is nothing to prove. Raises IndexError."""
    return tuple(root_of_range(first, end, subtree) for first, end in _consistency_ranges(old, new))


def inclusion_nodes(index: int, size: int) -> list[Node]:
    """The subtrees that `inclusion_proof` will ask for, so that they can be looked up at once."""
    return [node for first, end in _inclusion_ranges(index, size) for node in complete_subtrees(first, end)]


def consistency_nodes(old: int, new: int) -> list[Node]:
    """The subtrees that `consistency_proof` will ask for."""
    return [node for first, end in _consistency_ranges(old, new) for node in complete_subtrees(first, end)]


def complete_subtrees(first: int, end: int) -> Iterator[Node]:
    """The largest complete subtrees that make up a range of leaves, in order; `first` is where a subtree of that width may begin."""
    while first < end:
        level = (end - first).bit_length() - 1
        if first:
            level = min(level, (first & -first).bit_length() - 1)
        yield level, first >> level
        first += 1 << level


def root_of_range(first: int, end: int, subtree: Subtree) -> Hash:
    """Tree head over the leaves of a range as RFC 6962 cuts it (largest power of two to the left)."""
    roots = [subtree(level, index) for level, index in complete_subtrees(first, end)]
    root = roots.pop()
    while roots:
        root = node_hash(roots.pop(), root)
    return root


def proves_consistency(old: int, new: int, old_root: Hash, new_root: Hash, path: Sequence[Hash]) -> bool:
    """Whether `path` shows that the tree of `new` begins with that of `old` (RFC 9162 §2.1.4.2, and C2SP for sizes that need no proof)."""
    if not 0 <= old <= new or any(len(each) != 32 for each in (old_root, new_root, *path)):
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    steps = list(path) if old & (old - 1) else [old_root, *path]
    if not steps or not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    running_old = running_new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            running_old, running_new = node_hash(step, running_old), node_hash(step, running_new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            running_new = node_hash(running_new, step)
        position, last = position >> 1, last >> 1
    return last == 0 and running_old == old_root and running_new == new_root


def _inclusion_ranges(index: int, size: int) -> list[_Range]:
    """What stands beside the entry, from its neighbour up to half of the tree."""
    if not 0 <= index < size:
        raise IndexError(index)
    first, end, ranges = 0, size, list[_Range]()
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first = middle
    return ranges[::-1]


def _consistency_ranges(old: int, new: int) -> list[_Range]:
    """SUBPROOF of RFC 6962 §2.1.2 as ranges, innermost first."""
    if not 0 <= old <= new:
        raise IndexError(old)
    if old in (0, new):
        return []
    first, end, ranges = 0, new, list[_Range]()
    while old != end:
        middle = first + _split(end - first)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first = middle
    # A left edge that is the old tree itself is known to whoever checks.
    return ([(first, end)] if first else []) + ranges[::-1]


def _split(size: int) -> int:
    """Largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)
