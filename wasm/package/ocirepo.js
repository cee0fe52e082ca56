// The shapes that are usual in JavaScript, over the WebAssembly module. Types and
// documentation are in ocirepo.d.ts.

import load, * as wasm from "./ocirepo_bg.js";

let loading;
let loaded = false;

export function init(source) {
  loading ??= read(source, "./ocirepo_bg.wasm")
    .then((found) => load({ module_or_path: found }))
    .then(() => {
      loaded = true;
    })
    .catch((error) => {
      loading = undefined;
      throw error;
    });
  return loading;
}

let extra;

export function initExtra(source) {
  extra ??= import("./extra/ocirepo_extra_bg.js")
    .then(async (module) => {
      const found = await read(source, "./extra/ocirepo_extra_bg.wasm");
      await module.default({ module_or_path: found });
      return module;
    })
    .catch((error) => {
      extra = undefined;
      throw error;
    });
  return extra.then(() => {});
}

// Metadata in a form that the first module does not read.
async function decompress(bytes, file) {
  await initExtra();
  const module = await extra;
  return module.decompress(bytes, file);
}

// Node's fetch does not read files.
async function read(source, path) {
  const found = source ?? new URL(path, import.meta.url);
  if (found instanceof URL && found.protocol === "file:" && globalThis.process?.versions?.node) {
    const { readFile } = await import("node:fs/promises");
    return readFile(found);
  }
  return found;
}

export const version = "0.1.0";

export class OcirepoError extends Error {
  constructor(facts) {
    super(facts.message);
    this.name = "OcirepoError";
    this.kind = facts.kind;
    this.hint = facts.hint ?? "";
    for (const name of ["fix", "header", "status", "url", "registry"]) {
      if (facts[name] !== undefined) this[name] = facts[name];
    }
  }
}

// What the module throws are plain objects.
function thrown(error, signal) {
  if (signal?.aborted) return signal.reason;
  if (error instanceof Error || typeof error?.kind !== "string") return error;
  return new OcirepoError(error);
}

async function asking(signal, work) {
  signal?.throwIfAborted();
  await init();
  signal?.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    throw thrown(error, signal);
  }
}

function now(work) {
  try {
    return work();
  } catch (error) {
    throw thrown(error);
  }
}

const call = ({ signal, progress } = {}) => ({ signal, progress });

function needed() {
  if (!loaded) throw new Error("the module is not loaded yet: await init() first");
}

export function parseReference(text) {
  needed();
  return now(() => wasm.parseReference(text));
}

const manifestOf = (found) => {
  const text = new TextDecoder().decode(found.bytes);
  return { ...found, text, json: JSON.parse(text) };
};

const detailsOf = ({ row, ...more }) => ({ ...row, ...more });

const MEBI = 1024 * 1024;

// What is there of a blob, or nothing when it is more than the blob has.
async function partialOf(reference, { size, resume, signal }) {
  const partial = new wasm.Partial(reference, size);
  for await (const chunk of resume) {
    signal?.throwIfAborted();
    if (partial.feed(chunk)) continue;
    partial.free();
    return undefined;
  }
  return partial;
}

class BlobDownload {
  #start;
  #signal;
  #inner;
  #used = false;
  #cancelled = false;

  // `start` gives a download of the module, or bytes that are at hand and were verified.
  constructor(digest, size, signal, start) {
    this.digest = digest;
    this.size = size;
    this.#signal = signal;
    this.#start = start;
    this.verdict = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Who iterates is told by the iteration.
    this.verdict.catch(() => {});
    Object.defineProperty(this, "resolve", { enumerable: false });
    Object.defineProperty(this, "reject", { enumerable: false });
  }

  async *[Symbol.asyncIterator]() {
    if (this.#used) throw new TypeError("the blob was read already");
    this.#used = true;
    let finished = false;
    try {
      this.#signal?.throwIfAborted();
      this.#inner = await this.#start();
      if (this.#cancelled) this.#inner.cancel?.();
      if (this.#inner instanceof Uint8Array) {
        yield this.#inner;
        finished = true;
        this.resolve({ verified: true, digest: this.digest, size: this.#inner.length });
        return;
      }
      for (;;) {
        const chunk = await this.#inner.next();
        if (chunk === undefined) break;
        yield chunk;
      }
      const { digest, size } = await this.#inner.end();
      finished = true;
      this.resolve({ verified: true, digest, size });
    } catch (error) {
      finished = true;
      const told = thrown(error, this.#signal);
      this.reject(told);
      throw told;
    } finally {
      if (!finished) {
        this.#inner?.cancel?.();
        this.reject(new OcirepoError({ kind: "local", message: "it was not read to its end" }));
      }
      this.#inner?.free?.();
      this.#inner = undefined;
    }
  }

  async pipeTo(to) {
    const writer = to.getWriter();
    try {
      for await (const chunk of this) {
        await writer.ready;
        await writer.write(chunk);
      }
      const verdict = await this.verdict;
      await writer.close();
      return verdict;
    } catch (error) {
      await writer.abort(error).catch(() => {});
      throw error;
    }
  }

  async #collect(limit) {
    const chunks = [];
    let size = 0;
    const refuse = (size) =>
      new OcirepoError({
        kind: "too-large",
        message: `it has ${size === undefined ? "more" : `${size} bytes, and more`} than the ${limit} bytes that are kept in memory`,
        hint: "Write it to a file as it comes.",
      });
    if (this.size > limit) throw refuse(this.size);
    for await (const chunk of this) {
      size += chunk.length;
      if (size > limit) throw refuse();
      chunks.push(chunk);
    }
    await this.verdict;
    return { chunks, size };
  }

  async blob({ limit = 512 * MEBI, type = "application/octet-stream" } = {}) {
    const { chunks } = await this.#collect(limit);
    return new Blob(chunks, { type });
  }

  async bytes({ limit = 64 * MEBI } = {}) {
    const { chunks, size } = await this.#collect(limit);
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  cancel() {
    this.#cancelled = true;
    this.#inner?.cancel?.();
  }
}

export class Client {
  #options;
  #inner;
  #given = new Map();

  constructor(options = {}) {
    this.#options = options;
    for (const [registry, credentials] of Object.entries(options.credentials ?? {})) {
      this.#given.set(registry, credentials);
    }
  }

  #client() {
    if (!this.#inner) {
      const { credentials, onEvent, onCredentials, ...options } = this.#options;
      this.#inner = new wasm.Client(JSON.stringify(options), decompress, onEvent, onCredentials);
      for (const [registry, credentials] of this.#given) {
        this.#inner.give(registry, JSON.stringify(credentials));
      }
    }
    return this.#inner;
  }

  #ask(options, work) {
    return asking(options?.signal, () => work(this.#client(), call(options)));
  }

  setCredentials(registry, credentials) {
    if (credentials === undefined) this.#given.delete(registry);
    else this.#given.set(registry, credentials);
    const text = credentials === undefined ? undefined : JSON.stringify(credentials);
    now(() => this.#inner?.give(registry, text));
  }

  ping(registry, options) {
    return this.#ask(options, (client, call) => client.ping(registry, call));
  }

  resolve(reference, options) {
    return this.#ask(options, (client, call) => client.resolve(reference, call));
  }

  manifest(reference, options) {
    return this.#ask(options, async (client, call) =>
      manifestOf(await client.manifest(reference, call)),
    );
  }

  blob(reference, options = {}) {
    const digest = reference.slice(reference.lastIndexOf("@") + 1);
    return new BlobDownload(digest, options.size, options.signal, async () => {
      await init();
      return this.#client().blob(reference, options.size, call(options));
    });
  }

  range(reference, start, end, options) {
    return this.#ask(options, async (client, call) => {
      const bytes = await client.range(reference, start, end, call);
      return { verified: false, bytes, start };
    });
  }

  exists(reference, options) {
    return this.#ask(options, (client, call) => client.exists(reference, call));
  }

  save(reference, write, options = {}) {
    return this.#ask(options, async (client, call) => {
      const there = options.resume && (await partialOf(reference, options));
      const found = await client.save(reference, options.size, there, write, call);
      return { verified: true, ...found };
    });
  }

  push(repository, blob, { signal, progress, ...how } = {}) {
    return this.#ask({ signal, progress }, (client, call) =>
      client.push(repository, blob, JSON.stringify(how), call),
    );
  }

  pushManifest(reference, bytes, options) {
    return this.#ask(options, (client, call) =>
      client.pushManifest(reference, bytes, options?.mediaType, call),
    );
  }

  deleteManifest(reference, options) {
    return this.#ask(options, (client, call) => client.deleteManifest(reference, call));
  }

  deleteBlob(reference, options) {
    return this.#ask(options, (client, call) => client.deleteBlob(reference, call));
  }

  tags(repository, options) {
    return this.#ask(options, (client, call) => client.tags(repository, call));
  }

  referrers(reference, options) {
    return this.#ask(options, (client, call) =>
      client.referrers(reference, options?.artifactType, call),
    );
  }

  catalog(registry, options) {
    return this.#ask(options, (client, call) => client.catalog(registry, call));
  }

  open(location, options) {
    return this.#ask(options, async (client, call) => {
      const inner = await client.open(location, call);
      const { root, ...facts } = inner.facts();
      return new RpmRepository(inner, { ...facts, root: root && manifestOf(root) });
    });
  }

  async settled() {
    await this.#inner?.settled();
  }

  close() {
    this.#inner?.close();
    this.#inner = undefined;
  }
}

class RpmRepository {
  #inner;

  constructor(inner, facts) {
    this.#inner = inner;
    Object.assign(this, facts);
  }

  packages(options) {
    return asking(options?.signal, async () => {
      const table = await this.#inner.packages(call(options));
      return new PackageTable(this, this.#inner, table);
    });
  }

  files(options) {
    return asking(options?.signal, () => this.#inner.files(call(options)));
  }

  file(path, options = {}) {
    return asking(options.signal, async () => {
      const found = await this.#inner.file(path, call(options));
      if (found instanceof Uint8Array) {
        const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", found));
        const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
        return new BlobDownload(`sha256:${hex}`, found.length, options.signal, async () => found);
      }
      const { digest, size, download } = found;
      return new BlobDownload(digest, size, options.signal, async () => download);
    });
  }

  async signature(options = {}) {
    const signature = this.#inner.signature();
    if (signature === undefined) return { state: "unsigned", keys: [], signatures: [] };
    const keys = [];
    if (options.keys) {
      for (const bytes of options.keys) keys.push({ source: "given", bytes });
    } else {
      const isKey = ({ path, size }) =>
        /(^|\/)RPM-GPG-KEY[^/]*$|\.(asc|gpg|key)$/i.test(path) && size <= MEBI;
      for (const { path } of (await this.files(options)).filter(isKey).slice(0, 16)) {
        const file = await this.file(path, options);
        keys.push({ source: "repository", path, bytes: await file.bytes() });
      }
    }
    await initExtra();
    const module = await extra;
    const bytes = keys.map((key) => key.bytes);
    const seconds = Math.floor(Date.now() / 1000);
    const found = now(() => module.checkSignature(this.repomd, signature, bytes, seconds));
    const shown = keys.map(({ source, path }, at) => ({
      source,
      ...(path === undefined ? {} : { path }),
      fingerprints: found.fingerprints[at],
    }));
    return { state: found.state, keys: shown, signatures: found.signatures };
  }

  close() {
    this.#inner.free();
  }
}

class PackageTable {
  #repository;
  #opened;
  #inner;

  constructor(repository, opened, inner) {
    this.#repository = repository;
    this.#opened = opened;
    this.#inner = inner;
    this.length = inner.length;
  }

  get memory() {
    return this.#inner.memory;
  }

  search(query, filters, sort) {
    return now(() =>
      this.#inner.search(
        query,
        filters && JSON.stringify(filters),
        sort && JSON.stringify(sort),
      ),
    );
  }

  rows(ids) {
    return this.#inner.rows(ids instanceof Uint32Array ? ids : Uint32Array.from(ids));
  }

  details(id) {
    return detailsOf(now(() => this.#inner.details(id)));
  }

  get hasDependencies() {
    return this.#inner.hasDependencies;
  }

  readDependencies(options) {
    return asking(options?.signal, () => this.#opened.readDependencies(this.#inner, call(options)));
  }

  dependencies(id) {
    return now(() => this.#inner.dependencies(id));
  }

  providers(name) {
    return now(() => this.#inner.providers(name));
  }

  requiredBy(name) {
    return now(() => this.#inner.requiredBy(name));
  }

  find(text) {
    return this.#inner.find(text);
  }

  arches() {
    return this.#inner.arches();
  }

  licenses() {
    return this.#inner.licenses();
  }

  sources() {
    return this.#inner.sources();
  }

  column(name) {
    return now(() => this.#inner.column(name));
  }

  files(id, options) {
    return asking(options?.signal, () => this.#opened.filesOf(this.#inner, id, call(options)));
  }

  changes(id, options) {
    return asking(options?.signal, () => this.#opened.changesOf(this.#inner, id, call(options)));
  }

  header(id, options) {
    return asking(options?.signal, async () => {
      const found = await this.#opened.headerOf(this.#inner, id, call(options));
      return { ...found, details: detailsOf(found.details) };
    });
  }

  download(id, options) {
    return this.#repository.file(this.#inner.location(id), options);
  }

  diff(other) {
    return this.#inner.diff(other.#inner);
  }

  free() {
    this.#inner.free();
  }
}

export function diff(old, current) {
  return old.diff(current);
}
