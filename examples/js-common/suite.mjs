// What hosts in JavaScript have in common: the lines of tests/hosts/README.md, and what the package
// `ocirepo` is asked for them. Where files are and where lines go is up to the host.

import { Client } from "ocirepo";

/** What holds for a batch, unless it says otherwise. */
const settings = (say) => ({
  concurrency: 8,
  retry: { retries: 5, firstWaitMs: 500, longestWaitMs: 30_000, longestRetryAfterMs: 120_000 },
  stallMs: 30_000,
  credentials: {},
  trustedRealms: {},
  onEvent(event) {
    if (event.type === "warning") say(`event warning ${event.text}`);
    if (event.type === "redirect") say(`event redirect ${event.to}`);
  },
});

/** `first-wait-ms` is `firstWaitMs` here. */
const camelCase = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());

function set(options, name, value) {
  // Authorities are the affair of whoever started: a file is named to it in the environment.
  if (name === "ca") return;
  const key = camelCase(name);
  (key in options.retry ? options.retry : options)[key] = Number(value);
}

/** `key=value` and `key` as an object. */
const keyed = (words) =>
  Object.fromEntries(words.map((word) => word.split("=")).map(([key, ...rest]) => [key, rest.join("=")]));

/** `oci+http://HOST:PORT` of a location in it. */
const registryOf = (at) => at.slice(0, at.indexOf("/", at.indexOf("//") + 2));

/** Ends an operation when so many bytes were moved, if that is asked for. */
function limited({ cancel }) {
  if (!cancel) return {};
  const controller = new AbortController();
  const progress = ({ done }) => {
    if (done >= Number(cancel)) controller.abort();
  };
  return { signal: controller.signal, progress };
}

async function pullBlob(client, files, at, size, path, options) {
  const file = await files.open(path);
  try {
    const found = await client.save(at, (chunk, position) => file.write(chunk, position), {
      size: size === "-" ? undefined : Number(size),
      resume: file.pieces(),
      ...limited(options),
    });
    // What was there may have been more than the blob has.
    await file.truncate(found.size);
    return { digest: found.digest, size: found.size };
  } finally {
    await file.close();
  }
}

async function pushBlob(client, files, at, path, options) {
  const { digest, size, uploaded } = await client.push(at, await files.blob(path), {
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
  ping: (client, files, at) => client.ping(registryOf(at)),
  async resolve(client, files, at) {
    const { digest, size, mediaType } = await client.resolve(at);
    return { digest, size, type: mediaType };
  },
  async "pull-manifest"(client, files, at, path) {
    const { bytes, digest, size, mediaType } = await client.manifest(at);
    await files.write(path, bytes);
    return { digest, size, type: mediaType };
  },
  "pull-blob": (client, files, at, size, path, ...options) =>
    pullBlob(client, files, at, size, path, keyed(options)),
  async "pull-range"(client, files, at, first, end, path) {
    const { bytes } = await client.range(at, Number(first), Number(end));
    await files.write(path, bytes);
    return { size: bytes.length };
  },
  exists: async (client, files, at) => ({ there: (await client.exists(at)) ? "yes" : "no" }),
  "push-blob": (client, files, at, path, ...options) =>
    pushBlob(client, files, at, path, keyed(options)),
  "push-manifest": async (client, files, at, path) =>
    client.pushManifest(at, await files.read(path)),
  tags: async (client, files, at) => ({ tags: await client.tags(at) }),
  repositories: async (client, files, at) => ({
    repositories: await client.catalog(registryOf(at)),
  }),
  async referrers(client, files, at, ...options) {
    const found = await client.referrers(at, { artifactType: keyed(options).type });
    return { digests: found.map(({ digest }) => digest) };
  },
  "delete-manifest": (client, files, at) => client.deleteManifest(at),
  "delete-blob": (client, files, at) => client.deleteBlob(at),
};

/**
 * A function that takes one line after the other, and is done when what the line asks for is.
 *
 * `files` has `read(path)`, `write(path, bytes)`, `blob(path)`, and `open(path)` for a file with
 * `pieces()`, `write(bytes, position)`, `truncate(size)` and `close()`: made if it is missing, and
 * kept if it is there.
 */
export function suite(files, tell) {
  const say = (line) => tell(line.replaceAll("\n", " "));
  let options = settings(say);
  let asked = [];

  async function answer(client, id, what, ...words) {
    try {
      const found = (await operations[what](client, files, ...words)) ?? {};
      say([id, "ok", ...Object.entries(found).map(([key, value]) => `${key}=${value}`)].join(" "));
    } catch (error) {
      const kind = error.name === "AbortError" ? "cancelled" : error.kind;
      if (!kind) throw error;
      say(`${id} error ${kind} ${error.message}`);
    }
  }

  async function play() {
    const client = new Client(options);
    await Promise.all(asked.map((words) => answer(client, ...words)));
    await client.settled();
    client.close();
    say("end");
    options = settings(say);
    asked = [];
  }

  return async (line) => {
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
      await play();
    } else {
      asked.push([first, ...rest]);
    }
  };
}
