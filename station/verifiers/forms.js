// The forms of the package's files: a small language of shapes, and canonical JSON (RFC 8785).

const HASH = /^[0-9a-f]{64}$/;
const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const TIME = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)\.\d{3}Z$/;
const PATH = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;

const text = (value) => typeof value === "string";
const flag = (value) => typeof value === "boolean";
const whole = (value) => Number.isSafeInteger(value) && value >= 0;
const hash = (value) => text(value) && HASH.test(value);
const day = (value) => text(value) && DAY.test(value);
const time = (value) => text(value) && TIME.test(value);
const amount = (value) => text(value) && /^-?\d+(\.\d+)?$/.test(value);
const base64 = (value) => text(value) && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
const hex = (value) => text(value) && /^([0-9a-f]{2})*$/.test(value);
const anything = () => true;
const record = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const maybe = (shape) => (value) => value === null || fits(value, shape);
const listOf = (shape) => (value) => Array.isArray(value) && value.every((each) => fits(each, shape));
const oneOf = (...words) => (value) => words.includes(value);
const either = (...shapes) => (value) => shapes.some((shape) => fits(value, shape));
const mapOf = (shape) => (value) => record(value) && Object.values(value).every((each) => fits(each, shape));

// A shape is a question, or an object of shapes: then exactly these keys.
export function fits(value, shape) {
  if (typeof shape === "function") return shape(value);
  const names = Object.keys(shape);
  return record(value) && Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name) && fits(value[name], shape[name]));
}

export function allowedPath(path) {
  return PATH.test(path) && !path.split("/").some((segment) => segment === "." || segment === "..");
}

export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!record(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

export const ENTRY = {
  version: oneOf(1),
  sequence: whole,
  entity: text,
  type: text,
  objects: mapOf(text),
  actor: { pseudonym: text, kind: text, rule_version: maybe(text) },
  at: time,
  clock: text,
  payload_commitment: hash,
};

export const PACKAGE = {
  format: oneOf("sceau-package-1"),
  entity: text,
  scope: either({ from: day, to: day }, { document: text }),
  practice: flag,
  counts: { documents: whole, archives: whole, entries: whole, others: whole },
  volumes: listOf({ name: text, files: whole, bytes: whole }),
  checkpoint: whole,
  keys: listOf(text),
  withheld: listOf({ document: text, entry: whole, reason: oneOf("confidential", "missing", "damaged") }),
  generator: text,
};

export const LEDGER = {
  entity: text,
  first: whole,
  last: whole,
  peaks: listOf(hash),
  size: whole,
  checkpoints: listOf({ size: whole, note: text, token: maybe(base64) }),
  consistency: listOf({ from: whole, to: whole, path: listOf(hash) }),
};

export const ROW = {
  document: text,
  type: text,
  title: text,
  direction: oneOf("in", "out"),
  supplier: maybe(text),
  supplier_siren: maybe(text),
  customer: maybe(text),
  customer_siren: maybe(text),
  number: maybe(text),
  issued: maybe(day),
  net: maybe(amount),
  tax: maybe(amount),
  gross: maybe(amount),
  currency: maybe(text),
  state: text,
  verdict: maybe(text),
  paper_stays: flag,
  sealed: whole,
  sealed_at: time,
  dossier: anything,
  level: maybe(text),
  gaps: listOf(text),
  links: listOf({ kind: text, document: text }),
  files: listOf({ path: text, sha256: hash, size: whole, version: whole, entry: whole, extends: maybe(hash), extends_size: maybe(whole) }),
};

export const INDEX = listOf(ROW);

export const OTHER = { sequence: whole, entry: text, path: listOf(hash) };

export const TRAIL = {
  format: oneOf("sceau-trail-1"),
  document: text,
  entity: text,
  row: ROW,
  events: listOf({
    sequence: whole,
    type: text,
    at: time,
    clock: text,
    actor: anything,
    objects: mapOf(text),
    payload: maybe(text),
    salt: maybe(hex),
  }),
  fields: listOf(anything),
  findings: listOf(anything),
  decisions: listOf(anything),
  clauses: listOf(anything),
  originals: listOf({ sha256: hash, size: whole, names: listOf(text) }),
  pages: listOf(anything),
  checks: listOf({ name: text, ok: maybe(flag), detail: anything }),
  retention: anything,
  gaps: listOf(text),
};
