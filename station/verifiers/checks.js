// The story of one verification: the checks of the package's format, in order, by name. Findings are data; sentences are in words.js.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { ENTRY, LEDGER, NEEDED, OTHER, PACKAGE, ROW, TRAIL, UNLISTED, allowedPath, canonical, fits, parseJson } from "./forms.js";
import { fromBase64, readCheckpoint, readKey, readNote, signedBy, speaksFor } from "./notes.js";
import { AT_ONCE, Stopped, Unreadable, hashMember, lineMember, openParts, readMember } from "./parts.js";
import { Broken, canLook, checkSeal, checkToken, readRoots } from "./stamps.js";
import { Tree, leafHash, peakCount, provesConsistency, provesInclusion, same } from "./tree.js";

export const CHECKS = ["form", "manifest", "note", "seal", "checkpoints", "segment", "consistency", "others", "index", "complete", "trails", "files", "package"];
const SEALED_FILE = /^documents\/[^/]+\/v[1-9]\d*\.pdf$/;
const VITAL = ["ledger/segment.jsonl", "ledger/others.jsonl", "trust/roots.pem", ...UNLISTED]; // beside those that are read first
const LOOSE = /^(statistics\.json|(controls|scanners)\/.*\.json)$/; // JSON of which no form is laid down
const FILED = new Set(["sealed", "renewed", "signed"]);
const ENDED = new Set(["erased", "deleted"]);
const KEPT = 100; // of each check's faults; the rest is counted
const encoder = new TextEncoder();

export { Stopped };

// parts: [{name, blob}]. pace(bytes) is awaited as bytes are read: it may tell progress, let the page breathe, or raise Stopped.
// known: {fingerprint, checkpoint}, texts from outside the package, or "".
// atOnce: bytes up to which a member is held whole; what is larger is hashed as it streams.
export async function verifyPackage(parts, { pace = async () => {}, known = {}, atOnce = AT_ONCE } = {}) {
  const work = new Work(pace, known, atOnce);
  await work.open(parts);
  if (await work.readBasics()) {
    await work.readLedger();
    await work.readOthers();
    await work.readMembers();
    work.checkManifest();
    work.checkNote();
    await work.checkSeal();
    await work.checkCheckpoints();
    work.checkSegment();
    work.checkConsistency();
    work.checkOthers();
    work.checkIndex();
    work.checkComplete();
    work.checkTrails();
    work.checkPackage();
    work.checkKnown();
  }
  return work.report();
}

class Work {
  constructor(pace, known, atOnce) {
    Object.assign(this, { pace, known, atOnce });
    this.faults = new Map(); // check: {count, kept}
    this.skipped = new Map(); // check: reason
    this.facts = new Map(); // check: numbers and names for its sentence
    this.hashes = new Map(); // path: sha256 of what lies in the parts
    this.entries = new Map(); // document: entries that name it
    this.filed = []; // entries sealed, renewed, signed
    this.newest = new Map(); // document: its newest sealed entry
    this.ended = new Set(); // documents that an entry erased or deleted
    this.bySequence = new Map(); // filed entries and the segment's neighbours
    this.others = [];
    this.keys = [];
    this.ready = false;
    this.kept = readKept(known.checkpoint ?? "");
  }

  fault(check, code, values = {}) {
    const found = this.faults.get(check) ?? { count: 0, kept: [] };
    found.count += 1;
    if (found.kept.length < KEPT) found.kept.push({ code, ...values });
    this.faults.set(check, found);
  }

  async open(parts) {
    const { members, parts: opened, faults } = await openParts(parts);
    this.members = members;
    this.opened = opened;
    for (const { code, ...values } of faults) this.fault("form", code, values);
  }

  async bytes(path) {
    const member = this.members.get(path);
    if (!member) return null;
    try {
      const { sha256: hash, bytes } = await readMember(member, this.pace);
      this.hashes.set(path, hash);
      return bytes;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.fault("form", "unreadable", { path, reason: error.message });
      return null;
    }
  }

  async text(path) {
    const bytes = await this.bytes(path);
    return bytes === null ? null : this.decode(path, bytes);
  }

  decode(path, bytes) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      this.fault("form", "not-utf8", { path });
      return null;
    }
  }

  async json(path, shape) {
    const text = await this.text(path);
    return text === null ? null : this.shaped(path, text, shape);
  }

  shaped(path, text, shape) {
    let value = null;
    try {
      value = parseJson(text);
    } catch {
      this.fault("form", "not-json", { path });
      return null;
    }
    if (fits(value, shape)) return value;
    this.fault("form", "form", { path });
    return null;
  }

  // Whether there is enough to go on.
  async readBasics() {
    const absent = NEEDED.filter((path) => !this.members.has(path));
    for (const path of absent) this.fault("form", "absent", { path });
    if (absent.includes("package.json")) return false;
    this.package = await this.json("package.json", PACKAGE);
    this.ledger = await this.json("ledger/ledger.json", LEDGER);
    this.rows = this.index(await this.text("index.json"));
    this.manifestBytes = await this.bytes("manifest.sha256");
    this.note = await this.text("manifest.sha256.note");
    this.seal = await this.bytes("manifest.sha256.p7s");
    this.pem = await this.text("trust/roots.pem");
    this.ready = Boolean(this.package && this.ledger && this.rows && this.manifestBytes && VITAL.every((path) => this.members.has(path)));
    if (!this.package) return false;
    this.keys = this.package.keys.map((text) => readKey(text) ?? this.fault("form", "key", { path: "package.json", key: text })).filter(Boolean);
    return this.ready;
  }

  // `[`, then one row per line, then `]`.
  index(text) {
    if (text === null) return null;
    const lines = text.split("\n");
    const last = lines.length - 2;
    if (lines[0] !== "[" || last < 1 || lines[last] !== "]" || lines.at(-1) !== "") return this.fault("form", "form", { path: "index.json" }) ?? null;
    const rows = [];
    for (let at = 1; at < last; at += 1) {
      const path = `index.json:${at + 1}`;
      const ends = lines[at].endsWith(",");
      const row = this.shaped(path, ends ? lines[at].slice(0, -1) : lines[at], ROW);
      if (ends !== at < last - 1) this.fault("form", "form", { path });
      if (!row) return null;
      rows.push(row);
    }
    return rows;
  }

  entry(text, path, line) {
    let entry = null;
    try {
      entry = parseJson(text);
    } catch {
      this.fault("form", "entry", { path, line });
      return null;
    }
    if (fits(entry, ENTRY) && canonical(entry) === text) return entry;
    this.fault("form", "entry", { path, line });
    return null;
  }

  keep(entry, proof) {
    const document = entry.objects.document;
    if (FILED.has(entry.type) || ENDED.has(entry.type)) {
      const kept = { sequence: entry.sequence, type: entry.type, at: entry.at, objects: entry.objects, proof };
      this.bySequence.set(entry.sequence, kept);
      if (FILED.has(entry.type)) this.filed.push(kept);
      if (entry.type === "sealed" && !(this.newest.get(document)?.sequence > entry.sequence)) this.newest.set(document, kept);
      if (ENDED.has(entry.type) && document !== undefined) this.ended.add(document);
    }
    if (document === undefined) return;
    const named = this.entries.get(document) ?? [];
    named.push({ sequence: entry.sequence, commitment: entry.payload_commitment, echo: echoOf(entry, entry.actor.pseudonym) });
    this.entries.set(document, named);
  }

  async readLedger() {
    const { ledger } = this;
    const peaks = ledger.peaks.map(hexToBytes);
    if (peaks.length !== peakCount(ledger.first)) this.fault("segment", "peaks");
    this.tree = new Tree(ledger.first, peaks);
    const wanted = new Set([ledger.first, ledger.last, this.kept?.size, ...ledger.checkpoints.map((each) => each.size)]);
    this.roots = new Map([[ledger.first, this.tree.root]]);
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const path = "ledger/segment.jsonl";
    let line = 0;
    await this.lines(path, (bytes) => {
      const sequence = ledger.first + line;
      line += 1;
      this.tree.append(leafHash(bytes));
      if (wanted.has(this.tree.size)) this.roots.set(this.tree.size, this.tree.root);
      let text = null;
      try {
        text = decoder.decode(bytes);
      } catch {
        this.fault("form", "not-utf8", { path, line });
        return;
      }
      const entry = this.entry(text, path, line);
      if (!entry) return;
      if (entry.sequence !== sequence) this.fault("segment", "sequence", { sequence, found: entry.sequence });
      if (entry.entity !== ledger.entity) this.fault("segment", "entity", { sequence, entity: entry.entity });
      this.keep(entry, "segment");
    });
    if (this.tree.size !== ledger.last) this.fault("segment", "count", { expected: ledger.last - ledger.first, found: line });
    this.facts.set("segment", { first: ledger.first, last: ledger.last, count: line });
  }

  async lines(path, take) {
    const member = this.members.get(path);
    try {
      const { sha256: hash, ended } = await lineMember(member, take, this.pace);
      this.hashes.set(path, hash);
      if (!ended) this.fault("form", "last-line", { path });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.fault("form", "unreadable", { path, reason: error.message });
    }
  }

  async readOthers() {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const path = "ledger/others.jsonl";
    let line = 0;
    await this.lines(path, (bytes) => {
      line += 1;
      let text = "";
      try {
        text = decoder.decode(bytes);
      } catch {
        this.fault("form", "not-utf8", { path, line });
      }
      const other = this.shaped(`${path}:${line}`, text, OTHER);
      const entry = other && this.entry(other.entry, path, line);
      if (!entry) return;
      this.others.push({ sequence: other.sequence, path: other.path.map(hexToBytes), bytes: encoder.encode(other.entry), own: entry.sequence, entity: entry.entity, at: entry.at });
      this.keep(entry, "others");
    });
    this.otherLines = line;
  }

  // Every other member: trails are read, sealed files are hashed with their first bytes, all else is hashed.
  async readMembers() {
    const files = new Map(this.rows.flatMap((row) => row.files.map((file) => [file.path, file])));
    this.rowOf = new Map(this.rows.map((row) => [row.document, row]));
    this.trails = new Map();
    this.looked = 0;
    for (const member of this.members.values()) {
      if (this.hashes.has(member.path)) continue;
      if (/^documents\/[^/]+\/trail\.json$/.test(member.path)) {
        this.trails.set(member.path.split("/")[1], this.trailFaults(await this.json(member.path, TRAIL), member.path));
        continue;
      }
      if (LOOSE.test(member.path)) {
        await this.json(member.path, () => true);
        continue;
      }
      const file = files.get(member.path);
      try {
        const found = await hashMember(member, file?.extends_size ?? null, this.pace, this.atOnce);
        this.hashes.set(member.path, found.sha256);
        if (file) this.checkFile(file, found);
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        this.fault("form", "unreadable", { path: member.path, reason: error.message });
      }
    }
    this.facts.set("files", { looked: this.looked, all: files.size });
    if (this.looked === 0 && files.size > 0) this.skipped.set("files", "volumes");
  }

  checkFile(file, found) {
    this.looked += 1;
    const path = file.path;
    if (found.sha256 !== file.sha256) this.fault("files", "hash", { path });
    if (found.size !== file.size) this.fault("files", "size", { path });
    if (found.head !== "%PDF-") this.fault("files", "not-pdf", { path });
    if ((file.extends === null) !== (file.extends_size === null)) this.fault("files", "extends", { path });
    else if (file.extends !== null && (found.prefix !== file.extends || file.extends_size > file.size)) this.fault("files", "prefix", { path });
  }

  // A trail is held against the entries at once and forgotten: fifty thousand of them would not fit.
  trailFaults(trail, path) {
    if (trail === null) return [{ code: "form", path }];
    const faults = [];
    const say = (code, values = {}) => faults.push({ code, path, ...values });
    const document = path.split("/")[1];
    const row = this.rowOf.get(document);
    if (!row || canonical(trail.row) !== canonical(row)) say("row");
    if (trail.document !== document || trail.entity !== this.package.entity) say("row");
    const named = [...(this.entries.get(document) ?? [])].sort((one, other) => one.sequence - other.sequence);
    if (named.length !== trail.events.length) say("events", { expected: named.length, found: trail.events.length });
    const gone = trail.events.reduce((last, { type, sequence }) => (ENDED.has(type) ? sequence : last), 0);
    trail.events.forEach((event, index) => {
      const entry = named[index];
      const { sequence } = event;
      if (!entry || entry.sequence !== sequence) return say("event", { sequence });
      if (echoOf(event, event.actor) !== entry.echo) say("event", { sequence });
      if (event.payload === null ? event.salt !== null : event.salt === null) say("payload", { sequence });
      else if (event.payload === null && sequence >= gone) say("missing", { sequence });
      else if (event.payload !== null && committed(event) !== entry.commitment) say("payload", { sequence });
    });
    return faults;
  }

  checkManifest() {
    const text = this.decode("manifest.sha256", this.manifestBytes) ?? "";
    this.manifest = new Map();
    let before = "";
    if (text !== "" && !text.endsWith("\n")) this.fault("manifest", "line", { line: "" });
    for (const line of text.split("\n").slice(0, -1)) {
      const match = /^([0-9a-f]{64})  (.+)$/.exec(line);
      if (!match || !allowedPath(match[2]) || UNLISTED.includes(match[2])) this.fault("manifest", "line", { line });
      else if (match[2] <= before) this.fault("manifest", "order", { path: match[2] });
      if (!match) continue;
      this.manifest.set(match[2], match[1]);
      before = match[2];
    }
    for (const path of this.members.keys()) {
      if (UNLISTED.includes(path)) continue;
      if (!this.manifest.has(path)) this.fault("manifest", "unlisted", { path });
      else if (this.hashes.has(path) && this.hashes.get(path) !== this.manifest.get(path)) this.fault("manifest", "hash", { path });
    }
    this.missingVolumes = this.matchVolumes();
    const missing = [...this.manifest.keys()].filter((path) => !this.members.has(path));
    const elsewhere = missing.filter((path) => SEALED_FILE.test(path));
    const expected = this.missingVolumes.reduce((sum, volume) => sum + volume.files, 0);
    for (const path of missing) if (!this.missingVolumes.length || !elsewhere.includes(path)) this.fault("manifest", "missing", { path });
    if (this.missingVolumes.length && elsewhere.length !== expected) this.fault("manifest", "missing-count", { expected, found: elsewhere.length });
    this.facts.set("manifest", { count: this.manifest.size, missing: missing.length });
  }

  // By what they are, for whoever saves a file may give it another name: each volume that was announced and not handed in.
  matchVolumes() {
    const left = [...this.package.volumes];
    for (const part of this.opened) {
      if (part.paths.includes("package.json")) continue;
      const fitting = left.filter((volume) => volume.bytes === part.bytes && volume.files === part.paths.length);
      const volume = fitting.find(({ name }) => name === part.name) ?? fitting[0];
      if (volume) left.splice(left.indexOf(volume), 1);
      else this.fault("package", "volume", { name: part.name });
    }
    return this.opened.length && this.allHere() ? [] : left;
  }

  allHere() {
    return [...this.manifest.keys()].every((path) => this.members.has(path));
  }

  checkNote() {
    const note = this.note === null ? null : readNote(this.note);
    if (!note) return this.fault("note", "note-form");
    const text = `sceau-manifest-1\n${this.package.entity}\n${bytesToHex(sha256(this.manifestBytes))}\n`;
    if (note.text !== text) this.fault("note", "note-text");
    this.noteKeys = this.keys.filter((key) => signedBy(note, key));
    if (!this.noteKeys.length) this.fault("note", "note-key");
    // This note lies outside the manifest: a line that nobody signed would be a place to write anything.
    if (!note.signatures.every((signature) => this.keys.some((key) => speaksFor(signature, key))) || note.signatures.length !== this.noteKeys.length) this.fault("note", "note-stranger");
    this.facts.set("note", { fingerprint: this.noteKeys[0]?.fingerprint ?? "" });
  }

  async checkSeal() {
    if (!canLook()) return this.skipped.set("seal", "no-crypto");
    try {
      this.rootsKnown = readRoots(this.pem ?? "");
      const seal = await checkSeal(this.seal, this.manifestBytes, this.rootsKnown);
      this.sealed = { name: seal.name, subject: seal.subject, practice: seal.practice, time: seal.time.toISOString(), authority: seal.authority, root: seal.trusted };
      if (seal.practice && !this.package.practice) this.fault("seal", "practice");
      this.facts.set("seal", this.sealed);
    } catch (error) {
      this.fault("seal", error instanceof Broken ? error.code : "der", { reason: error.reason ?? String(error.message ?? error) });
    }
  }

  async checkCheckpoints() {
    const { ledger } = this;
    this.listed = new Map(); // size: root
    this.used = new Set();
    let before = null;
    let unknown = 0;
    const read = [];
    for (const { size, note, token } of ledger.checkpoints) {
      const values = { size };
      const parsed = readNote(note);
      const checkpoint = parsed && readCheckpoint(parsed.text);
      if (!checkpoint || checkpoint.size !== size) {
        this.fault("checkpoints", "checkpoint-form", values);
        continue;
      }
      const keys = this.keys.filter((key) => key.name === checkpoint.origin && signedBy(parsed, key));
      if (!keys.length) this.fault("checkpoints", "checkpoint-key", values);
      for (const key of keys) this.used.add(key.text);
      // Of one size there may be two: the end of the period, and the newest after a time in which nothing came.
      if (before && (size < before.size || (size === before.size && !same(checkpoint.root, before.root)) || parsed.text === before.text)) this.fault("checkpoints", "order", values);
      before = { size, root: checkpoint.root, text: parsed.text };
      this.listed.set(size, checkpoint.root);
      const stamp = token === null ? null : await this.checkStamp(size, parsed.text, token);
      if (stamp && !stamp.root) unknown += 1;
      read.push({ ...checkpoint, token: token !== null, stamped: stamp?.root ? stamp.time.toISOString() : null });
    }
    for (const { size, links } of read) {
      for (const link of links) {
        const root = this.listed.get(link.size) ?? (link.size >= ledger.first ? this.roots.get(link.size) : undefined);
        if (link.size > size || (root && !same(root, link.root))) this.fault("checkpoints", "link", { size, linked: link.size });
      }
    }
    this.read = read;
    if (!this.listed.has(ledger.size) || Math.max(...this.listed.keys()) !== ledger.size) this.fault("checkpoints", "newest", { size: ledger.size });
    const stamped = read.filter((each) => each.stamped).length;
    this.facts.set("checkpoints", { count: read.length, stamped, unknown, at: read.at(-1)?.at ?? "", size: ledger.size });
  }

  async checkStamp(size, text, token) {
    if (!canLook()) {
      this.skipped.set("checkpoints", "no-crypto");
      return null;
    }
    try {
      return await checkToken(fromBase64(token) ?? new Uint8Array(0), encoder.encode(text), this.rootsKnown ?? []);
    } catch (error) {
      this.fault("checkpoints", "token", { size, reason: `${error.code ?? ""} ${error.reason ?? error.message ?? ""}`.trim() });
      return null;
    }
  }

  checkSegment() {
    const { ledger } = this;
    if (ledger.entity !== this.package.entity) this.fault("segment", "entity", { sequence: ledger.first, entity: ledger.entity });
    if (ledger.last < ledger.first || ledger.last > ledger.size) this.fault("segment", "bounds");
    for (const [size, root] of this.listed) {
      if (size < ledger.first || size > ledger.last) continue;
      if (!this.roots.has(size) || !same(this.roots.get(size), root)) this.fault("segment", "root", { size });
    }
  }

  checkConsistency() {
    const { ledger } = this;
    const newest = this.listed.get(ledger.size);
    const outside = [...this.listed.keys()].filter((size) => size > 0 && size < ledger.size && (size < ledger.first || size > ledger.last));
    const expected = new Set(ledger.last < ledger.size && ledger.last > 0 ? [ledger.last, ...outside] : outside);
    const proved = new Set();
    for (const { from, to, path } of ledger.consistency) {
      const root = from === ledger.last ? this.roots.get(from) : this.listed.get(from) ?? this.roots.get(from);
      const holds = to === ledger.size && root && newest && provesConsistency(from, root, to, newest, path.map(hexToBytes));
      if (!holds || proved.has(from)) this.fault("consistency", "proof", { from, to });
      else proved.add(from);
    }
    for (const from of [...expected].filter((from) => !proved.has(from))) this.fault("consistency", "no-proof", { from, to: ledger.size });
    this.facts.set("consistency", { count: ledger.consistency.length });
  }

  checkOthers() {
    const { ledger } = this;
    const root = this.listed.get(ledger.size);
    let before = -1;
    for (const { sequence, path, bytes, own, entity } of this.others) {
      if (sequence <= before) this.fault("others", "order", { sequence });
      before = sequence;
      if (own !== sequence || entity !== ledger.entity) this.fault("others", "not-its-own", { sequence });
      if (sequence >= ledger.first && sequence < ledger.last) this.fault("others", "inside", { sequence });
      if (!root || !provesInclusion(leafHash(bytes), sequence, ledger.size, path, root)) this.fault("others", "proof", { sequence });
    }
    this.facts.set("others", { count: this.others.length });
  }

  checkIndex() {
    const documents = new Set();
    const paths = new Set();
    let before = null;
    for (const row of this.rows) {
      const { document } = row;
      if (documents.has(document)) this.fault("index", "twice", { document });
      documents.add(document);
      if (before && !(before.sealed < row.sealed || (before.sealed === row.sealed && before.document < row.document))) this.fault("index", "order", { document });
      before = row;
      this.checkRow(row, paths);
    }
    for (const path of this.manifest.keys()) {
      const [folder, document] = path.split("/");
      if (folder === "documents" && !paths.has(path) && !(path.endsWith("/trail.json") && documents.has(document))) this.fault("index", "no-row", { path });
    }
    this.facts.set("index", { count: this.rows.length });
  }

  checkRow(row, paths) {
    const { document } = row;
    const newest = this.newest.get(document);
    if (!newest || newest.sequence !== row.sealed || newest.at !== row.sealed_at) this.fault("index", "sealed", { document });
    if (!row.files.length) this.fault("index", "no-files", { document });
    row.files.forEach((file, place) => {
      const values = { document, path: file.path };
      if (paths.has(file.path) || file.version === 0 || file.path !== `documents/${document}/v${file.version}.pdf`) this.fault("index", "path", values);
      paths.add(file.path);
      if (place > 0 && file.version <= row.files[place - 1].version) this.fault("index", "version", values);
      if (this.manifest.get(file.path) !== file.sha256) this.fault("index", "hash", values);
      const entry = this.bySequence.get(file.entry);
      const named = entry && FILED.has(entry.type) && entry.objects.document === document && entry.objects.archive === file.sha256;
      if (!named || (entry.objects.extends ?? null) !== file.extends) this.fault("index", "entry", { ...values, sequence: file.entry });
    });
  }

  checkComplete() {
    const { scope, withheld } = this.package;
    const { ledger } = this;
    const period = "from" in scope;
    const start = period ? `${scope.from}T00:00:00.000Z` : null;
    const end = period ? `${scope.to}T23:59:59.999Z` : null;
    const inside = (at) => start <= at && (at <= end || at.startsWith(`${scope.to}T`));
    const indexed = new Set(this.rows.flatMap((row) => row.files.map((file) => file.entry)));
    const excused = new Map(withheld.map((each) => [each.entry, each]));
    let count = 0;
    for (const entry of this.filed) {
      const due = period ? entry.proof === "segment" && inside(entry.at) : entry.objects.document === scope.document;
      if (!due) continue;
      count += 1;
      const { sequence } = entry;
      if (!indexed.has(sequence) && !excused.has(sequence) && !this.ended.has(entry.objects.document)) this.fault("complete", "no-file", { sequence, document: entry.objects.document ?? "" });
    }
    for (const { document, entry, reason } of withheld) {
      const filed = this.bySequence.get(entry);
      if (!filed || !FILED.has(filed.type) || filed.objects.document !== document || indexed.has(entry)) this.fault("complete", "withheld", { document, sequence: entry });
      if (reason !== "confidential") this.fault("complete", `withheld-${reason}`, { document, sequence: entry });
    }
    if (excused.size !== withheld.length) this.fault("complete", "withheld-twice");
    this.facts.set("complete", { count, withheld: withheld.length });
    if (period) this.checkEnds();
  }

  // Checkpoints show that the segment begins before the period and ends after it, or with the ledger.
  checkEnds() {
    const { scope } = this.package;
    const { ledger, read } = this;
    const day = (time) => time.slice(0, 10);
    const says = (each) => day(each.at) < scope.from && (each.stamped === null || day(each.stamped) < scope.from);
    if (scope.from > scope.to) this.fault("complete", "period");
    const begins = read.filter((each) => each.size === ledger.first && says(each));
    const ends = read.filter((each) => each.size === ledger.last && day(each.at) > scope.to);
    if (ledger.first > 0 && !begins.length) this.fault("complete", "no-begin", { size: ledger.first });
    if (ledger.last < ledger.size && !ends.length) this.fault("complete", "no-end", { size: ledger.last });
    for (const { size, at } of read) {
      if ((size < ledger.first && day(at) >= scope.from) || (size > ledger.last && day(at) <= scope.to)) this.fault("complete", "beyond", { size });
    }
    const end = ends[0] ?? read.at(-1);
    Object.assign(this.facts.get("complete"), { begin: ledger.first > 0 ? begins.at(-1)?.at : "", end: end?.at ?? "", bare: [begins.at(-1), end].some((each) => each && each.stamped === null) });
  }

  checkTrails() {
    for (const row of this.rows) {
      const faults = this.trails.get(row.document);
      if (!faults) this.fault("trails", "absent", { document: row.document });
      for (const { code, ...values } of faults ?? []) this.fault("trails", code, { document: row.document, ...values });
    }
    const rows = new Set(this.rows.map((row) => row.document));
    for (const document of this.trails.keys()) if (!rows.has(document)) this.fault("trails", "row", { document });
    this.facts.set("trails", { count: this.trails.size });
  }

  checkPackage() {
    const { counts, checkpoint, volumes, scope } = this.package;
    const found = {
      documents: this.rows.length,
      archives: this.rows.reduce((sum, row) => sum + row.files.length, 0),
      entries: this.ledger.last - this.ledger.first,
      others: this.otherLines,
    };
    for (const name of Object.keys(found)) if (counts[name] !== found[name]) this.fault("package", "counts", { name, expected: counts[name], found: found[name] });
    if (checkpoint !== this.ledger.size) this.fault("package", "checkpoint", { expected: checkpoint, found: this.ledger.size });
    if ("document" in scope) {
      if ((!this.rows.length && !this.package.withheld.length) || this.rows.length > 1 || this.rows.some((row) => row.document !== scope.document) || found.entries !== 0) this.fault("package", "scope");
    }
    if ("from" in scope) {
      const named = new Set(this.filed.filter(({ at }) => scope.from <= at.slice(0, 10) && at.slice(0, 10) <= scope.to).map(({ objects }) => objects.document));
      for (const { document } of this.rows) if (!named.has(document)) this.fault("package", "other-period", { document });
    }
    const sealed = [...this.manifest.keys()].filter((path) => SEALED_FILE.test(path)).length;
    if (volumes.length && volumes.reduce((sum, volume) => sum + volume.files, 0) !== sealed) this.fault("package", "volumes");
    if (new Set(volumes.map((each) => each.name)).size !== volumes.length) this.fault("package", "volume-twice");
    const listed = this.package.keys;
    const spoke = new Set([...this.used, ...(this.noteKeys ?? []).map((key) => key.text)]);
    if (!listed.length || new Set(listed).size !== listed.length || !listed.every((key) => spoke.has(key))) this.fault("package", "keys");
    this.facts.set("package", { ...found, generator: this.package.generator });
  }

  // What came from outside the package: a fingerprint, a key, or a checkpoint that a witness kept.
  checkKnown() {
    const fingerprint = (this.known.fingerprint ?? "").trim();
    const checkpoint = (this.known.checkpoint ?? "").trim();
    if (fingerprint) this.compareKey(fingerprint);
    if (checkpoint) this.compareCheckpoint();
  }

  compareKey(text) {
    const bare = text.toLowerCase().replace(/[\s:]/g, "");
    const fingerprint = readKey(text)?.fingerprint ?? (/^[0-9a-f]{64}$/.test(bare) ? bare : null);
    if (fingerprint === null) this.fault("key", "unclear");
    else if (!this.keys.length || !this.keys.every((key) => key.fingerprint === fingerprint)) this.fault("key", "other-key");
    this.facts.set("key", {});
  }

  compareCheckpoint() {
    const { kept } = this;
    if (!kept) return this.fault("witness", "unclear");
    this.facts.set("witness", { size: kept.size, at: kept.at });
    if (!this.keys.some((key) => key.name === kept.origin && signedBy(kept.note, key))) return this.fault("witness", "unsigned-witness");
    const root = this.listed.get(kept.size) ?? this.roots.get(kept.size);
    if (!root) this.skipped.set("witness", "not-covered");
    else if (!same(root, kept.root)) this.fault("witness", "other-tree", { size: kept.size });
  }

  report() {
    const names = this.ready ? [...CHECKS, ...["key", "witness"].filter((name) => this.facts.has(name) || this.faults.has(name))] : CHECKS;
    const checks = names.map((name) => {
      const found = this.faults.get(name);
      const skipped = this.skipped.get(name) ?? (this.ready || name === "form" ? null : "not-reached");
      return {
        name,
        outcome: found ? "fails" : skipped ? "skipped" : "holds",
        reason: found ? null : skipped,
        facts: this.facts.get(name) ?? {},
        faults: found?.kept ?? [],
        count: found?.count ?? 0,
      };
    });
    const missing = this.missingVolumes ?? [];
    const open = missing.length > 0 || checks.some((check) => check.outcome === "skipped");
    const verdict = checks.some((check) => check.outcome === "fails") ? "fails" : open ? "incomplete" : "holds";
    return {
      verdict,
      checks,
      ready: this.ready,
      parts: this.opened.map(({ name, bytes, paths }) => ({ name, bytes, files: paths.length })),
      missingVolumes: missing.map(({ name, files, bytes }) => ({ name, files, bytes })),
      package: this.package ?? null,
      rows: this.rows ?? [],
      keys: this.keys.map(({ name, text, fingerprint }) => ({ name, text, fingerprint })),
      seal: this.sealed ?? null,
      ledger: this.ledger ? { first: this.ledger.first, last: this.ledger.last, size: this.ledger.size } : null,
      checkpoints: (this.read ?? []).map(({ size, at, token }) => ({ size, at, token })),
      proofs: this.others.map(({ sequence, path }) => [sequence, path.length]),
    };
  }
}

// A checkpoint from outside, with its signatures. Null where there is none to read.
function readKept(text) {
  const note = readNote(`${text.trim()}\n`);
  const checkpoint = note && readCheckpoint(note.text);
  return checkpoint && { ...checkpoint, note };
}

// What an event of a trail must repeat of its entry, as one text.
function echoOf(entry, actor) {
  const { sequence, type, at, clock, objects } = entry;
  return bytesToHex(sha256(encoder.encode(canonical({ sequence, type, at, clock, actor, objects }))));
}

function committed(event) {
  const payload = encoder.encode(event.payload);
  const salt = hexToBytes(event.salt);
  const joined = new Uint8Array(salt.length + payload.length);
  joined.set(salt);
  joined.set(payload, salt.length);
  return bytesToHex(sha256(joined));
}
