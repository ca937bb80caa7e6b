// The Merkle tree of RFC 6962: what it takes to append, to know the root, and to check two kinds of proof. Hashes are Uint8Array(32).

import { sha256 } from "@noble/hashes/sha2.js";

const EMPTY = sha256(new Uint8Array(0));

export function leafHash(entry) {
  const marked = new Uint8Array(entry.length + 1);
  marked.set(entry, 1);
  return sha256(marked);
}

export function nodeHash(left, right) {
  const joined = new Uint8Array(65);
  joined[0] = 1;
  joined.set(left, 1);
  joined.set(right, 33);
  return sha256(joined);
}

export function same(one, other) {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

// Sizes are exact numbers up to 2^53; bit operations of the language end at 2^31, so halves are divisions.
export class Tree {
  constructor(size = 0, peaks = []) {
    this.size = size;
    this.peaks = [...peaks];
  }

  get root() {
    return this.peaks.length ? this.peaks.reduceRight((right, left) => nodeHash(left, right)) : EMPTY;
  }

  append(leaf) {
    this.peaks.push(leaf);
    for (let size = this.size; size % 2 === 1; size = (size - 1) / 2) {
      const right = this.peaks.pop();
      this.peaks.push(nodeHash(this.peaks.pop(), right));
    }
    this.size += 1;
  }
}

export function peakCount(size) {
  return [...size.toString(2)].filter((bit) => bit === "1").length;
}

// RFC 9162, 2.1.3.2.
export function provesInclusion(leaf, index, size, path, root) {
  if (!(index >= 0 && index < size)) return false;
  let position = index;
  let last = size - 1;
  let running = leaf;
  for (const step of path) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      running = nodeHash(step, running);
      while (position % 2 === 0 && position !== 0) [position, last] = [position / 2, Math.floor(last / 2)];
    } else {
      running = nodeHash(running, step);
    }
    [position, last] = [Math.floor(position / 2), Math.floor(last / 2)];
  }
  return last === 0 && same(running, root);
}

// RFC 9162, 2.1.4.2. Both trees have at least one leaf; between equal sizes the proof is empty.
export function provesConsistency(from, fromRoot, to, toRoot, path) {
  if (from === to) return path.length === 0 && same(fromRoot, toRoot);
  if (!(from > 0 && from < to) || path.length === 0) return false;
  const steps = Number.isInteger(Math.log2(from)) ? [fromRoot, ...path] : [...path];
  let position = from - 1;
  let last = to - 1;
  while (position % 2 === 1) [position, last] = [Math.floor(position / 2), Math.floor(last / 2)];
  let older = steps[0];
  let newer = steps[0];
  for (const step of steps.slice(1)) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      older = nodeHash(step, older);
      newer = nodeHash(step, newer);
      while (position % 2 === 0 && position !== 0) [position, last] = [position / 2, Math.floor(last / 2)];
    } else {
      newer = nodeHash(newer, step);
    }
    [position, last] = [Math.floor(position / 2), Math.floor(last / 2)];
  }
  return last === 0 && same(older, fromRoot) && same(newer, toRoot);
}
