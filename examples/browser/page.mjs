// The npm package in a page, which has no standard input and no files: it asks the program that
// started the browser for them.

import { suite } from "../js-common/suite.mjs";

async function ask(method, path, query = {}, body = undefined) {
  const url = `${path}?${new URLSearchParams(query)}`;
  const response = await fetch(url, { method, body, cache: "no-store" });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status}`);
  return response;
}

const files = {
  read: async (path) => new Uint8Array(await (await ask("GET", "/file", { path })).arrayBuffer()),
  write: (path, bytes) => ask("PUT", "/file", { path }, bytes),
  blob: async (path) => (await ask("GET", "/file", { path })).blob(),
  async open(path) {
    await ask("PATCH", "/file", { path });
    return {
      async *pieces() {
        yield* (await ask("GET", "/file", { path })).body;
      },
      write: (bytes, position) => ask("PATCH", "/file", { path, position }, bytes),
      truncate: (size) => ask("PATCH", "/file", { path, size }),
      close() {},
    };
  },
};

let told = ["host browser follows-redirects hides-headers decodes-bodies"];
const perform = suite(files, (line) => told.push(line));

/** Gives what came of one batch and gets the next. */
async function next() {
  const response = await ask("POST", "/batch", {}, told.join("\n"));
  told = [];
  return (await response.text()).split("\n");
}

try {
  for (;;) for (const line of await next()) await perform(line);
} catch (error) {
  await ask("POST", "/failed", {}, `${error.stack ?? error}`);
}
