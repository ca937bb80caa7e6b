// The forms of the package's files: a small language of shapes, and canonical JSON (RFC 8785).

const HASH = /^[0-9a-f]{64}$/;
const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
export const TIME = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
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

// The files that every package has, and those that it may have besides; nothing else belongs into one.
export const UNLISTED = ["manifest.sha256", "manifest.sha256.note", "manifest.sha256.p7s"];
export const NEEDED = [
  "package.json", "LISEZMOI.txt", "README.txt", "verifier.html", "verify.py", "index.json", "index.csv", "statistics.json", "statistics.csv",
  "ledger/segment.jsonl", "ledger/others.jsonl", "ledger/ledger.json", "trust/roots.pem", ...UNLISTED,
];
const OPTIONAL = /^(controls\/[^/]+|scanners\/[^/]+\.json|organisation\/.+|trust\/.+|documents\/[^/]+\/(trail\.json|v[1-9]\d*\.pdf))$/;

export function allowedPath(path) {
  return PATH.test(path) && !path.split("/").some((segment) => segment === "." || segment === "..") && (NEEDED.includes(path) || OPTIONAL.test(path));
}

// JSON of one meaning: no name twice in an object, no integer beyond 2^53, no deep nesting, no half of a surrogate pair. Raises SyntaxError.
export function parseJson(text) {
  const value = JSON.parse(text);
  if (/\\u[dD][89a-fA-F]/.test(text) && /\\ud[89a-f]/.test(JSON.stringify(value))) throw new SyntaxError("half a letter");
  const open = []; // of each object its names so far, of each list null
  const tokens = /"(?:[^"\\]|\\.)*"|[[\]{}:]|-?\d[\d.eE+-]*/g;
  let word = null;
  for (let found = tokens.exec(text); found; found = tokens.exec(text)) {
    const [token] = found;
    if (token === "{" || token === "[") {
      if (open.push(token === "{" ? new Set() : null) > 64) throw new SyntaxError("too deep");
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (token === ":") {
      const name = word.includes("\\") ? JSON.parse(word) : word.slice(1, -1);
      if (open.at(-1).has(name)) throw new SyntaxError("a name twice");
      open.at(-1).add(name);
    } else if (token[0] === '"') {
      word = token;
    } else if (/^-?\d+$/.test(token) && (token.length > 17 || !Number.isSafeInteger(Number(token)))) {
      throw new SyntaxError("a number out of range");
    }
  }
  return value;
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
  actor: { pseudonym: text, kind: oneOf("human", "rule", "system"), rule_version: maybe(text) },
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
  dossier: either(maybe(text), whole),
  level: maybe(text),
  gaps: listOf(text),
  links: listOf({ kind: text, document: text }),
  files: listOf({ path: text, sha256: hash, size: whole, version: whole, entry: whole, extends: maybe(hash), extends_size: maybe(whole) }),
};

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
    actor: text,
    objects: mapOf(text),
    payload: maybe(text),
    salt: maybe(hex),
  }),
  fields: listOf(record),
  findings: listOf(record),
  decisions: listOf(record),
  clauses: listOf(record),
  originals: listOf(record),
  pages: listOf(record),
  checks: listOf(record),
  retention: record,
  gaps: listOf(text),
};
