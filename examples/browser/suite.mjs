// The npm package in Chromium: starts it with one page, and gives that page the lines of
// tests/hosts/README.md, and the files they name.
//
//     $ printf '1 tags oci+http://127.0.0.1:5000/me/demo\nrun\n' | node suite.mjs chromium PROFILE
//     host browser follows-redirects hides-headers decodes-bodies
//     1 ok tags=el8,el9
//     end
//
// The page is of an origin of its own, so that registries have to let it read them (CORS).

import { spawn } from "node:child_process";
import { X509Certificate, createHash } from "node:crypto";
import { constants, readFileSync, rmSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { createInterface } from "node:readline";

const [chromium, profile] = process.argv.slice(2);

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** What the lines of the last batch name. Nothing else is given to the page, or to whoever asks. */
let named = new Set();

/** The lines of the next batch; nothing at the end of the input. */
async function batch() {
  const asked = [];
  for (;;) {
    const { value, done } = await lines.next();
    if (done) return undefined;
    asked.push(value);
    if (value === "run") break;
  }
  named = new Set(asked.flatMap((line) => line.split(" ")));
  return asked.join("\n");
}

async function collect(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function ofFile(request, query) {
  const path = query.get("path");
  if (!named.has(path)) throw new Error(`${path} is in no line`);
  if (request.method === "GET") return readFile(path);
  const bytes = await collect(request);
  if (request.method === "PUT") return writeFile(path, bytes);
  // Made if it is missing, and kept if it is there.
  const file = await open(path, constants.O_RDWR | constants.O_CREAT);
  try {
    if (query.has("position")) await file.write(bytes, 0, bytes.length, Number(query.get("position")));
    if (query.has("size")) await file.truncate(Number(query.get("size")));
  } finally {
    await file.close();
  }
}

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, "http://host");
  if (pathname === "/file") return ofFile(request, searchParams);
  if (pathname === "/batch") {
    process.stdout.write(`${await collect(request)}\n`);
    return (await batch()) ?? end(0);
  }
  if (pathname === "/failed") {
    process.stderr.write(`${await collect(request)}\n`);
    return end(1);
  }
  response.setHeader("content-type", TYPES[extname(pathname)] ?? "application/octet-stream");
  return readFile(new URL(`..${pathname}`, import.meta.url));
}

const server = createServer(async (request, response) => {
  try {
    response.end(await answer(request, response));
  } catch (error) {
    response.statusCode = 404;
    response.end(`${error}`);
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

/** Whom the browser is to trust, as it wants to be told: the hash of a key in the chain. */
function trusted() {
  const file = process.env.SSL_CERT_FILE;
  if (!file) return [];
  const key = new X509Certificate(readFileSync(file)).publicKey;
  const hash = createHash("sha256").update(key.export({ type: "spki", format: "der" }));
  return [`--ignore-certificate-errors-spki-list=${hash.digest("base64")}`];
}

rmSync(profile, { recursive: true, force: true });
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-sync",
  "--no-first-run",
  // Nobody speaks over these pipes; but the browser ends when they do, so that it never outlives us.
  "--remote-debugging-pipe",
  `--user-data-dir=${profile}`,
  ...trusted(),
];
const page = `http://127.0.0.1:${server.address().port}/browser/page.html`;
const browser = spawn(chromium, [...flags, page], {
  stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
});
const failed = (why) => {
  process.stderr.write(`${chromium}: ${why}\n`);
  process.exit(1);
};
browser.on("error", (error) => failed(error.message));
browser.on("exit", (code) => failed(`it ended with ${code}`));

/** Ends the browser and then this, before anything else is answered. */
function end(code) {
  browser.removeAllListeners("exit");
  browser.on("exit", () => process.exit(code));
  browser.kill();
  return new Promise(() => {});
}
