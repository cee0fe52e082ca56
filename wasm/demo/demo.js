// The demo for pages: a registry that answers in place of the network.

import init, { Demo } from "./ocirepo_demo.js";

/**
 * Publishes the sample in a registry inside this page.
 *
 * @returns {Promise<{ reference: string, fetch: typeof globalThis.fetch }>} where the sample
 *   is, and what answers requests for it.
 */
export default async function demo() {
  await init({ module_or_path: new URL("ocirepo_demo_bg.wasm", import.meta.url) });
  const registry = new Demo();
  return { reference: registry.reference, fetch: (input, options) => answer(registry, input, options) };
}

async function answer(registry, input, options) {
  const request = new Request(input, options);
  request.signal.throwIfAborted();
  const body = new Uint8Array(await request.arrayBuffer());
  const headers = [...request.headers].flat();
  const now = Date.now() / 1000;
  const said = registry.handle(now, request.method, request.url, headers, body);
  try {
    const fields = said.headers;
    const pairs = [];
    for (let at = 0; at < fields.length; at += 2) pairs.push([fields[at], fields[at + 1]]);
    // Those with these statuses have none, by the rules of fetch.
    const empty = request.method === "HEAD" || [204, 205, 304].includes(said.status);
    const response = new Response(empty ? null : said.body, { status: said.status, headers: pairs });
    Object.defineProperty(response, "url", { value: request.url });
    return response;
  } finally {
    said.free();
  }
}
