// The npm package in Node: its fetch, streams and files, and what the lines of
// tests/hosts/README.md say to do with them.
//
//     $ printf '1 tags oci://registry.example/me/demo\nrun\n' | node suite.mjs
//     host node
//     1 ok tags=el8,el9
//     end

import { constants, openAsBlob } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Client } from "ocirepo";

/** What holds for a batch, unless it says otherwise. */
const settings = () => ({
  concurrency: 8,
  retry: { retries: 5, firstWaitMs: 500, longestWaitMs: 30_000, longestRetryAfterMs: 120_000 },
  stallMs: 30_000,
  credentials: {},
  trustedRealms: {},
  onEvent,
});

const say = (line) => process.stdout.write(`${line.replaceAll("\n", " ")}\n`);

function onEvent(event) {
  if (event.type === "warning") say(`event warning ${event.text}`);
  if (event.type === "redirect") say(`event redirect ${event.to}`);
}

/** `first-wait-ms` is `firstWaitMs` here. */
const camelCase = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());

function set(options, name, value) {
  // Authorities are Node's own affair: NODE_EXTRA_CA_CERTS names a file when it starts.
  if (name === "ca") return;
  const key = camelCase(name);
  (key in options.retry ? options.retry : options)[key] = Number(value);
}

/** `key=value` and `key` as an object. */
const keyed = (words) =>
  Object.fromEntries(words.map((word) => word.split("=")).map(([key, ...rest]) => [key, rest.join("=")]));

/** Ends an operation when so many bytes were moved, if that is asked for. */
function limited({ cancel }) {
  if (!cancel) return {};
  const controller = new AbortController();
  const progress = ({ done }) => {
    if (done >= Number(cancel)) controller.abort();
  };
  return { signal: controller.signal, progress };
}

/** What is in a file. */
async function* pieces(file) {
  const piece = new Uint8Array(64 * 1024);
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(piece, 0, piece.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

async function pullBlob(client, at, size, path, options) {
  // Made if it is missing, and kept if it is there.
  const file = await open(path, constants.O_RDWR | constants.O_CREAT);
  try {
    const write = async (chunk, position) => {
      for (let from = 0; from < chunk.length; ) {
        const { bytesWritten } = await file.write(chunk, from, undefined, position + from);
        from += bytesWritten;
      }
    };
    const known = size === "-" ? undefined : Number(size);
    const found = await client.save(at, write, { size: known, resume: pieces(file), ...limited(options) });
    // What was there may have been more than the blob has.
    await file.truncate(found.size);
    return { digest: found.digest, size: found.size };
  } finally {
    await file.close();
  }
}

async function pushBlob(client, at, path, options) {
  const { digest, size, uploaded } = await client.push(at, await openAsBlob(path), {
    digest: options.digest,
    chunk: options.chunk && Number(options.chunk),
    single: "single" in options,
    check: "check" in options,
    mountFrom: options.mount,
    ...limited(options),
  });
  return { digest, size, uploaded: uploaded ? "yes" : "no" };
}

/** What is asked for, by its word: a function that gives what is told of the result. */
const operations = {
  ping: (client, at) => client.ping(at.slice(0, at.indexOf("/", at.indexOf("//") + 2))),
  async resolve(client, at) {
    const { digest, size, mediaType } = await client.resolve(at);
    return { digest, size, type: mediaType };
  },
  async "pull-manifest"(client, at, path) {
    const { bytes, digest, size, mediaType } = await client.manifest(at);
    await writeFile(path, bytes);
    return { digest, size, type: mediaType };
  },
  "pull-blob": (client, at, size, path, ...options) =>
    pullBlob(client, at, size, path, keyed(options)),
  async "pull-range"(client, at, first, end, path) {
    const { bytes } = await client.range(at, Number(first), Number(end));
    await writeFile(path, bytes);
    return { size: bytes.length };
  },
  exists: async (client, at) => ({ there: (await client.exists(at)) ? "yes" : "no" }),
  "push-blob": (client, at, path, ...options) => pushBlob(client, at, path, keyed(options)),
  "push-manifest": async (client, at, path) => client.pushManifest(at, await readFile(path)),
  tags: async (client, at) => ({ tags: await client.tags(at) }),
  async repositories(client, at) {
    return { repositories: await client.catalog(at.slice(0, at.indexOf("/", at.indexOf("//") + 2))) };
  },
  async referrers(client, at, ...options) {
    const found = await client.referrers(at, { artifactType: keyed(options).type });
    return { digests: found.map(({ digest }) => digest) };
  },
  "delete-manifest": (client, at) => client.deleteManifest(at),
  "delete-blob": (client, at) => client.deleteBlob(at),
};

async function answer(client, id, what, ...words) {
  try {
    const found = (await operations[what](client, ...words)) ?? {};
    say([id, "ok", ...Object.entries(found).map(([key, value]) => `${key}=${value}`)].join(" "));
  } catch (error) {
    const kind = error.name === "AbortError" ? "cancelled" : error.kind;
    if (!kind) throw error;
    say(`${id} error ${kind} ${error.message}`);
  }
}

async function play(options, asked) {
  const client = new Client(options);
  await Promise.all(asked.map((words) => answer(client, ...words)));
  await client.settled();
  client.close();
  say("end");
}

say("host node");
let options = settings();
let asked = [];
for await (const line of createInterface({ input: process.stdin })) {
  const [first, ...rest] = line.split(" ");
  if (first === "set") {
    set(options, ...rest);
  } else if (first === "login") {
    const [registry, username, password] = rest;
    options.credentials[registry] = { username, password };
  } else if (first === "identity") {
    const [registry, identityToken] = rest;
    options.credentials[registry] = { identityToken };
  } else if (first === "trust") {
    const [registry, realm] = rest;
    (options.trustedRealms[registry] ??= []).push(realm);
  } else if (first === "run") {
    await play(options, asked);
    options = settings();
    asked = [];
  } else {
    asked.push([first, ...rest]);
  }
}
